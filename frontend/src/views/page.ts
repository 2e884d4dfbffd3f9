// The page as a whole: the bar on top, then exactly one of: sign-in, another screen took over, nothing yet, a pop; the missed calls, other calls.
import { html, nothing, type TemplateResult } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { live } from "lit/directives/live.js";
import { LANGUAGE_NAMES, type Key } from "../i18n/words";
import { SHORTCUTS } from "../keys";
import { activePop, isLive, isUnsent, MAX_NOTE } from "../screen";
import type { MissedCall, ScreenPop } from "../wire.gen";
import { codes } from "./codes";
import { proposals } from "./proposals";
import { reasons } from "./reasons";
import { promise, promised } from "./callback";
import { candidates } from "./candidates";
import { colleagueNote, facts, openInteractions, script, terms, timeline, whyDrawer } from "./details";
import { popHead, stateText, who, why } from "./head";
import { bellIcon, checkIcon, crossIcon, menuIcon, mediumIcon, missedIcon, waitIcon } from "./icons";
import { serverNow, type Part, type Theme, type View } from "./view";

const NOTE_COUNT_FROM = 300; // characters left from which the count is shown

export function page(view: View): TemplateResult {
  const { screen } = view;
  const pop = activePop(screen);
  return html`
    ${bar(view)}
    <main id="call" tabindex="-1">
      ${screen.link === "out" ? signIn(view) : screen.operator === null ? connecting(view) : screen.takenBy !== null && !pop ? taken(view, screen.takenBy) : pop ? keyed(pop.offer.pop_id, popView(view, pop)) : empty(view)}
      ${screen.operator && screen.link !== "out" ? missedList(view) : nothing}
    </main>
    ${otherCalls(view)}
  `;
}

// --- the bar on top

interface LinkState {
  readonly state: "open" | "connecting" | "lost" | "stale" | "taken" | "out";
  readonly shows: (now: number) => string;
}

function linkState(view: View): LinkState {
  const { screen, words } = view;
  const say = (key: Key, params = {}) => () => words.t(key, params);
  if (screen.link === "out") return { state: "out", shows: say("link.out") };
  if (screen.link === "lost" && screen.heardAt !== null) {
    const heardAt = screen.heardAt;
    return { state: "lost", shows: (now) => words.t("link.lost", { ago: words.span(now - heardAt).replace(" ", "\u00a0") }) };
  }
  if (screen.link !== "open") return { state: "connecting", shows: say("link.connecting") };
  if (screen.takenBy !== null) return { state: "taken", shows: say("link.taken", { name: screen.takenBy, extension: screen.operator?.extension ?? "" }) };
  const down = screen.switches.filter((it) => !it.up).map((it) => it.name);
  if (down.length > 0) return { state: "stale", shows: say("link.stale", { switch: down.join(", ") }) };
  return { state: "open", shows: say("link.open") };
}

function bar(view: View): TemplateResult {
  const { screen, words } = view;
  const { state, shows } = linkState(view);
  return html`
    <header class="bar">
      <a class="skip" href="#call">${words.t("app.skip")}</a>
      <div class="me">
        ${screen.operator
          ? html`<strong dir="auto">${screen.operator.name}</strong>${screen.operator.extension
                ? html`<span class="faint">${words.t("link.ext", { extension: screen.operator.extension })}</span>`
                : nothing}`
          : html`<strong>ctiroute</strong>`}
      </div>
      <div class="link" data-testid="connection" data-state=${state} title=${shows(Date.now())}><ct-clock .shows=${shows}></ct-clock></div>
      ${missedCount(view)} ${menu(view)}
    </header>
  `;
}

/** The list itself may stand far below a long pop. */
function missedCount(view: View): Part {
  const n = view.screen.missed.length;
  if (n === 0) return nothing;
  const label = view.words.t("missed.count", { n });
  return html`<button class="missed-count" type="button" title=${label} data-testid="missed-count" @click=${() => view.do.showMissed()}>
    ${missedIcon} <span>${n}</span> <span class="missed-word">${view.words.t("missed.short")}</span>
  </button>`;
}

function menu(view: View): TemplateResult {
  const { words, screen } = view;
  const label = words.t("app.menu");
  const themes: readonly Theme[] = ["auto", "light", "dark"];
  return html`
    <button class="icon-button" type="button" popovertarget="menu" title=${label} aria-label=${label} data-testid="menu-button">${menuIcon}</button>
    <div id="menu" popover class="menu" data-testid="menu">
      <label>
        <span>${words.t("app.language")}</span>
        <select data-testid="language" @change=${(event: Event) => view.do.setLanguage((event.target as HTMLSelectElement).value)}>
          ${LANGUAGE_NAMES.map(([code, name]) => html`<option value=${code} lang=${code} ?selected=${code === words.language}>${name}</option>`)}
        </select>
      </label>
      <label>
        <span>${words.t("app.theme")}</span>
        <select data-testid="theme" @change=${(event: Event) => view.do.setTheme((event.target as HTMLSelectElement).value as Theme)}>
          ${themes.map((theme) => html`<option value=${theme} ?selected=${theme === view.theme}>${words.t(`app.theme.${theme}`)}</option>`)}
        </select>
      </label>
      <button class="button" type="button" data-testid="keys-button" @click=${() => view.do.showKeys()}>${words.t("app.keys")} <kbd>?</kbd></button>
      ${screen.operator ? alerts(view) : nothing}
      ${screen.operator ? html`<button class="button" type="button" data-testid="sign-out" @click=${() => view.do.signOut()}>${words.t("app.sign-out")}</button>` : nothing}
    </div>
    ${keysDialog(view)}
  `;
}

function alerts(view: View): TemplateResult {
  const { words } = view;
  return html`
    <button class="button" type="button" data-testid=${view.alerts.on ? "test-again" : "test-in-menu"} @click=${() => view.do.testAlerts()}>
      ${bellIcon} ${words.t(view.alerts.on ? "test.again" : "test.title")}
    </button>
    ${view.alerts.on
      ? html`<button class="button" type="button" data-testid="alerts-off" @click=${() => view.do.alertsOff()}>${words.t("test.off")}</button>
          ${view.leads ? nothing : html`<p class="faint">${words.t("link.follows")}</p>`}`
      : nothing}
  `;
}

function keysDialog(view: View): TemplateResult {
  const { words } = view;
  return html`
    <dialog id="keys" class="keys" data-testid="keys" aria-labelledby="keys-title">
      <form method="dialog">
        <h2 id="keys-title">${words.t("keys.title")}</h2>
        <button class="icon-button" aria-label=${words.t("app.close")} title=${words.t("app.close")}>${crossIcon}</button>
      </form>
      <dl class="pairs">
        ${SHORTCUTS.map((it) => html`<div><dt><kbd>${it.shown}</kbd></dt><dd>${words.t(it.text)}</dd></div>`)}
      </dl>
      <label class="switch">
        <input type="checkbox" .checked=${live(view.keysOn)} @change=${(event: Event) => view.do.setKeys((event.target as HTMLInputElement).checked)} />
        ${words.t("keys.on")}
      </label>
    </dialog>
  `;
}

// --- without a pop

function signIn(view: View): TemplateResult {
  const { words } = view;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    view.do.signIn(String(form.get("operator") ?? ""), String(form.get("password") ?? ""));
  };
  return html`
    <form class="card sign-in" data-testid="sign-in" @submit=${submit} aria-labelledby="sign-in-title">
      <h1 id="sign-in-title">${words.t("sign-in.title")}</h1>
      <label><span>${words.t("sign-in.operator")}</span>
        <input name="operator" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="200" required /></label>
      <label><span>${words.t("sign-in.password")}</span>
        <input name="password" type="password" autocomplete="current-password" maxlength="1000" required /></label>
      <p class="error" role="alert" data-testid="sign-in-error">${view.signIn.error}</p>
      <button class="button primary" ?disabled=${view.signIn.busy}>${words.t(view.signIn.busy ? "sign-in.busy" : "sign-in.submit")}</button>
    </form>
  `;
}

function connecting(view: View): TemplateResult {
  return html`
    <section class="quiet" data-testid="connecting" aria-busy="true">
      <div class="mark spin">${waitIcon}</div>
      <h1>${view.words.t("connecting.title")}</h1>
      <p>${view.words.t("connecting.text")}</p>
    </section>
  `;
}

function taken(view: View, name: string): TemplateResult {
  const { words, screen } = view;
  return html`
    <section class="quiet" data-testid="taken">
      <div class="mark warn">${mediumIcon("voice")}</div>
      <h1>${words.t("taken.title")}</h1>
      <p>${words.t("taken.text", { name, extension: screen.operator?.extension ?? "" })}</p>
      <button class="button primary" type="button" @click=${() => view.do.signOut()}>${words.t("taken.again")}</button>
    </section>
  `;
}

function empty(view: View): TemplateResult {
  const { words } = view;
  return html`
    <section class="quiet" data-testid="empty">
      <div class="mark">${mediumIcon("voice")}</div>
      <h1>${words.t("empty.title")}</h1>
      <p>${words.t("empty.text")}</p>
      ${view.alerts.on
        ? nothing
        : html`<div class="offer-test">
            <button class="button" type="button" data-testid="test-pop" @click=${() => view.do.testAlerts()}>${bellIcon} ${words.t("test.title")}</button>
            <p class="faint">${words.t("test.text")}</p>
          </div>`}
      <p class="faint said" data-testid="test-said">${view.alerts.said}</p>
    </section>
  `;
}

// --- a pop

function popView(view: View, pop: ScreenPop): TemplateResult {
  const { offer } = pop;
  return html`
    <article
      class="pop"
      data-testid="pop"
      data-state=${offer.state}
      data-pop-id=${offer.pop_id}
      data-revision=${offer.revision}
      data-loading=${pop.context === null}
      data-several=${offer.pop_id in view.screen.candidates}
      data-reserved=${view.early.has(offer.pop_id)}
      aria-labelledby="who"
    >
      ${popHead(view, pop)}
      <div class="body">
        <div class="column">${candidates(view, pop)} ${promised(view, pop)} ${colleagueNote(view, pop)} ${reasons(view, pop)} ${terms(view, pop)} ${script(view, pop)}</div>
        <div class="column">${note(view, pop)} ${promise(view, pop)} ${openInteractions(view, pop)} ${timeline(view, pop)} ${proposals(view, pop)} ${facts(view, pop)} ${whyDrawer(view, pop)}</div>
      </div>
    </article>
  `;
}

function note(view: View, pop: ScreenPop): TemplateResult {
  const { words, screen } = view;
  const id = pop.offer.pop_id;
  const draft = screen.drafts[id];
  const left = MAX_NOTE - (draft?.text.length ?? 0);
  const state = screen.refusal
    ? words.t("note.refused", { detail: screen.refusal })
    : isUnsent(draft)
      ? words.t(screen.link === "open" ? "note.waiting" : "note.offline")
      : draft?.text
        ? words.t("note.saved")
        : "";
  return html`
    <section class="card note">
      <h2><label for="note">${words.t("note.title")}</label> <kbd>Alt+Shift+N</kbd></h2>
      <textarea
        id="note"
        data-testid="pop-note"
        rows="4"
        maxlength=${MAX_NOTE}
        dir="auto"
        placeholder=${words.t("note.placeholder")}
        .value=${live(draft?.text ?? "")}
        @input=${(event: Event) => view.do.typed(id, (event.target as HTMLTextAreaElement).value)}
        @blur=${() => view.do.noteLeft(id)}
      ></textarea>
      ${codes(view, pop)}
      <div class="note-foot">
        <span class="faint" data-testid="note-state" data-saved=${!isUnsent(draft)}>${!isUnsent(draft) && draft?.text ? checkIcon : nothing} ${state}</span>
        <span class="gap"></span>
        ${left <= NOTE_COUNT_FROM ? html`<span class="faint">${words.t("note.left", { n: left })}</span>` : nothing}
        ${isLive(pop) ? nothing : html`<button class="button primary" type="button" data-testid="pop-done" @click=${() => view.do.done(id)}>${words.t("note.done")}</button>`}
      </div>
    </section>
  `;
}

// --- beside the pop

function missedList(view: View): Part {
  const { missed } = view.screen;
  if (missed.length === 0) return nothing;
  return html`
    <section class="card missed" data-testid="missed-list" id="missed" tabindex="-1" aria-labelledby="missed-title">
      <h2 id="missed-title">${view.words.t("missed.title")} <span class="count">${missed.length}</span></h2>
      <ul class="plain">
        ${missed.map((call) => missedRow(view, call))}
      </ul>
    </section>
  `;
}

function missedRow(view: View, call: MissedCall): TemplateResult {
  const { words } = view;
  const at = new Date(call.offered_at);
  return html`
    <li data-testid="missed-row" data-pop-id=${call.pop_id}>
      <span class="missed-when" title=${words.full(at)}>${words.t("missed.line", { time: words.time(at), seconds: Math.round(call.rang_s) })}</span>
      <strong dir="auto">${call.caller_name || call.caller_number || words.t("who.withheld")}</strong>
      ${call.caller_name && call.caller_number ? html`<bdi class="faint">${call.caller_number}</bdi>` : nothing}
      ${call.headline ? html`<span class="faint missed-why" dir="auto">${call.headline}</span>` : nothing}
    </li>
  `;
}

function otherCalls(view: View): Part {
  const others = view.screen.pops.filter((pop) => pop.offer.pop_id !== view.screen.activeId);
  if (others.length === 0) return nothing;
  return html`
    <aside class="bars" data-testid="other-calls" aria-label=${view.words.t("bars.label")}>
      ${others.map((pop) => {
        const since = Date.parse(pop.offer.offered_at);
        return html`<button type="button" class="slim" data-testid="pop-bar" data-state=${pop.offer.state} data-pop-id=${pop.offer.pop_id} @click=${() => view.do.open(pop.offer.pop_id)}>
          <span class="state">${stateText(view, pop)}</span>
          <span class="slim-text"><strong dir="auto">${who(view, pop)}</strong> <span dir="auto">${why(view, pop)}</span></span>
          ${isLive(pop) ? html`<ct-clock .shows=${(now: number) => view.words.span(serverNow(view, now) - since)}></ct-clock>` : nothing}
          <span class="slim-show">${view.words.t("bars.show")}</span>
        </button>`;
      })}
    </aside>
  `;
}
