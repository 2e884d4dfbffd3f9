// How the call ended for the business: one of the queue's wrap-up codes, from the answer on. Pressed again, it is taken back.
import { html, nothing } from "lit";
import type { ScreenPop } from "../wire.gen";
import type { Part, View } from "./view";

export function codes(view: View, pop: ScreenPop): Part {
  const id = pop.offer.pop_id;
  if (pop.codes.length === 0 || pop.offer.answered_at === null) return nothing;
  const chosen = view.screen.drafts[id]?.code ?? "";
  return html`
    <div class="fates codes" role="group" aria-label=${view.words.t("codes.title")} data-testid="pop-codes">
      ${pop.codes.map(
        ([code, label]) => html`<button
          type="button"
          class="button"
          dir="auto"
          data-code=${code}
          aria-pressed=${code === chosen}
          @click=${() => view.do.coded(id, code === chosen ? "" : code)}
        >
          ${label}
        </button>`,
      )}
    </div>
  `;
}
