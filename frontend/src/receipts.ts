// How far each pop got, told to the service: delivered when it is here, rendered when it has been painted, seen when this tab is in front.
// "rendered" is honest: two animation frames after the change the first of them has been painted, and a hidden tab has none.
import type { Ack, Offer } from "./wire.gen";

type Stage = Ack["stage"];

export class Receipts {
  readonly #send: (ack: Ack) => void;
  readonly #newest = new Map<string, number>(); // pop_id -> revision
  #unseen = new Map<string, number>(); // painted behind another tab

  constructor(send: (ack: Ack) => void) {
    this.#send = send;
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "visible") return;
      const unseen = this.#unseen;
      this.#unseen = new Map();
      for (const [popId, revision] of unseen) this.#tell(popId, revision, "seen");
    });
  }

  got({ pop_id, revision }: Offer): void {
    if ((this.#newest.get(pop_id) ?? -1) >= revision) return;
    this.#newest.set(pop_id, revision);
    this.#tell(pop_id, revision, "delivered");
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        if (this.#newest.get(pop_id) !== revision) return; // a newer one was painted instead
        this.#tell(pop_id, revision, "rendered");
        if (document.visibilityState === "visible") this.#tell(pop_id, revision, "seen");
        else this.#unseen.set(pop_id, revision);
      }),
    );
  }

  /** A snapshot came: whatever it shows is acknowledged anew, and what it does not show is over. */
  forget(shown: readonly Offer[]): void {
    this.#newest.clear();
    const still = new Set(shown.map((offer) => offer.pop_id));
    for (const popId of this.#unseen.keys()) if (!still.has(popId)) this.#unseen.delete(popId);
  }

  #tell(popId: string, revision: number, stage: Stage): void {
    this.#send({ type: "ack", pop_id: popId, revision, stage });
  }
}
