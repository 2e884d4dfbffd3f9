// What the operator's screen holds, and how it changes: one pure function of (screen, event). Times are arguments; no DOM, no network.
// The server's rule is simple and so is ours: the highest revision of each pop wins, a snapshot replaces everything.
import { clean } from "./clean";
import { answered, unsent, type FormDrafts } from "./forms";
import type { CallbackPromised, Customer, ErrorMessage, ExtensionMessage, FormAnswer, Interaction, MissedCall, Operator, Pong, PopMessage, ScreenPop, Snapshot, SwitchMessage, SwitchState } from "./wire.gen";

export type ServerMessage = Snapshot | PopMessage | SwitchMessage | ExtensionMessage | ErrorMessage | FormAnswer | CallbackPromised | Pong;

export type Link =
  | "starting" // not known yet whether anybody is signed in
  | "out" // nobody is signed in
  | "connecting" // signed in, nothing heard yet
  | "open"
  | "lost"; // was open; what is shown is the last that was heard

/** An operator's note as it stands on the page. */
export interface Draft {
  readonly text: string;
  readonly sent: string; // what the service has of it
  readonly code?: string; // the wrap-up code; none: "" or not there
  readonly sentCode?: string; // what the service has of that
}

export interface Screen {
  readonly link: Link;
  readonly heardAt: number | null; // ms of this browser's clock; null: nothing yet
  readonly skewMs: number; // the server's clock minus ours
  readonly operator: Operator | null;
  readonly pops: readonly ScreenPop[]; // newest offer first
  readonly activeId: string | null; // the one shown large
  readonly missed: readonly MissedCall[]; // newest first
  readonly switches: readonly SwitchState[];
  readonly takenBy: string | null; // who took our extension
  readonly drafts: Readonly<Record<string, Draft>>; // by pop_id
  readonly forms: FormDrafts;
  readonly candidates: Readonly<Record<string, readonly Customer[]>>; // by pop_id: who it may be, in the order first told
  readonly chosen: Readonly<Record<string, string>>; // pop_id -> customer_id the operator chose, until the service confirms
  readonly promised: Readonly<Record<string, CallbackPromised>>; // by pop_id: callbacks that were ordered from these pops
  readonly refusal: string; // why the service refused our last message; "" when it did not
}

export type ScreenEvent =
  | { readonly kind: "connecting" }
  | { readonly kind: "lost" }
  | { readonly kind: "out" }
  | { readonly kind: "heard"; readonly message: ServerMessage; readonly at: number; readonly writing: boolean } // writing: the note has the focus
  | { readonly kind: "typed"; readonly popId: string; readonly text: string }
  | { readonly kind: "coded"; readonly popId: string; readonly code: string }
  | { readonly kind: "sent"; readonly popId: string; readonly text: string; readonly code: string }
  | { readonly kind: "restored"; readonly drafts: Readonly<Record<string, Draft>> }
  | { readonly kind: "chose"; readonly popId: string; readonly customerId: string }
  | { readonly kind: "form"; readonly does: (drafts: FormDrafts) => FormDrafts } // the operator's hand in a form
  | { readonly kind: "opened"; readonly popId: string }
  | { readonly kind: "done"; readonly popId: string };

export const MAX_NOTE = 4000; // the service keeps no more
const MAX_MISSED = 50;
const NO_DRAFT: Draft = { text: "", sent: "" };

export const START: Screen = {
  link: "starting",
  heardAt: null,
  skewMs: 0,
  operator: null,
  pops: [],
  activeId: null,
  missed: [],
  switches: [],
  takenBy: null,
  drafts: {},
  forms: {},
  candidates: {},
  chosen: {},
  promised: {},
  refusal: "",
};

export function reduce(screen: Screen, event: ScreenEvent): Screen {
  switch (event.kind) {
    case "connecting":
      return { ...screen, link: screen.heardAt === null ? "connecting" : "lost" };
    case "lost":
      return { ...screen, forms: unsent(screen.forms), link: screen.heardAt === null ? "connecting" : "lost" };
    case "out":
      return { ...START, link: "out" }; // nothing of a customer stays on a screen nobody is signed in at
    case "heard":
      return hear({ ...screen, link: "open", heardAt: event.at }, clean(event.message), event.at, event.writing);
    case "typed": {
      const before = screen.drafts[event.popId] ?? NO_DRAFT;
      return { ...screen, refusal: "", drafts: { ...screen.drafts, [event.popId]: { ...before, text: event.text.slice(0, MAX_NOTE) } } };
    }
    case "coded": {
      const before = screen.drafts[event.popId] ?? NO_DRAFT;
      return { ...screen, refusal: "", drafts: { ...screen.drafts, [event.popId]: { ...before, code: event.code } } };
    }
    case "sent": {
      const draft = screen.drafts[event.popId];
      return draft ? { ...screen, refusal: "", drafts: { ...screen.drafts, [event.popId]: { ...draft, sent: event.text, sentCode: event.code } } } : screen;
    }
    case "restored":
      return { ...screen, drafts: { ...event.drafts, ...screen.drafts } };
    case "chose":
      return { ...screen, refusal: "", chosen: { ...screen.chosen, [event.popId]: event.customerId } };
    case "form":
      return { ...screen, refusal: "", forms: event.does(screen.forms) };
    case "opened":
      return screen.pops.some((pop) => pop.offer.pop_id === event.popId) ? { ...screen, activeId: event.popId } : screen;
    case "done":
      return settle({ ...screen, pops: screen.pops.filter((pop) => pop.offer.pop_id !== event.popId || isLive(pop)) }, false);
  }
}

export function isLive(pop: ScreenPop): boolean {
  return pop.offer.state === "ringing" || pop.offer.state === "talking" || pop.offer.state === "held";
}

function hasDraft(draft: Draft | undefined): boolean {
  return draft !== undefined && (draft.text !== "" || (draft.code ?? "") !== "");
}

export function isUnsent(draft: Draft | undefined): boolean {
  return draft !== undefined && (draft.text !== draft.sent || (draft.code ?? "") !== (draft.sentCode ?? ""));
}

export function activePop(screen: Screen): ScreenPop | null {
  return screen.pops.find((pop) => pop.offer.pop_id === screen.activeId) ?? null;
}

/** Whether the same message may be taken when it is sent again a little later. */
export function isPassing(error: ErrorMessage): boolean {
  return error.code === "too-fast" || error.code === "unavailable";
}

/** The one customer it is, or null. After an operator's choice the other candidates follow the chosen one. */
export function customerOf(pop: ScreenPop): Customer | null {
  const identity = pop.context?.identity;
  return identity?.kind === "known" ? (identity.customers[0] ?? null) : null;
}

/** The name to show, when there is one customer; "" otherwise. Several candidates have no name: nobody guesses. */
export function callerName(pop: ScreenPop): string {
  return customerOf(pop)?.name ?? "";
}

function hear(screen: Screen, message: ServerMessage, at: number, writing: boolean): Screen {
  switch (message.type) {
    case "snapshot":
      return settle(replaceAll(screen, message, at), writing);
    case "pop":
    case "pop.update":
    case "pop.close":
      return settle(takePop(screen, message), writing);
    case "switch":
      return { ...screen, switches: [...screen.switches.filter((it) => it.name !== message.switch.name), message.switch] };
    case "extension":
      return { ...screen, takenBy: message.taken_by };
    case "form":
      return { ...screen, pops: screen.pops.map((pop) => withInteraction(pop, message.interaction)), forms: answered(screen.forms, message) };
    case "promised":
      return { ...screen, refusal: "", promised: { ...screen.promised, [message.pop_id]: message } };
    case "error":
      return { ...screen, forms: unsent(screen.forms), refusal: message.detail, chosen: {}, drafts: unsaved(screen, message) }; // a choice that was refused can be made again
    case "pong":
      return { ...screen, skewMs: Date.parse(message.server_time) - at };
  }
}

/** A pop with an interaction as it is now; one that is newer already stays. A pop that is over gets no more revisions, but answers. */
function withInteraction(pop: ScreenPop, it: Interaction): ScreenPop {
  if (!pop.context?.interactions.some((known) => known.interaction_id === it.interaction_id && known.revision < it.revision)) return pop;
  const interactions = pop.context.interactions.map((known) => (known.interaction_id === it.interaction_id ? it : known));
  return { ...pop, context: { ...pop.context, interactions } };
}

/** What the service refused is not saved. It does not say which note it was; sending one twice does no harm. */
function unsaved({ drafts, activeId }: Screen, error: ErrorMessage): Screen["drafts"] {
  if (error.code === "bad-message") return drafts;
  return Object.fromEntries(Object.entries(drafts).map(([id, draft]) => [id, isPassing(error) || id === activeId ? { ...draft, sent: "", sentCode: "" } : draft]));
}

function replaceAll(screen: Screen, snapshot: Snapshot, at: number): Screen {
  const told = new Map(snapshot.pops.map((pop) => [pop.offer.pop_id, pop]));
  // A note that never reached the service must not vanish with its pop: the call ended while we were away.
  const unsent = screen.pops
    .filter((pop) => !told.has(pop.offer.pop_id) && isUnsent(screen.drafts[pop.offer.pop_id]))
    .map((pop) => (isLive(pop) ? { ...pop, offer: { ...pop.offer, state: "ended" as const, ended_at: snapshot.server_time } } : pop));
  return {
    ...screen,
    skewMs: Date.parse(snapshot.server_time) - at,
    operator: snapshot.operator,
    pops: newestFirst([...snapshot.pops, ...unsent]),
    missed: snapshot.missed,
    switches: snapshot.switches,
    takenBy: snapshot.extension_taken_by,
    chosen: {},
    refusal: "",
  };
}

function takePop(screen: Screen, { pop }: PopMessage): Screen {
  const { pop_id, revision, state, elsewhere } = pop.offer;
  const known = screen.pops.find((it) => it.offer.pop_id === pop_id);
  if (known && known.offer.revision >= revision) return screen;
  const others = screen.pops.filter((it) => it.offer.pop_id !== pop_id);
  const { [pop_id]: chosen, ...stillChosen } = screen.chosen;
  const next = { ...screen, chosen: chosen !== undefined && isAwaited(pop, chosen) ? screen.chosen : stillChosen };
  if (state === "missed" || (state === "ended" && elsewhere)) {
    // Something written while it rang outlives the ringing.
    const kept = isUnsent(screen.drafts[pop_id]) ? newestFirst([...others, pop]) : others;
    return { ...next, pops: kept, missed: state === "missed" && !elsewhere ? withMissed(screen.missed, pop) : screen.missed };
  }
  return { ...next, pops: newestFirst([...others, pop]) };
}

/** Whether the service has not yet followed the operator's choice. */
function isAwaited(pop: ScreenPop, chosen: string): boolean {
  const identity = pop.context?.identity;
  return identity?.kind === "ambiguous" || (identity?.kind === "known" && identity.customers.length > 1 && identity.customers[0]?.customer_id !== chosen);
}

/** The candidates of the pops shown. The service puts the chosen one first; a list that reorders under the pointer is chosen from wrongly. */
function candidatesOf(pops: readonly ScreenPop[], known: Screen["candidates"]): Screen["candidates"] {
  return Object.fromEntries(
    pops.flatMap((pop): [string, readonly Customer[]][] => {
      const id = pop.offer.pop_id;
      const before = known[id] ?? [];
      const told = pop.context?.identity.customers ?? [];
      const isIn = (people: readonly Customer[], one: Customer): boolean => people.some((it) => it.customer_id === one.customer_id);
      // One who was among several: the choice was followed, and the card keeps its room. Several: these are the ones.
      const kept = told.length === 1 ? (told.every((it) => isIn(before, it)) ? before : []) : before.filter((it) => isIn(told, it));
      const all = [...kept, ...told.filter((it) => !isIn(kept, it))];
      return all.length > 1 ? [[id, all]] : [];
    }),
  );
}

function withMissed(missed: readonly MissedCall[], { offer, ...pop }: ScreenPop): readonly MissedCall[] {
  const line: MissedCall = {
    pop_id: offer.pop_id,
    operator_id: offer.operator_id,
    call_id: offer.call_id,
    caller_number: pop.caller_number,
    caller_name: callerName({ offer, ...pop }),
    headline: pop.headline,
    offered_at: offer.offered_at,
    rang_s: offer.ended_at ? Math.max(0, (Date.parse(offer.ended_at) - Date.parse(offer.offered_at)) / 1000) : 0,
  };
  return [line, ...missed.filter((it) => it.pop_id !== line.pop_id)].sort((a, b) => b.offered_at.localeCompare(a.offered_at)).slice(0, MAX_MISSED);
}

function newestFirst(pops: readonly ScreenPop[]): readonly ScreenPop[] {
  return [...pops].sort((a, b) => Date.parse(b.offer.offered_at) - Date.parse(a.offer.offered_at));
}

/** Choose what stands large. A call in hand, or a note in hand, is never pushed aside by another call. */
function settle(screen: Screen, writing: boolean): Screen {
  const active = activePop(screen);
  const inHand = active !== null && (isLive(active) || writing || hasDraft(screen.drafts[active.offer.pop_id]));
  const best =
    screen.pops.find((pop) => pop.offer.state === "talking" || pop.offer.state === "held") ??
    screen.pops.find((pop) => pop.offer.state === "ringing") ??
    screen.pops.find((pop) => pop.offer.pop_id === screen.activeId) ??
    screen.pops[0];
  const activeId = inHand ? active.offer.pop_id : (best?.offer.pop_id ?? null);
  // Ended calls beside the one shown are over and done unless something was written that is still on its way.
  const pops = screen.pops.filter((pop) => isLive(pop) || pop.offer.pop_id === activeId || isUnsent(screen.drafts[pop.offer.pop_id]));
  const kept = new Set(pops.map((pop) => pop.offer.pop_id));
  const drafts = Object.fromEntries(Object.entries(screen.drafts).filter(([id]) => kept.has(id)));
  const forms = Object.fromEntries(Object.entries(screen.forms).filter(([, draft]) => kept.has(draft.popId)));
  return { ...screen, pops, activeId, drafts, forms, candidates: candidatesOf(pops, screen.candidates) };
}
