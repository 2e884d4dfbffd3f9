// The first two seconds of a pop: who, why, what first, how long. Every row has its height before its content comes, so nothing moves.
import { html, nothing, type TemplateResult } from "lit";
import { clockFace, type Key } from "../i18n/words";
import { callerName, customerOf, isLive } from "../screen";
import type { IdentityKind, ScreenPop } from "../wire.gen";
import { copyIcon } from "./icons";
import { serverNow, type Part, type View } from "./view";

export function who(view: View, pop: ScreenPop): string {
  const { words } = view;
  const kind = pop.context?.identity.kind;
  const name = callerName(pop);
  if (name) return name;
  if (kind === "ambiguous") return words.t("who.several", { n: pop.context?.identity.customers.length ?? 0 });
  if (kind === "withheld" || (kind !== "known" && !pop.caller_number)) return words.t("who.withheld");
  return pop.context === null ? pop.caller_number : kind === "known" ? pop.caller_number : words.t("who.unknown");
}

export function why(view: View, pop: ScreenPop): string {
  return pop.headline || view.words.t(pop.context === null ? "why.loading" : "why.none");
}

export function stateText(view: View, pop: ScreenPop): string {
  return view.words.t(pop.offer.elsewhere ? "state.elsewhere" : (`state.${pop.offer.state}` satisfies Key));
}

export function popHead(view: View, pop: ScreenPop): TemplateResult {
  const loading = pop.context === null;
  // The strip stands outside the head: it stays in sight while a note is written further down, and then says who it is as well.
  return html`
    <div class="strip">
      <span class="state" data-testid="pop-state">${stateText(view, pop)}</span>
      ${pop.offer.transferred_from ? html`<span class="tag" title=${view.words.t("state.transferred")}>${view.words.t("state.transferred")}</span>` : nothing}
      <span class="strip-who" aria-hidden="true" dir="auto">${who(view, pop)}</span>
      ${headClock(view, pop)}
    </div>
    <header class="head">
      <div class="who" data-testid="pop-who">
        <div class="who-name">
          ${loading
            ? html`<h1 id="who" class="skeleton" aria-busy="true"><span class="unseen">${who(view, pop)}</span><i></i></h1>`
            : html`<h1 id="who" dir="auto" title=${who(view, pop)}>${who(view, pop)}</h1>`}
          ${trust(view, loading ? null : pop.context?.identity.kind)}
        </div>
        <div class="who-line">${number(view, pop)}${language(view, pop)}</div>
      </div>
      <div class="why" data-testid="pop-why">
        ${loading && !pop.headline
          ? html`<p class="headline skeleton" aria-busy="true"><span class="unseen">${view.words.t("why.loading")}</span><i></i><i></i></p>`
          : html`<p class=${pop.headline ? "headline" : "headline faint"} dir="auto" title=${why(view, pop)}>${why(view, pop)}</p>`}
        <div class="chips">
          ${pop.chip === "none" ? nothing : html`<span class="chip chip-${pop.chip}">${chip(view, pop)}</span>`}
          ${partial(view, pop)}
        </div>
      </div>
      <div class="first" data-testid="pop-opening">
        ${loading && !pop.opening
          ? html`<span class="label">${view.words.t("first.title")}</span><p class="skeleton"><i></i></p>`
          : html`<span class="label">${view.words.t("first.title")}</span>
              <p dir="auto" title=${pop.opening}>${pop.opening || view.words.t("first.none")}</p>`}
      </div>
      ${howLong(view, pop)}
    </header>
  `;
}

function headClock(view: View, { offer }: ScreenPop): Part {
  if (offer.state !== "talking" && offer.state !== "held") return nothing;
  const since = Date.parse(offer.answered_at ?? offer.offered_at);
  return html`<ct-clock class="talk-clock" .shows=${(now: number) => clockFace(serverNow(view, now) - since)}></ct-clock>`;
}

function trust(view: View, kind: IdentityKind | null | undefined): TemplateResult {
  return html`<span class="trust trust-${kind ?? "loading"}">${view.words.t(kind ? (`trust.${kind}` satisfies Key) : "trust.loading")}</span>`;
}

function number(view: View, pop: ScreenPop): Part {
  const text = pop.caller_number;
  if (!text) return nothing;
  const copy = pop.context?.request.caller.phone ?? text;
  const label = view.words.t("who.copy");
  return html`<bdi class="number">${text}</bdi
    ><button class="icon-button" type="button" title=${label} aria-label=${label} data-copied=${view.copied === copy} @click=${() => view.do.copy(copy)}>
      ${copyIcon}
    </button>`;
}

function language(view: View, pop: ScreenPop): Part {
  const tag = customerOf(pop)?.language;
  return tag ? html`<span class="lang" lang=${view.words.language}>${view.words.languageName(tag)}</span>` : nothing;
}

function partial(view: View, pop: ScreenPop): Part {
  const { words } = view;
  const copy = pop.sources.find((source) => source.state === "ok" && source.age_s !== null);
  const missing = copy ? [] : pop.sources.filter((source) => source.state !== "ok");
  if (!copy && missing.length === 0) return nothing;
  const chip = copy ? words.t("partial.copy", { age: words.span((copy.age_s ?? 0) * 1000) }) : words.t("partial.chip");
  const text = copy
    ? words.t("partial.copied", { source: copy.source })
    : missing.map((it) => words.t(it.state === "late" ? "partial.late" : "partial.failed", { source: it.source, detail: it.detail })).join("; ");
  return html`<span class="chip chip-partial" data-testid="pop-partial" title=${text}>${chip}<span class="unseen">: ${text}</span></span>`;
}

/** The kind of reason, with its confidence when it is the one that was ranked. */
function chip({ words }: View, pop: ScreenPop): string {
  const text = words.t(`chip.${pop.chip}` as Key);
  const about = pop.chip === "campaign" ? pop.touch_id : pop.chip === "request" ? pop.interaction_id : null;
  const reason = about === null ? undefined : pop.context?.reasons.find((it) => it.about_id === about);
  return reason ? words.t("chip.sure", { chip: text, share: words.percent(reason.confidence) }) : text;
}

function howLong(view: View, pop: ScreenPop): TemplateResult {
  const { words } = view;
  const { offer } = pop;
  const offered = Date.parse(offer.offered_at);
  const answered = offer.answered_at ? Date.parse(offer.answered_at) : null;
  const ended = offer.ended_at ? Date.parse(offer.ended_at) : null;
  // The caller waits on while the phone rings; once answered (or given up) the wait is what it was.
  const waited = (now: number): string => clockFace(offer.waited_s * 1000 + Math.max(0, (answered ?? ended ?? serverNow(view, now)) - offered));
  const timeout = pop.ring_timeout_s;
  let second: { label: Key; shows: (now: number) => string };
  if (offer.state === "ringing" && timeout !== null) {
    second = { label: "long.rings", shows: (now) => words.t("seconds", { n: Math.max(0, Math.ceil(timeout - (serverNow(view, now) - offered) / 1000)) }) };
  } else if (offer.state === "ringing") second = { label: "long.rung", shows: (now) => clockFace(serverNow(view, now) - offered) };
  else if (isLive(pop)) second = { label: "long.talk", shows: (now) => clockFace(serverNow(view, now) - (answered ?? offered)) };
  else second = { label: "long.talked", shows: () => (answered && ended ? clockFace(ended - answered) : "–") };
  return html`
    <dl class="long">
      <div><dt>${words.t("long.waited")}</dt><dd><ct-clock .shows=${waited}></ct-clock></dd></div>
      <div><dt>${words.t(second.label)}</dt><dd><ct-clock .shows=${second.shows}></ct-clock></dd></div>
      <div data-testid="pop-queue"><dt>${words.t("long.queue")}</dt><dd title=${offer.queue ?? words.t("long.direct.title")}>${offer.queue ?? words.t("long.direct")}</dd></div>
    </dl>
  `;
}
