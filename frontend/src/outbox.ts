// What the page sends, within the service's limit of 60 messages a minute. Pure: `now` (ms) is an argument.
// Notes and choices go first; an ack gives way to a newer one of the same pop; a ping is sent when nothing else was.
import type { Ack, Choose, FormEdit, Found, Note, Ping, PromiseCallback, Proposed, Wrong } from "./wire.gen";

export type BrowserMessage = Ack | Note | Choose | Ping | FormEdit | Found | PromiseCallback | Proposed | Wrong;

const WINDOW_MS = 60_000;
const LIMIT = 54; // of the service's 60: its clock and ours need not agree about when a minute begins
const RESERVED = 14; // of these, acks leave so many for what an operator types

export class Outbox {
  #waiting: BrowserMessage[] = [];
  #sentAt: number[] = [];

  put(message: BrowserMessage): void {
    this.#waiting = this.#waiting.filter((other) => !replaces(message, other));
    this.#waiting.push(message);
  }

  /** Take what may be sent now, most important first. */
  take(now: number): BrowserMessage[] {
    this.#sentAt = this.#sentAt.filter((at) => now - at < WINDOW_MS);
    const going: BrowserMessage[] = [];
    const staying: BrowserMessage[] = [];
    for (const message of [...this.#waiting].sort((a, b) => weight(a) - weight(b))) {
      const room = LIMIT - (weight(message) === 0 ? 0 : RESERVED);
      if (this.#sentAt.length < room) {
        this.#sentAt.push(now);
        going.push(message);
      } else staying.push(message);
    }
    this.#waiting = staying;
    return going;
  }

  /** Ms until something waiting may go, null when nothing waits. */
  delay(now: number): number | null {
    if (this.#waiting.length === 0) return null;
    const urgent = this.#waiting.some((message) => weight(message) === 0);
    const room = LIMIT - (urgent ? 0 : RESERVED);
    const blocking = this.#sentAt[this.#sentAt.length - room];
    return blocking === undefined ? 0 : Math.max(0, blocking + WINDOW_MS - now);
  }

  /** A new connection: acks of the old one mean nothing, and the service counts anew. */
  reset(): void {
    this.#waiting = this.#waiting.filter((message) => message.type !== "ack" && message.type !== "ping");
    this.#sentAt = [];
  }
}

function weight(message: BrowserMessage): number {
  return message.type === "ack" || message.type === "ping" ? 1 : 0;
}

function replaces(fresh: BrowserMessage, old: BrowserMessage): boolean {
  if (fresh.type === "ping" || old.type === "ping") return fresh.type === old.type;
  if (fresh.type !== old.type || fresh.pop_id !== old.pop_id) return false;
  if (fresh.type === "form" && old.type === "form") return fresh.interaction_id === old.interaction_id;
  if (fresh.type === "proposed" && old.type === "proposed") return fresh.proposal === old.proposal;
  return fresh.type !== "ack" || old.type !== "ack" || fresh.stage === old.stage;
}
