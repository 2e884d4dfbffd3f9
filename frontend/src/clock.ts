// Time on the page: one heartbeat for every running clock, and an element that shows what a function says about now.
// It changes only its own text, never its size's owner: nothing around it moves, and no screen reader is told.

type Tick = (now: number) => void;

const ticks = new Set<Tick>();
let heartbeat: number | undefined;

/** Call `tick` now and every second, until the returned function is called. */
export function everySecond(tick: Tick): () => void {
  ticks.add(tick);
  heartbeat ??= window.setInterval(() => {
    const now = Date.now();
    for (const each of ticks) each(now);
  }, 1000);
  tick(Date.now());
  return () => {
    ticks.delete(tick);
    if (ticks.size === 0) {
      clearInterval(heartbeat);
      heartbeat = undefined;
    }
  };
}

/** <ct-clock .shows=${(now) => "0:42"}>: `now` is this browser's clock in ms. */
export class Clock extends HTMLElement {
  #shows: (now: number) => string = () => "";
  #stop: (() => void) | undefined;

  set shows(shows: (now: number) => string) {
    this.#shows = shows;
    this.#tick(Date.now());
  }

  connectedCallback(): void {
    this.setAttribute("aria-live", "off");
    this.#stop = everySecond((now) => this.#tick(now));
  }

  disconnectedCallback(): void {
    this.#stop?.();
  }

  #tick(now: number): void {
    const text = this.#shows(now);
    if (text !== this.textContent) this.textContent = text;
  }
}

customElements.define("ct-clock", Clock);
