// The form of an interaction: what the customer entered, and the operator's hand in it.
import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { clashes, MAX_FIELD, toSend, type FormDraft } from "../forms";
import type { Interaction, ScreenPop } from "../wire.gen";
import type { Part, View } from "./view";

export function form(view: View, pop: ScreenPop, it: Interaction): Part {
  const labels = Object.keys(it.form);
  if (labels.length === 0) return nothing;
  const { words } = view;
  const draft = view.screen.forms[it.interaction_id];
  return html`
    <div class="form" data-testid="form" data-interaction=${it.interaction_id} data-editing=${draft !== undefined}>
      <div class="line">
        <span class="label">${words.t("open.form")}</span><span class="gap"></span>
        ${draft
          ? nothing
          : html`<button type="button" class="button small" data-testid="form-edit" aria-label=${words.t("form.edit-of", { title: it.title || it.topic })} @click=${() => view.do.formBegin(pop.offer.pop_id, it)}>${words.t("form.edit")}</button>`}
      </div>
      ${draft ? editing(view, it, draft, labels) : shown(view, it, labels)}
    </div>
  `;
}

function shown({ words }: View, it: Interaction, labels: readonly string[]): TemplateResult {
  return html`<dl class="pairs">
    ${labels.map((label) => {
      const value = it.form[label];
      return html`<div>
        <dt dir="auto">${label}</dt>
        <dd dir="auto" class=${value ? "filled" : "missing"}>${value || words.t("open.missing")}</dd>
      </div>`;
    })}
  </dl>`;
}

function editing(view: View, it: Interaction, draft: FormDraft, labels: readonly string[]): TemplateResult {
  const { words } = view;
  const ready = toSend(draft, it) !== null && view.screen.link === "open";
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    view.do.formSave(it);
  };
  return html`<form class="fields" @submit=${submit} aria-label=${words.t("form.edit-of", { title: it.title || it.topic })}>
    ${labels.map((label, place) => field(view, it, draft, label, place))}
    <div class="note-foot">
      <span class="faint" role="status" data-testid="form-state">${state(view, it, draft)}</span><span class="gap"></span>
      <button type="button" class="button" data-testid="form-leave" @click=${() => view.do.formLeave(it)}>${words.t("form.leave")}</button>
      <button class="button primary" data-testid="form-save" ?disabled=${!ready}>${words.t("form.save")}</button>
    </div>
  </form>`;
}

function field(view: View, it: Interaction, draft: FormDraft, label: string, place: number): TemplateResult {
  const { words } = view;
  const theirs = it.form[label] ?? "";
  const mine = draft.fields[label];
  const clash = clashes(mine, theirs);
  const id = `field-${it.interaction_id}-${place}`;
  return html`<div class="field" data-clash=${clash}>
    <label for=${id} dir="auto">${label}</label>
    <input
      id=${id}
      data-testid="form-field"
      maxlength=${MAX_FIELD}
      dir="auto"
      autocomplete="off"
      placeholder=${words.t("open.missing")}
      aria-describedby=${clash ? `${id}-clash` : nothing}
      .value=${live(mine ? mine.mine : theirs)}
      ?readonly=${draft.sending}
      @input=${(event: Event) => view.do.formTyped(it, label, (event.target as HTMLInputElement).value)}
    />
    ${clash
      ? html`<div class="clash" id=${`${id}-clash`} data-testid="form-clash">
          <span>${words.t("form.theirs")} <strong dir="auto">${theirs || words.t("open.missing")}</strong></span>
          <span class="gap"></span>
          <button type="button" class="button small" data-testid="form-theirs" @click=${() => view.do.formSettle(it, label, "theirs")}>${words.t("form.take-theirs")}</button>
          <button type="button" class="button small" data-testid="form-mine" @click=${() => view.do.formSettle(it, label, "mine")}>${words.t("form.keep-mine")}</button>
        </div>`
      : nothing}
  </div>`;
}

function state(view: View, it: Interaction, draft: FormDraft): string {
  const { words, screen } = view;
  if (screen.refusal) return words.t("note.refused", { detail: screen.refusal });
  if (Object.entries(draft.fields).some(([label, mine]) => clashes(mine, it.form[label] ?? ""))) return words.t("form.clash");
  if (draft.sending) return words.t("form.saving");
  return screen.link === "open" ? "" : words.t("form.offline");
}
