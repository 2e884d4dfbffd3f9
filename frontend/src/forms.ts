// What an operator writes into the form of an interaction, until the service has it. Pure: no DOM, no network.
// A draft holds only the fields he changed, each beside what stood there when he began. What others change meanwhile is taken over
// where he wrote nothing, and shown beside his own where he did: nobody's words are lost without being seen.
import type { FormAnswer, Interaction } from "./wire.gen";

export interface FormField {
  readonly mine: string;
  readonly base: string; // what stood there when this was begun, or was shown as theirs
}

export interface FormDraft {
  readonly popId: string;
  readonly fields: Readonly<Record<string, FormField>>; // by label
  readonly sending: boolean; // until the service answers, or the line is lost
}

/** By interaction_id. One is there while its form is being edited, changed or not. */
export type FormDrafts = Readonly<Record<string, FormDraft>>;

export const MAX_FIELD = 2000; // characters the service takes

export function begin(drafts: FormDrafts, popId: string, id: string): FormDrafts {
  return { ...drafts, [id]: { popId, fields: {}, sending: false } };
}

export function leave(drafts: FormDrafts, id: string): FormDrafts {
  const { [id]: _, ...others } = drafts;
  return others;
}

/** Take what was typed; typing what stands there anyway is no change. */
export function write(drafts: FormDrafts, it: Interaction, label: string, text: string): FormDrafts {
  const draft = drafts[it.interaction_id];
  if (!draft) return drafts;
  const mine = text.slice(0, MAX_FIELD);
  const known = draft.fields[label];
  const base = known ? known.base : (it.form[label] ?? "");
  const { [label]: _, ...others } = draft.fields;
  const fields = mine === base && base === (it.form[label] ?? "") ? others : { ...others, [label]: { mine, base } };
  return { ...drafts, [it.interaction_id]: { ...draft, fields } };
}

/** Whether somebody else wrote something into a field that the operator is writing into. */
export function clashes(field: FormField | undefined, theirs: string): boolean {
  return field !== undefined && theirs !== field.base && theirs !== field.mine;
}

/** Settle a clash: mine stays and is meant to take the place of theirs, or theirs is taken. */
export function settleField(drafts: FormDrafts, it: Interaction, label: string, keep: "mine" | "theirs"): FormDrafts {
  const draft = drafts[it.interaction_id];
  const field = draft?.fields[label];
  if (!draft || !field) return drafts;
  const { [label]: _, ...others } = draft.fields;
  const fields = keep === "mine" ? { ...others, [label]: { mine: field.mine, base: it.form[label] ?? "" } } : others;
  return { ...drafts, [it.interaction_id]: { ...draft, fields } };
}

/** What is to be sent: the fields that are different from what stands there now; null while a clash is not settled, or there are none. */
export function toSend(draft: FormDraft | undefined, it: Interaction): Readonly<Record<string, string>> | null {
  if (!draft || draft.sending) return null;
  const entries = Object.entries(draft.fields);
  if (entries.some(([label, field]) => clashes(field, it.form[label] ?? ""))) return null;
  const changed = entries.filter(([label, field]) => field.mine !== (it.form[label] ?? ""));
  return changed.length === 0 ? null : Object.fromEntries(changed.map(([label, field]) => [label, field.mine]));
}

export function sending(drafts: FormDrafts, id: string): FormDrafts {
  const draft = drafts[id];
  return draft ? { ...drafts, [id]: { ...draft, sending: true } } : drafts;
}

/** Nothing that was on its way is taken to have arrived: it can be sent again. */
export function unsent(drafts: FormDrafts): FormDrafts {
  return Object.fromEntries(Object.entries(drafts).map(([id, draft]) => [id, { ...draft, sending: false }]));
}

/** What the service says became of it: saved, and the form is closed; or changed by somebody else meanwhile, and it stays open. */
export function answered(drafts: FormDrafts, answer: FormAnswer): FormDrafts {
  const id = answer.interaction.interaction_id;
  const draft = drafts[id];
  if (!draft) return drafts;
  const left = toSend({ ...draft, sending: false }, answer.interaction) !== null || Object.entries(draft.fields).some(([label, field]) => clashes(field, answer.interaction.form[label] ?? ""));
  return answer.saved && !left ? leave(drafts, id) : { ...drafts, [id]: { ...draft, sending: false } };
}
