// Several tabs of one operator: one of them leads, and only it rings and notifies; notes typed in one appear in the others.
// The lead is a Web Lock: the browser gives it to the next tab at once when this one closes or crashes. Web Locks exist only on
// secure origins (https or localhost); elsewhere the tab in front leads, which rings once as well.
import type { Draft } from "./screen";

const NAME = "ctiroute";

export type Told =
  | { readonly kind: "draft"; readonly popId: string; readonly draft: Draft }
  | { readonly kind: "signed-in" }
  | { readonly kind: "signed-out" };

export class Tabs {
  readonly #channel = new BroadcastChannel(NAME);
  #leads = false;

  constructor(told: (message: Told) => void, changed: () => void) {
    this.#channel.addEventListener("message", (event) => told(event.data as Told));
    const locks = (navigator as Partial<Navigator>).locks;
    if (locks) {
      void locks.request(`${NAME}-lead`, () => {
        this.#leads = true;
        changed();
        return new Promise<never>(() => undefined); // held for as long as this tab lives
      });
    } else {
      const look = (): void => {
        this.#leads = document.hasFocus() || document.visibilityState === "visible";
        changed();
      };
      for (const event of ["focus", "blur", "visibilitychange"]) addEventListener(event, look);
      look();
    }
  }

  get leads(): boolean {
    return this.#leads;
  }

  tell(message: Told): void {
    this.#channel.postMessage(message);
  }
}
