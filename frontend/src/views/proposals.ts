// What else the rules would propose, what became of it, and the words they gave the call.
import { html, nothing, type TemplateResult } from "lit";
import type { Key } from "../i18n/words";
import type { Proposed, ScreenPop, ShownProposal } from "../wire.gen";
import { agoClock, type Part, type View } from "./view";

const FATES: readonly Proposed["fate"][] = ["offered", "accepted", "refused"];

export function proposals(view: View, pop: ScreenPop): Part {
  const { words } = view;
  if (pop.offers.length === 0 && pop.tags.length === 0) return nothing;
  return html`
    <section class="card" data-testid="proposals" aria-labelledby="proposals-title">
      <h2 id="proposals-title">${words.t(pop.offers.length ? "proposals.title" : "proposals.tags")}</h2>
      ${pop.offers.length ? html`<ul class="plain">${pop.offers.map((it) => proposal(view, pop, it))}</ul>` : nothing}
      ${pop.tags.length ? html`<p class="faint" data-testid="tags">${pop.tags.join(" · ")}</p>` : nothing}
    </section>
  `;
}

function proposal(view: View, pop: ScreenPop, it: ShownProposal): TemplateResult {
  const { words } = view;
  return html`
    <li class="proposal" data-testid="proposal" data-key=${it.key}>
      <div class="line"><strong dir="auto">${it.title}</strong>${it.at ? html`<span class="faint">${agoClock(view, it.at)}</span>` : nothing}</div>
      ${it.text ? html`<p dir="auto">${it.text}</p>` : nothing}
      <div class="fates" role="group" aria-label=${words.t("proposals.fate", { title: it.title })}>
        ${FATES.map(
          (fate) => html`<button
            type="button"
            class="button"
            data-fate=${fate}
            aria-pressed=${it.fate === fate}
            @click=${() => (it.fate === fate ? undefined : view.do.proposed(pop.offer.pop_id, it.key, fate))}
          >
            ${words.t(`fate.${fate}` satisfies Key)}
          </button>`,
        )}
      </div>
    </li>
  `;
}
