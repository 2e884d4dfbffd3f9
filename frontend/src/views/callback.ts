// A callback: what was promised about the call that rings, and the promise of another one.
import { html, nothing, type TemplateResult } from "lit";
import { customerOf, MAX_NOTE } from "../screen";
import type { ScreenPop } from "../wire.gen";
import type { Part, View } from "./view";

const SOON_MS = 60 * 60 * 1000; // the time that stands in the field at first: an hour from now

/** What was promised, where we placed the call ourselves. The note comes from whoever ordered it. */
export function promised(view: View, pop: ScreenPop): Part {
  const { words } = view;
  const order = pop.callback;
  if (!order) return nothing;
  return html`
    <section class="card promised" data-testid="callback" aria-labelledby="callback-title">
      <h2 id="callback-title">${words.t("callback.title")} <span class="faint">${words.t("callback.attempt", { n: order.attempt, most: order.most_attempts })}</span></h2>
      ${order.note ? html`<p class="note-text" dir="auto" data-testid="callback-note">${order.note}</p>` : nothing}
      <p class="faint">${words.t(order.customer_waits ? "callback.waits" : "callback.first")}</p>
    </section>
  `;
}

/** Promise to ring the caller again: when, what for, and whose phone is to ring. */
export function promise(view: View, pop: ScreenPop): Part {
  const { words, screen } = view;
  const id = pop.offer.pop_id;
  if (pop.context === null || pop.context.request.caller.phone === null) return nothing;
  const done = screen.promised[id];
  if (done) {
    const due = new Date(done.due_at);
    const moved = done.due_at !== done.asked_at;
    return html`<p class="card promised" role="status" data-testid="callback-ordered">${words.t(moved ? "callback.moved" : "callback.ordered", { time: words.full(due) })}</p>`;
  }
  return html`
    <details class="card promise" data-testid="promise">
      <summary>${words.t("callback.promise")}</summary>
      <form @submit=${(event: SubmitEvent) => submit(view, id, event)} aria-label=${words.t("callback.promise")}>
        <label><span>${words.t("callback.when")}</span>
          <input name="at" type="datetime-local" required .defaultValue=${local(new Date(Date.now() + SOON_MS))} data-testid="promise-at" /></label>
        <label><span>${words.t("callback.note")}</span>
          <textarea name="note" rows="2" maxlength=${MAX_NOTE} dir="auto" data-testid="promise-note"></textarea></label>
        ${pop.offer.queue === null ? nothing : mine(view)}
        <div class="note-foot">
          <span class="faint">${customerOf(pop)?.attributes["timezone"] ?? ""}</span><span class="gap"></span>
          <button class="button primary" data-testid="promise-save" ?disabled=${screen.link !== "open"}>${words.t("callback.save")}</button>
        </div>
      </form>
    </details>
  `;
}

function mine({ words }: View): TemplateResult {
  return html`<label class="switch"><input name="myself" type="checkbox" checked data-testid="promise-myself" /> ${words.t("callback.myself")}</label>`;
}

function submit(view: View, popId: string, event: SubmitEvent): void {
  event.preventDefault();
  const form = event.target as HTMLFormElement;
  const given = new FormData(form);
  const at = new Date(String(given.get("at")));
  if (Number.isNaN(at.getTime())) return;
  view.do.promise(popId, at.toISOString(), String(given.get("note") ?? ""), !form.elements.namedItem("myself") || given.get("myself") !== null);
}

/** A time as such a field has it: by this browser's clock, to the minute. */
function local(at: Date): string {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
