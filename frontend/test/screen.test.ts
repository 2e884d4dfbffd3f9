import assert from "node:assert/strict";
import { test } from "node:test";
import { activePop, isUnsent, reduce, START, type Screen, type ScreenEvent, type ServerMessage } from "../src/screen";
import { iso, NOW, pop, says, snapshot } from "./pops";

const heard = (message: ServerMessage, writing = false): ScreenEvent => ({ kind: "heard", message, at: NOW, writing });
const play = (...events: ScreenEvent[]): Screen => events.reduce(reduce, START);
const shown = (screen: Screen): string[] => screen.pops.map((it) => it.offer.pop_id);

test("a snapshot replaces everything and sets the clock right", () => {
  const screen = play(heard(snapshot([pop("a")])), heard(snapshot([pop("b")])));
  assert.deepEqual(shown(screen), ["b"]);
  assert.equal(screen.activeId, "b");
  assert.equal(screen.skewMs, 2000);
  assert.equal(screen.link, "open");
});

test("the highest revision wins, whatever the order of arrival", () => {
  const screen = play(
    heard(snapshot([])),
    heard(says("pop.update", pop("a", { revision: 3, state: "talking" }))),
    heard(says("pop", pop("a", { revision: 1 }))),
    heard(says("pop.update", pop("a", { revision: 3, state: "held" }))),
  );
  assert.equal(activePop(screen)?.offer.state, "talking");
});

test("a second call never takes the place of the one in hand", () => {
  const screen = play(heard(snapshot([pop("a", { state: "talking" })])), heard(says("pop", pop("b", { offered_at: iso(60) }))));
  assert.equal(screen.activeId, "a");
  assert.deepEqual(shown(screen), ["b", "a"]);
});

test("an ended call stays while its note is being written, and gives way when there is none", () => {
  const ended = heard(says("pop.close", pop("a", { revision: 2, state: "ended", ended_at: iso(30) })));
  const ring = heard(says("pop", pop("b", { offered_at: iso(60) })));
  const start = heard(snapshot([pop("a", { state: "talking" })]));
  assert.equal(play(start, { kind: "typed", popId: "a", text: "x" }, ended, ring).activeId, "a");
  assert.equal(play(start, ended, { ...ring, writing: true } as ScreenEvent).activeId, "a");
  const gone = play(start, ended, ring);
  assert.equal(gone.activeId, "b");
  assert.deepEqual(shown(gone), ["b"]);
});

test("an unanswered call becomes a line in the missed list, once", () => {
  const missed = heard(says("pop.close", pop("a", { revision: 2, state: "missed", ended_at: iso(18) })));
  const screen = play(heard(snapshot([pop("a")])), missed, missed);
  assert.deepEqual(shown(screen), []);
  assert.deepEqual(screen.missed.map((it) => [it.pop_id, it.rang_s]), [["a", 18]]);
});

test("a call a colleague took is no missed call", () => {
  const screen = play(heard(snapshot([pop("a")])), heard(says("pop.close", pop("a", { revision: 2, state: "missed", elsewhere: true, ended_at: iso(9) }))));
  assert.equal(screen.missed.length, 0);
  assert.equal(screen.activeId, null);
});

test("a note that was not sent outlives a snapshot without its call", () => {
  const screen = play(heard(snapshot([pop("a", { state: "talking" })])), { kind: "typed", popId: "a", text: "half a sen" }, { kind: "lost" }, heard(snapshot([])));
  assert.equal(activePop(screen)?.offer.state, "ended");
  assert.equal(screen.drafts["a"]?.text, "half a sen");
  const sent = [{ kind: "sent", popId: "a", text: "half a sen", code: "" } as const, { kind: "done", popId: "a" } as const].reduce(reduce, screen);
  assert.deepEqual([shown(sent), sent.drafts], [[], {}]);
});

test("signing out leaves nothing of any customer behind", () => {
  assert.deepEqual(play(heard(snapshot([pop("a")])), { kind: "typed", popId: "a", text: "x" }, { kind: "out" }), { ...START, link: "out" });
});

test("a live call cannot be put away", () => {
  assert.deepEqual(shown(play(heard(snapshot([pop("a", { state: "talking" })])), { kind: "done", popId: "a" })), ["a"]);
});

test("the link is lost only after something was heard", () => {
  assert.equal(play({ kind: "connecting" }, { kind: "lost" }).link, "connecting");
  assert.equal(play(heard(snapshot([])), { kind: "lost" }).link, "lost");
});

test("a refused choice can be made again", () => {
  const refused = heard({ type: "error", v: 1, code: "not-yours", detail: "no" });
  const screen = play(heard(snapshot([pop("a")])), { kind: "chose", popId: "a", customerId: "c1" }, refused);
  assert.deepEqual([screen.chosen, screen.refusal], [{}, "no"]);
});

test("a choice stays pending until the service says who it is", () => {
  const two = pop("a", {}, { context: { identity: { kind: "ambiguous", customers: [] } } as never });
  const chose = play(heard(snapshot([two])), { kind: "chose", popId: "a", customerId: "c1" });
  const still = reduce(chose, heard(says("pop.update", { ...two, offer: { ...two.offer, revision: 2 } })));
  assert.deepEqual(still.chosen, { a: "c1" });
  const known = pop("a", { revision: 3 }, { context: { identity: { kind: "known", customers: [] } } as never });
  assert.deepEqual(reduce(still, heard(says("pop.update", known))).chosen, {});
});

test("after a choice the candidates keep their order, whoever the service puts first, until the pop is over", () => {
  const person = (id: string): object => ({ customer_id: id, name: id, language: null, attributes: {}, identifiers: [] });
  const asks = (revision: number, kind: string, ...ids: string[]): ScreenEvent =>
    heard(says("pop.update", pop("a", { revision }, { context: { identity: { kind, customers: ids.map(person) } } as never })));
  const ids = (screen: Screen): string[] | undefined => screen.candidates["a"]?.map((it) => it.customer_id);
  const start = play(heard(snapshot([])), asks(1, "ambiguous", "c1", "c2", "c3"), { kind: "chose", popId: "a", customerId: "c2" });
  const chosen = reduce(start, asks(2, "known", "c2", "c1", "c3"));
  assert.deepEqual([ids(chosen), chosen.chosen], [["c1", "c2", "c3"], {}]);
  const again = reduce(chosen, { kind: "chose", popId: "a", customerId: "c3" });
  assert.deepEqual(reduce(again, asks(3, "known", "c2", "c1", "c3")).chosen, { a: "c3" });
  assert.deepEqual(ids(reduce(chosen, asks(3, "known", "c2"))), ["c1", "c2", "c3"]);
  assert.equal(ids(reduce(chosen, asks(3, "known", "c9"))), undefined);
  assert.equal(ids(reduce(chosen, asks(3, "unknown"))), undefined);
  assert.deepEqual(reduce(chosen, heard(snapshot([]))).candidates, {});
});

test("one person is nobody to choose from", () => {
  const identity = { kind: "known", customers: [{ customer_id: "c1", name: "A" }] };
  assert.deepEqual(play(heard(snapshot([pop("a", {}, { context: { identity } as never })]))).candidates, {});
});

test("a note refused for the moment counts as unsent, and sending it again takes the refusal away", () => {
  const typed = play(heard(snapshot([pop("a")])), { kind: "typed", popId: "a", text: "x" }, { kind: "sent", popId: "a", text: "x", code: "" });
  const refused = reduce(typed, heard({ type: "error", v: 1, code: "unavailable", detail: "later" }));
  assert.deepEqual([refused.drafts["a"], refused.refusal], [{ text: "x", sent: "", sentCode: "" }, "later"]);
  assert.equal(reduce(refused, { kind: "sent", popId: "a", text: "x", code: "" }).refusal, "");
});

test("control and bidirectional characters never enter the screen, keys that are sent back stay as they are", () => {
  const told = pop("a\u0001", {}, { headline: "a\u202eb\u2066c\u0000\td\ne\u200f", fields: [["la\u202abel", "va\u009blue"]] });
  const shownPop = activePop(play(heard(snapshot([told]))));
  assert.equal(shownPop?.headline, "abc\td\ne\u200f");
  assert.deepEqual(shownPop?.fields, [["label", "value"]]);
  assert.equal(shownPop?.offer.pop_id, "a\u0001");
});

test("a callback that was ordered from a pop stands there until the next snapshot of nobody", () => {
  const promised = heard({ type: "promised", pop_id: "a", callback_id: "cb", asked_at: iso(60), due_at: iso(90), v: 1 });
  const refused = heard({ type: "error", code: "refused", detail: "its window is over", v: 1 });
  const screen = play(heard(snapshot([pop("a", { state: "talking" })])), refused, promised);
  assert.equal(screen.promised["a"]?.due_at, iso(90));
  assert.equal(screen.refusal, "");
  assert.deepEqual(reduce(screen, { kind: "out" }).promised, {});
});

test("a wrap-up code is part of the draft: it goes out with the note, and again when it was refused", () => {
  const talking = heard(snapshot([pop("a", { state: "talking" })]));
  const chosen = play(talking, { kind: "typed", popId: "a", text: "x" }, { kind: "sent", popId: "a", text: "x", code: "" }, { kind: "coded", popId: "a", code: "sold" });
  assert.equal(isUnsent(chosen.drafts["a"]), true);
  const sent = reduce(chosen, { kind: "sent", popId: "a", text: "x", code: "sold" });
  assert.equal(isUnsent(sent.drafts["a"]), false);
  const typed = reduce(sent, { kind: "typed", popId: "a", text: "xy" });
  assert.deepEqual(typed.drafts["a"], { text: "xy", sent: "x", code: "sold", sentCode: "sold" });
  const refused = reduce(sent, heard({ type: "error", code: "unavailable", detail: "", v: 1 }));
  assert.equal(isUnsent(refused.drafts["a"]), true);
});
