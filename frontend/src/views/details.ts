// Below the head: the offer, the script, open interactions, what happened before, details.
import { html, nothing, type TemplateResult } from "lit";
import type { Key } from "../i18n/words";
import { safeUrl } from "../markdown";
import { customerOf } from "../screen";
import type { Interaction, Medium, ScreenPop, SourceReport, Touch } from "../wire.gen";
import { wrongMatch } from "./candidates";
import { form } from "./form";
import { chevronIcon, copyIcon, linkIcon, mediumIcon } from "./icons";
import { agoClock, markdown, serverNow, type Part, type View } from "./view";

const MAX_EVENTS = 3; // of an interaction; its own page has the rest
const MAX_HISTORY = 20;

export function colleagueNote(view: View, { offer }: ScreenPop): Part {
  if (offer.note === null && offer.transferred_from === null) return nothing;
  const name = offer.note?.operator_name ?? offer.transferred_from ?? "";
  return html`
    <section class="card colleague" data-testid="pop-colleague-note" aria-labelledby="colleague-title">
      <h2 id="colleague-title">
        ${view.words.t("colleague.title", { name })}
        ${offer.note?.noted_at ? html`<span class="when">${agoClock(view, offer.note.noted_at)}</span>` : nothing}
      </h2>
      <p class=${offer.note?.text ? "as-typed" : "faint"} dir="auto">${offer.note?.text || view.words.t("colleague.none")}</p>
    </section>
  `;
}

/** The touch this call answers: what the terms card is about. */
function touchOf(pop: ScreenPop): Touch | undefined {
  return pop.touch_id ? pop.context?.touches.find((it) => it.touch_id === pop.touch_id) : undefined;
}

export function terms(view: View, pop: ScreenPop): Part {
  const touch = touchOf(pop);
  if (!touch) return nothing;
  const { offer } = touch;
  const { words } = view;
  return html`
    <section class="card terms" data-testid="pop-terms" aria-labelledby="terms-title">
      <h2 id="terms-title" dir="auto">${mediumIcon(touch.medium)} ${offer.title || touch.campaign_title || touch.campaign}</h2>
      <p class="faint">
        ${touch.campaign_title && offer.title && touch.campaign_title !== offer.title ? html`<span dir="auto">${touch.campaign_title}</span> · ` : nothing}
        ${sentAgo(view, touch.medium, touch.sent_at)} · ${words.t(`touch.${touch.status}` satisfies Key)}
      </p>
      ${offer.terms ? html`<p class="terms-text" dir="auto">${offer.terms}</p>` : nothing}
      ${pairs(Object.entries(offer.fields))}
      ${offer.text ? html`<figure><figcaption class="label">${words.t("terms.message")}</figcaption><blockquote dir="auto">${offer.text}</blockquote></figure>` : nothing}
    </section>
  `;
}

function sentAgo(view: View, medium: Medium, sentAt: string): TemplateResult {
  const then = new Date(sentAt);
  return html`<ct-clock
    title=${view.words.full(then)}
    .shows=${(now: number) =>
      view.words.t("terms.sent", { medium: view.words.t(`medium.${medium}` satisfies Key), ago: view.words.ago(then, new Date(serverNow(view, now))) })}
  ></ct-clock>`;
}

export function script(view: View, pop: ScreenPop): Part {
  if (!pop.script) return nothing;
  return html`
    <section class="card script" data-testid="pop-script" id="script" tabindex="-1" aria-labelledby="script-title">
      <h2 id="script-title">${view.words.t("first.script")} <kbd>Alt+Shift+S</kbd></h2>
      <div class="prose" dir="auto">${markdown(pop.script)}</div>
    </section>
  `;
}

function stillOpen(pop: ScreenPop): Interaction[] {
  return (pop.context?.interactions ?? []).filter((it) => it.status !== "closed");
}

export function openInteractions(view: View, pop: ScreenPop): Part {
  const open = stillOpen(pop);
  if (open.length === 0) return nothing;
  return html`
    <section class="card" data-testid="open-interactions" aria-labelledby="open-title">
      <h2 id="open-title">${view.words.t("open.title")} <span class="count">${open.length}</span></h2>
      <ul class="plain">
        ${open.map((it) => interaction(view, pop, it))}
      </ul>
    </section>
  `;
}

function interaction(view: View, pop: ScreenPop, it: Interaction): TemplateResult {
  const { words } = view;
  const about = it.interaction_id === pop.interaction_id;
  return html`
    <li class="interaction" data-about=${about}>
      <div class="line">
        ${mediumIcon(it.medium)}<span class="unseen">${words.t(`medium.${it.medium}` satisfies Key)}: </span>
        <strong dir="auto">${it.title || it.topic}</strong>
        ${about ? html`<span class="tag">${words.t("open.about")}</span>` : nothing}
        ${it.flags.map((flag) => html`<span class="tag flag" data-testid="flag">${flag}</span>`)}
      </div>
      <div class="meta">
        <span class="status status-${it.status}">${words.t(`interaction.${it.status}` satisfies Key)}</span>
        ${it.owner ? html`<span>${words.t("open.owner", { name: it.owner })}</span>` : nothing} ${agoClock(view, it.updated_at)}
      </div>
      ${form(view, pop, it)}
      ${it.events.length === 0
        ? nothing
        : html`<ul class="events">
            ${it.events.slice(0, MAX_EVENTS).map((event) => html`<li><span dir="auto">${event.text || event.kind}</span> ${agoClock(view, event.at)}</li>`)}
          </ul>`}
    </li>
  `;
}

interface Past {
  readonly at: string;
  readonly medium: Medium;
  readonly title: string;
  readonly result: string;
  readonly good: boolean;
}

function history(view: View, pop: ScreenPop): Past[] {
  const { words } = view;
  const context = pop.context;
  if (!context) return [];
  const past: Past[] = [
    ...context.touches.map((it) => ({
      at: it.sent_at,
      medium: it.medium,
      title: it.offer.title || it.campaign_title || it.campaign,
      result: words.t(`touch.${it.status}` satisfies Key),
      good: it.status !== "failed",
    })),
    ...context.calls.map((it) => ({
      at: it.received_at,
      medium: "voice" as const,
      title: it.queue ? words.t("timeline.call.queue", { queue: it.queue }) : words.t("timeline.call"),
      result: words.t(`outcome.${it.outcome ?? "live"}` satisfies Key),
      good: it.outcome !== "abandoned",
    })),
    ...context.interactions.map((it) => ({
      at: it.updated_at,
      medium: it.medium,
      title: it.title || it.topic,
      result: it.status === "closed" ? it.outcome || words.t("interaction.closed") : words.t(`interaction.${it.status}` satisfies Key),
      good: true,
    })),
  ];
  return past.sort((a, b) => Date.parse(b.at) - Date.parse(a.at)).slice(0, MAX_HISTORY);
}

export function timeline(view: View, pop: ScreenPop): Part {
  const past = history(view, pop);
  const open = stillOpen(pop).length;
  if (open > 0 && past.length === open) return nothing; // it would repeat what stands above it
  return html`
    <section class="card" data-testid="timeline" aria-labelledby="timeline-title">
      <h2 id="timeline-title">${view.words.t("timeline.title")}</h2>
      ${pop.context === null
        ? html`<p class="skeleton"><i></i><i></i></p>`
        : past.length === 0
          ? html`<p class="faint">${view.words.t("timeline.none")}</p>`
          : html`<ol class="plain timeline">
              ${past.map(
                (it) => html`<li>
                  ${mediumIcon(it.medium)}<span class="unseen">${view.words.t(`medium.${it.medium}` satisfies Key)}: </span>
                  <span class="what" dir="auto">${it.title}</span>
                  <span class=${it.good ? "result" : "result bad"} dir="auto">${it.result}</span>
                  ${agoClock(view, it.at)}
                </li>`,
              )}
            </ol>`}
    </section>
  `;
}

export function facts(view: View, pop: ScreenPop): Part {
  const customer = customerOf(pop);
  let rows: [string, string][] = [...pop.fields];
  if (customer) {
    rows.push(...Object.entries(customer.attributes));
    rows.push(...customer.identifiers.map((it): [string, string] => [view.words.kind(it.kind), it.value]));
  }
  const touch = touchOf(pop);
  if (touch) rows = rows.filter((row) => !isTold(touch, row));
  const url = pop.url && safeUrl(pop.url);
  if (rows.length === 0 && !url) return nothing;
  return html`
    <section class="card" data-testid="facts" aria-labelledby="facts-title">
      <h2 id="facts-title">${view.words.t("facts.title")}</h2>
      ${url ? html`<a class="button" href=${url} target="_blank" rel="noopener noreferrer">${linkIcon} ${view.words.t("facts.link")}</a>` : nothing}
      <dl class="facts">
        ${rows.map(([label, value]) => fact(view, label, value))}
      </dl>
      ${wrongMatch(view, pop)}
    </section>
  `;
}

/** Whether the terms card shows it already, by this label or another. */
function isTold({ offer, campaign_title }: Touch, [label, value]: readonly [string, string]): boolean {
  const told = [offer.title, campaign_title, offer.terms, ...Object.values(offer.fields)];
  return told.includes(value) || Object.keys(offer.fields).some((it) => it.toLowerCase() === label.toLowerCase());
}

function fact(view: View, label: string, value: string): TemplateResult {
  const words = view.words.t("facts.copy", { label });
  return html`<div>
    <dt dir="auto">${label}</dt>
    <dd>
      <span dir="auto">${value}</span>
      <button class="icon-button" type="button" title=${words} aria-label=${words} data-copied=${view.copied === value} @click=${() => view.do.copy(value)}>${copyIcon}</button>
    </dd>
  </div>`;
}

function pairs(entries: readonly (readonly [string, string])[]): Part {
  if (entries.length === 0) return nothing;
  return html`<dl class="pairs">
    ${entries.map(([label, value]) => html`<div><dt dir="auto">${label}</dt><dd dir="auto">${value}</dd></div>`)}
  </dl>`;
}

export function whyDrawer(view: View, pop: ScreenPop): TemplateResult {
  const { words } = view;
  const gathered = pop.context?.gathered_at;
  return html`
    <details class="card drawer" data-testid="why-drawer" id="why-drawer">
      <summary>${chevronIcon}<h2>${words.t("trace.title")}</h2></summary>
      ${pop.rules.length === 0 ? html`<p class="faint">${words.t("trace.none")}</p>` : nothing}
      ${pop.rules_before > 0 ? html`<p class="faint">${words.t("trace.before", { n: pop.rules_before })}</p>` : nothing}
      <ol class="plain rules">
        ${pop.rules.map(
          (rule) => html`<li data-testid="why-rule" data-matched=${rule.matched} class="rule">
            <div class="line">
              <span class="verdict ${rule.matched ? "yes" : "no"}">${words.t(rule.matched ? "trace.matched" : "trace.not")}</span>
              <code>${rule.rule}</code>
            </div>
            ${rule.matched && rule.verdicts.length === 0 ? html`<p class="faint">${words.t("trace.always")}</p>` : nothing}
            ${rule.verdicts.map(
              (verdict) => html`<dl class="seen ${verdict.matched ? "yes" : "no"}">
                <div><dt><code>${verdict.condition}</code> ${words.t("trace.wanted")}</dt><dd dir="auto">${verdict.wanted}</dd></div>
                <div><dt>${words.t("trace.seen")}</dt><dd dir="auto">${verdict.seen}</dd></div>
              </dl>`,
            )}
          </li>`,
        )}
      </ol>
      ${pop.rule === null && pop.rules.length > 0 ? html`<p class="faint">${words.t("trace.default")}</p>` : nothing}
      ${pop.sources.length === 0
        ? nothing
        : html`<h3>${words.t("trace.sources")}</h3>
            <ul class="plain sources">
              ${pop.sources.map((it) => html`<li data-state=${it.state}><code>${it.source}</code> ${sourceText(view, it)}</li>`)}
            </ul>`}
      ${gathered
        ? html`<p class="faint">
            <ct-clock .shows=${(now: number) => words.t("trace.age", { age: words.span(serverNow(view, now) - Date.parse(gathered)) })}></ct-clock>
          </p>`
        : nothing}
    </details>
  `;
}

function sourceText({ words }: View, source: SourceReport): string {
  const ms = Math.round(source.took_ms * 10) / 10;
  switch (source.state) {
    case "ok":
      return source.age_s === null ? words.t("trace.ok", { ms }) : words.t("trace.copied", { ms, age: words.span(source.age_s * 1000) });
    case "late":
      return words.t("trace.late", { ms });
    case "skipped":
      return words.t("trace.skipped");
    default:
      return words.t("trace.failed", { detail: source.detail || source.state });
  }
}
