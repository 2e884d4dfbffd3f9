// Says whether the caller's name has been scrolled away under the bar. Knows an element and an observer, not what it is.
const COVERED = "-88px 0px 0px 0px"; // the bar (44 px) and the strip below it stand over the top of the window

export class HeadWatch {
  readonly #observer: IntersectionObserver;
  #watched: Element | null = null;

  constructor(told: (away: boolean) => void) {
    this.#observer = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.target === this.#watched) told(!entry.isIntersecting);
    }, { rootMargin: COVERED });
  }

  watch(element: Element | null): void {
    if (element === this.#watched) return;
    this.#observer.disconnect();
    this.#watched = element;
    if (element) this.#observer.observe(element);
  }
}
