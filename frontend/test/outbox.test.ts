import assert from "node:assert/strict";
import { test } from "node:test";
import { pause } from "../src/link";
import { actionOf } from "../src/keys";
import { Outbox } from "../src/outbox";

test("never more than the service allows in a minute, and notes get through a flood of acks", () => {
  const outbox = new Outbox();
  for (let i = 0; i < 200; i++) outbox.put({ type: "ack", pop_id: `p${i}`, revision: 1, stage: "delivered" });
  assert.equal(outbox.take(0).length, 40);
  outbox.put({ type: "note", pop_id: "p", text: "x", code: "" });
  assert.deepEqual(outbox.take(10).map((it) => it.type), ["note"]);
  assert.equal(outbox.take(59_000).length, 0);
  const delay = outbox.delay(59_000);
  assert.ok(delay !== null && delay > 0 && delay <= 1000);
  assert.equal(outbox.take(60_001).length, 39);
});

test("a newer ack or note of the same pop takes the place of one still waiting", () => {
  const outbox = new Outbox();
  for (const revision of [1, 2, 3]) outbox.put({ type: "ack", pop_id: "p", revision, stage: "seen" });
  outbox.put({ type: "note", pop_id: "p", text: "a", code: "" });
  outbox.put({ type: "note", pop_id: "p", text: "ab", code: "" });
  assert.deepEqual(outbox.take(0), [{ type: "note", pop_id: "p", text: "ab", code: "" }, { type: "ack", pop_id: "p", revision: 3, stage: "seen" }]);
  assert.equal(outbox.delay(0), null);
});

test("a new connection keeps notes and forgets acks", () => {
  const outbox = new Outbox();
  outbox.put({ type: "ack", pop_id: "p", revision: 1, stage: "seen" });
  outbox.put({ type: "note", pop_id: "p", text: "a", code: "" });
  outbox.reset();
  assert.deepEqual(outbox.take(0).map((it) => it.type), ["note"]);
});

test("pauses before reconnecting double, are jittered and bounded", () => {
  assert.deepEqual([0, 1, 2].map((n) => pause(n, 1)), [300, 600, 1200]);
  assert.equal(pause(0, 0), 150);
  assert.equal(pause(50, 1), 15_000);
});

test("shortcuts go by the key's place, leave typing alone and know Ctrl is not ours", () => {
  const press = { key: "Т", code: "KeyN", altKey: true, shiftKey: true, ctrlKey: false, metaKey: false }; // a Ukrainian layout
  assert.equal(actionOf(press, true), "note");
  assert.equal(actionOf({ ...press, ctrlKey: true }, false), null);
  const question = { key: "?", code: "Slash", altKey: false, shiftKey: true, ctrlKey: false, metaKey: false };
  assert.equal(actionOf(question, false), "help");
  assert.equal(actionOf(question, true), null);
});
