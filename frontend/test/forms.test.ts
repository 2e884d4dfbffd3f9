// Drafts of forms: what is sent, what clashes, what an answer settles.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answered, begin, clashes, leave, sending, settleField, toSend, unsent, write, type FormDrafts } from "../src/forms";
import type { FormAnswer, Interaction } from "../src/wire.gen";

function it(form: Record<string, string>, revision = 1): Interaction {
  return {
    interaction_id: "i-7", customer_id: "K1", medium: "web", topic: "credit", title: "", status: "open", opened_at: "2026-03-02T09:00:00Z",
    updated_at: "2026-03-02T09:00:00Z", owner: null, outcome: "", form, events: [], identifier: null, source: "", external_id: "", revision, flags: [],
  };
}

function answer(form: Record<string, string>, saved: boolean, revision = 2): FormAnswer {
  return { pop_id: "p1", interaction: it(form, revision), saved, type: "form", v: 1 };
}

const BEGUN: FormDrafts = begin({}, "p1", "i-7");

test("only what is different is sent, and typing it back is no change", () => {
  const form = it({ amount: "100", income: "" });
  const typed = write(write(BEGUN, form, "income", "50"), form, "amount", "100");
  assert.deepEqual(toSend(typed["i-7"], form), { income: "50" });
  assert.equal(toSend(write(typed, form, "income", "")["i-7"], form), null);
  assert.equal(toSend(sending(typed, "i-7")["i-7"], form), null);
  assert.deepEqual(toSend(unsent(sending(typed, "i-7"))["i-7"], form), { income: "50" });
});

test("what others change elsewhere is taken over, what they change here is shown", () => {
  const before = it({ amount: "100", income: "" });
  const typed = write(BEGUN, before, "income", "50");
  const elsewhere = it({ amount: "200", income: "" }, 2);
  assert.deepEqual(toSend(typed["i-7"], elsewhere), { income: "50" });
  const here = it({ amount: "100", income: "70" }, 2);
  assert.equal(clashes(typed["i-7"]?.fields["income"], "70"), true);
  assert.equal(toSend(typed["i-7"], here), null);
  assert.deepEqual(toSend(settleField(typed, here, "income", "mine")["i-7"], here), { income: "50" });
  assert.equal(toSend(settleField(typed, here, "income", "theirs")["i-7"], here), null);
});

test("a form that was saved is closed, one that was not stays with all that was written", () => {
  const before = it({ amount: "100", income: "" });
  const sent = sending(write(BEGUN, before, "income", "50"), "i-7");
  assert.deepEqual(answered(sent, answer({ amount: "100", income: "50" }, true)), {});
  const refused = answered(sent, answer({ amount: "100", income: "70" }, false));
  assert.equal(refused["i-7"]?.fields["income"]?.mine, "50");
  assert.equal(refused["i-7"]?.sending, false);
  assert.deepEqual(answered({}, answer({}, true)), {});
  assert.deepEqual(leave(sent, "i-7"), {});
});

test("what was typed while it was being saved is not lost with the answer", () => {
  const before = it({ amount: "100", income: "" });
  const sent = sending(write(BEGUN, before, "income", "50"), "i-7");
  const more = write(sent, before, "amount", "300");
  const after = answered(more, answer({ amount: "100", income: "50" }, true));
  assert.deepEqual(toSend(after["i-7"], it({ amount: "100", income: "50" }, 2)), { amount: "300" });
});
