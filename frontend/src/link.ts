// The websocket to the service: connects, listens, comes back with growing, jittered pauses. Knows JSON, not what it means.
// A handshake that is refused looks to a page like any lost connection, so each failure asks the session whether we still may.
import type { BrowserMessage } from "./outbox";
import { Outbox } from "./outbox";
import type { ServerMessage } from "./screen";
import { signedIn } from "./session";

const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 15_000;
const PING_MS = 20_000; // proxies commonly cut a connection that is silent for 30 to 60 s
const DEAF_MS = 10_000; // a ping not answered for so long went nowhere: a dead network says nothing by itself for minutes

export interface LinkEvents {
  heard(message: ServerMessage): void;
  lost(): void;
  out(): void;
}

/** The n-th pause before connecting again, in ms: doubling, and anywhere within its upper half so that a crowd does not return as one. */
export function pause(attempt: number, random: number): number {
  const full = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt);
  return full / 2 + (full / 2) * random;
}

export class Link {
  readonly #events: LinkEvents;
  readonly #outbox = new Outbox();
  #socket: WebSocket | null = null;
  #wanted = false;
  #attempt = 0;
  #retry: number | undefined;
  #flush: number | undefined;
  #ping: number | undefined;
  #heardAt = 0;
  #pingedAt: number | null = null; // performance.now(); when a question went out; null: everything was answered

  constructor(events: LinkEvents) {
    this.#events = events;
    // The network is back, or the lid was opened: no reason to sit out the pause.
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#hurry();
    });
  }

  open(): void {
    this.#wanted = true;
    this.#attempt = 0;
    this.#connect();
  }

  close(): void {
    this.#wanted = false;
    clearTimeout(this.#retry);
    this.#drop();
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Send when the service's limit allows; notes wait for a connection, acks of a lost one are dropped. */
  send(message: BrowserMessage): void {
    this.#outbox.put(message);
    this.#pump();
  }

  #connect(): void {
    this.#drop();
    const socket = new WebSocket(new URL("/ws", location.href).href.replace(/^http/, "ws"));
    this.#socket = socket;
    this.#pingedAt = performance.now(); // the handshake is a question too: in a dead network it would hang for minutes
    this.#ping = window.setInterval(() => this.#beat(), PING_MS / 4);
    socket.addEventListener("open", () => {
      this.#outbox.reset();
    });
    socket.addEventListener("message", (event) => {
      const message = parse(event.data);
      if (message === null) return;
      this.#attempt = 0;
      this.#pingedAt = null;
      this.#heardAt = performance.now();
      this.#events.heard(message);
      this.#pump();
    });
    socket.addEventListener("close", () => {
      if (socket === this.#socket) void this.#failed();
    });
  }

  async #failed(): Promise<void> {
    this.#drop();
    if (!this.#wanted) return;
    this.#events.lost();
    const wait = pause(this.#attempt++, Math.random());
    if ((await signedIn()) === "no") {
      if (!this.#wanted) return;
      this.#wanted = false;
      this.#events.out();
      return;
    }
    if (this.#wanted && this.#socket === null) this.#retry = window.setTimeout(() => this.#connect(), wait);
  }

  #hurry(): void {
    if (!this.#wanted || this.#socket !== null) return;
    clearTimeout(this.#retry);
    this.#connect();
  }

  #beat(): void {
    const now = performance.now();
    if (this.#pingedAt !== null) {
      // Closing politely would wait for a peer that is not there.
      if (now - this.#pingedAt >= DEAF_MS) void this.#failed();
    } else if (now - this.#heardAt >= PING_MS) {
      this.send({ type: "ping" });
    }
  }

  #pump(): void {
    clearTimeout(this.#flush);
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    const now = performance.now();
    for (const message of this.#outbox.take(now)) {
      if (message.type === "ping") this.#pingedAt = now;
      socket.send(JSON.stringify(message));
    }
    const delay = this.#outbox.delay(now);
    if (delay !== null) this.#flush = window.setTimeout(() => this.#pump(), delay + 50);
  }

  #drop(): void {
    clearInterval(this.#ping);
    clearTimeout(this.#flush);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}

/** The types of messages, each of them: the compiler says when one is missing. */
const KNOWN: Readonly<Record<ServerMessage["type"], true>> = {
  snapshot: true,
  pop: true,
  "pop.update": true,
  "pop.close": true,
  switch: true,
  extension: true,
  error: true,
  form: true,
  promised: true,
  pong: true,
};

/** The message, or null when it is not one: a newer server may say things this page does not know. */
export function parse(data: unknown): ServerMessage | null {
  if (typeof data !== "string") return null;
  try {
    const message: unknown = JSON.parse(data);
    if (typeof message !== "object" || message === null || !("type" in message)) return null;
    // A cast that is sound: the types are made from the schema the server encodes by.
    return Object.hasOwn(KNOWN, String(message.type)) ? (message as ServerMessage) : null;
  } catch {
    return null;
  }
}
