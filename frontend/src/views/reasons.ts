// Why the customer may be calling: the candidates, how likely each is and why that is believed; one click says which it was.
import { html, nothing, type TemplateResult } from "lit";
import type { Key } from "../i18n/words";
import type { Reason, ScreenPop } from "../wire.gen";
import { checkIcon, mediumIcon } from "./icons";
import { agoClock, type Part, type View } from "./view";

const LEAST_ELSE = 0.05; // "something else" below this is not worth a line before anybody asks

export function reasons(view: View, pop: ScreenPop): Part {
  const known = pop.context?.reasons ?? [];
  if (known.length === 0) return nothing;
  const { words } = view;
  const found = pop.reason_found;
  const rest = Math.max(0, 1 - known.reduce((sum, it) => sum + it.confidence, 0));
  return html`
    <section class="card reasons" data-testid="reasons" data-found=${found !== null} aria-labelledby="reasons-title">
      <h2 id="reasons-title" class="either">
        <span class="before">${words.t("reasons.title")}</span><span class="after">${words.t("reasons.said")}</span>
      </h2>
      <ol class="plain">
        ${known.map((it) => reason(view, pop, it))}
        <li class="reason" data-testid="reason-none">
          <div>
            <span class="line"><strong>${words.t("reasons.else")}</strong>${rest >= LEAST_ELSE ? html`<span class="sure">${words.percent(rest)}</span>` : nothing}</span>
          </div>
          ${choice(view, pop, "none", "", words.t("reasons.else"))}
        </li>
      </ol>
    </section>
  `;
}

function reason(view: View, pop: ScreenPop, it: Reason): TemplateResult {
  const { words } = view;
  return html`
    <li class="reason" data-testid="reason" data-about=${it.about_id}>
      <div>
        <span class="line">
          ${mediumIcon(it.medium)}<span class="unseen">${words.t(`medium.${it.medium}` satisfies Key)}: </span>
          <strong dir="auto">${it.label}</strong>
          <span class="sure">${words.percent(it.confidence)}</span>
        </span>
        <span class="faint">${agoClock(view, it.since)}; ${evidence(view, it)}</span>
      </div>
      ${choice(view, pop, it.kind, it.about_id, it.label)}
    </li>
  `;
}

/** "31 % of those who call about it call within 15 min (learnt from 214 calls)" */
export function evidence({ words }: View, { evidence: it, medium }: Reason): string {
  const share = words.t("reasons.share", { share: words.percent(it.share), within: words.span(it.within_s * 1000) });
  const learnt =
    it.calls === 0
      ? words.t("reasons.usual", { medium: words.t(`medium.${medium}` satisfies Key) })
      : words.t("reasons.learnt", { n: it.calls }) + (it.confirmed > 0 ? words.t("reasons.confirmed", { n: it.confirmed }) : "");
  return `${share} (${learnt})`;
}

function choice(view: View, pop: ScreenPop, kind: Reason["kind"], aboutId: string, label: string): TemplateResult {
  const chosen = pop.reason_found === aboutId;
  return html`<button
    type="button"
    class="button"
    aria-pressed=${chosen}
    aria-label=${view.words.t("reasons.is", { label })}
    title=${view.words.t("reasons.is", { label })}
    @click=${() => (chosen ? undefined : view.do.found(pop.offer.pop_id, kind, aboutId))}
  >
    ${chosen ? checkIcon : nothing} <span>${view.words.t("reasons.this")}</span>
  </button>`;
}
