// Who may be calling: the candidates with how likely each is and on what evidence, to be chosen from; and the way to say that nobody of them is it.
import { html, nothing, type TemplateResult } from "lit";
import { customerOf } from "../screen";
import type { Candidate, Claim, Customer, ScreenPop } from "../wire.gen";
import { checkIcon } from "./icons";
import { type Part, type View } from "./view";

export function candidates(view: View, pop: ScreenPop): Part {
  const { words, screen } = view;
  const people = screen.candidates[pop.offer.pop_id];
  if (!people) return nothing;
  const known = customerOf(pop);
  // Both wordings always stand there, one of them unseen: the card is as high after the choice as before it.
  return html`
    <section class="card candidates" data-testid="candidates" data-chosen=${known !== null} aria-labelledby="candidates-title">
      <h2 id="candidates-title" class="either">
        <span class="before">${words.t("candidates.title")}</span>
        <span class="after" dir="auto">${known ? words.t("candidates.choose", { name: known.name || words.t("candidates.no-name") }) : nothing}</span>
      </h2>
      <p class="faint either"><span class="before">${words.t("candidates.text")}</span><span class="after">${words.t("candidates.again")}</span></p>
      <ul class="plain">
        ${people.map((customer) => candidate(view, pop, customer, known))}
      </ul>
    </section>
  `;
}

function candidate(view: View, pop: ScreenPop, customer: Customer, known: Customer | null): TemplateResult {
  const { words } = view;
  const asked = view.screen.chosen[pop.offer.pop_id]; // chosen, and not yet confirmed
  const chosen = (asked ?? known?.customer_id) === customer.customer_id;
  const identity = pop.context?.identity;
  const offered = identity?.customers.some((it) => it.customer_id === customer.customer_id) ?? false;
  const weighed = identity?.candidates.find((it) => it.customer_id === customer.customer_id);
  const name = customer.name || words.t("candidates.no-name");
  const facts = Object.values(customer.attributes).slice(0, 3).join(" · ") || customer.customer_id;
  return html`
    <li class="candidate">
      <div>
        <strong dir="auto">${name}</strong>${weighed ? html` <span class="sure" data-testid="confidence">${words.percent(weighed.confidence)}</span>` : nothing}
        <div class="faint" dir="auto">${facts}</div>
        ${weighed ? html`<div class="faint" dir="auto" data-testid="evidence">${evidence(view, weighed)}</div>` : nothing}
      </div>
      <button
        type="button"
        class="button"
        data-customer=${customer.customer_id}
        aria-pressed=${chosen}
        ?disabled=${!chosen && (asked !== undefined || !offered)}
        @click=${() => (chosen ? undefined : view.do.choose(pop.offer.pop_id, customer.customer_id))}
      >
        ${chosen ? checkIcon : nothing} <span>${words.t("candidates.choose", { name })}</span>
      </button>
    </li>
  `;
}

/** "confirmed by olena on 3 Nov 2026; in the company's file; last contact 3 Nov 2026" */
export function evidence({ words }: View, { claims, last_contact_at: last }: Candidate): string {
  const said = claims.map((claim) => words.t(keyOf(claim), { source: claim.source, by: claim.by, on: claim.verified_at ? words.full(new Date(claim.verified_at)) : "" }));
  return [...said, ...(last ? [words.t("evidence.contact", { on: words.full(new Date(last)) })] : [])].join("; ");
}

function keyOf({ source, verified_at }: Claim): "evidence.confirmed" | "evidence.verified" | "evidence.file" | "evidence.said" {
  if (source === "operator") return "evidence.confirmed";
  if (verified_at !== null) return "evidence.verified";
  return source.split(":")[0] === "import" ? "evidence.file" : "evidence.said";
}

/** Of somebody who is surely known: that it is somebody else. Two clicks, for it changes what the next colleague sees. */
export function wrongMatch(view: View, pop: ScreenPop): Part {
  const customer = customerOf(pop);
  const request = pop.context?.request;
  if (!customer || !(request?.caller.phone ?? request?.identifier)) return nothing;
  const name = customer.name || view.words.t("candidates.no-name");
  return html`
    <details class="wrong" data-testid="wrong-match">
      <summary>${view.words.t("wrong.ask")}</summary>
      <p class="faint" dir="auto">${view.words.t("wrong.text", { name })}</p>
      <button type="button" class="button" @click=${() => view.do.wrong(pop.offer.pop_id, customer.customer_id)}>${view.words.t("wrong.button", { name })}</button>
    </details>
  `;
}
