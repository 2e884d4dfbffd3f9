// <ct-screen>: the operator's page. Joins the pure parts (screen, views) with the browser (websocket, tabs, storage, focus, painting).
import { LitElement, type TemplateResult } from "lit";
import { Alerts } from "./alerts";
import { begin, leave, sending, settleField, toSend, write, type FormDrafts } from "./forms";
import { HeadWatch } from "./headwatch";
import { pickLanguage, Words } from "./i18n/words";
import { actionOf, type Action } from "./keys";
import { Link } from "./link";
import { STORED, storedDrafts, storedTheme, storeDrafts } from "./memory";
import { Receipts } from "./receipts";
import { activePop, isPassing, isUnsent, reduce, START, type Screen, type ScreenEvent, type ServerMessage } from "./screen";
import { redeem, signedIn, signIn, signOut, takeTicket, type SignIn } from "./session";
import { Tabs, type Told } from "./tabs";
import { who, why } from "./views/head";
import { page } from "./views/page";
import type { Doings, View } from "./views/view";
import type { Interaction, ScreenPop } from "./wire.gen";

const NOTE_PAUSE_MS = 1500; // a note is sent when typing pauses for so long, or when the field is left
const NOTE_LONGEST_MS = 8000; // and at the latest after so long
const AGAIN_MS = 5000; // until a note that could not be kept is sent again
const COPIED_MS = 1500;
const RETRY_START_MS = 3000;
const MAX_SAID = 120; // characters a screen reader is told about a call

class ScreenElement extends LitElement {
  #screen: Screen = START;
  #words = new Words(pickLanguage([localStorage.getItem(STORED.language), ...navigator.languages]));
  #theme = storedTheme();
  #keysOn = localStorage.getItem(STORED.keys) !== "off";
  #copied = "";
  #signIn = { busy: false, error: "" };
  #alertsSaid = "";
  readonly #alerts = new Alerts();
  readonly #tabs = new Tabs(
    (message) => this.#told(message),
    () => this.#changed(),
  );
  readonly #headWatch = new HeadWatch((away) => (this.dataset["headAway"] = String(away)));
  readonly #receipts = new Receipts((ack) => this.#link.send(ack));
  readonly #link: Link = new Link({
    heard: (message) => this.#heard(message),
    lost: () => this.#apply({ kind: "lost" }),
    out: () => this.#out(this.#words.t("sign-in.ended")),
  });
  #noteTimer: number | undefined;
  #noteSince: number | null = null;
  readonly #said = new Set<string>(); // pops that were announced
  readonly #early = new Set<string>(); // pops that were painted before their facts came

  /** One style sheet and one tree: labels, live region and skip link reach everything. */
  override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#applyTheme();
    document.documentElement.lang = this.#words.language;
    addEventListener("keydown", (event) => this.#pressed(event));
    addEventListener("pagehide", () => this.#sendNotes());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") this.#sendNotes();
    });
    this.#apply({ kind: "restored", drafts: storedDrafts() });
    addEventListener("hashchange", () => void this.#redeem());
    void this.#start();
  }

  override updated(): void {
    this.#headWatch.watch(this.querySelector("#who"));
  }

  override render(): TemplateResult {
    return page(this.#view);
  }

  get #view(): View {
    return {
      screen: this.#screen,
      words: this.#words,
      do: this.#doings,
      copied: this.#copied,
      signIn: this.#signIn,
      alerts: { on: this.#alerts.on, said: this.#alertsSaid },
      theme: this.#theme,
      keysOn: this.#keysOn,
      early: this.#early,
      leads: this.#tabs.leads,
    };
  }

  readonly #doings: Doings = {
    typed: (popId, text) => this.#typed(popId, text),
    noteLeft: () => this.#sendNotes(),
    coded: (popId, code) => {
      this.#apply({ kind: "coded", popId, code });
      this.#share(popId);
      this.#sendNotes();
    },
    choose: (popId, customerId) => {
      this.#apply({ kind: "chose", popId, customerId });
      this.#link.send({ type: "choose", pop_id: popId, customer_id: customerId });
    },
    wrong: (popId, customerId) => this.#link.send({ type: "wrong", pop_id: popId, customer_id: customerId }),
    found: (popId, kind, aboutId) => this.#link.send({ type: "found", pop_id: popId, kind, about_id: aboutId }),
    proposed: (popId, proposal, fate) => this.#link.send({ type: "proposed", pop_id: popId, proposal, fate }),
    formBegin: (popId, it) => {
      this.#form((drafts) => begin(drafts, popId, it.interaction_id));
      // The button that was pressed is gone: the first field takes its place.
      void this.updateComplete.then(() => this.querySelector<HTMLElement>(`[data-interaction="${CSS.escape(it.interaction_id)}"] input`)?.focus());
    },
    formTyped: (it, label, text) => this.#form((drafts) => write(drafts, it, label, text)),
    formSettle: (it, label, keep) => this.#form((drafts) => settleField(drafts, it, label, keep)),
    formLeave: (it) => this.#form((drafts) => leave(drafts, it.interaction_id)),
    formSave: (it) => this.#saveForm(it),
    promise: (popId, dueAt, note, myself) => this.#link.send({ type: "promise", pop_id: popId, due_at: dueAt, note, myself }),
    open: (popId) => {
      this.#sendNotes();
      this.#apply({ kind: "opened", popId });
    },
    done: (popId) => {
      this.#sendNotes();
      this.#apply({ kind: "done", popId });
      storeDrafts(this.#screen.drafts);
    },
    copy: (text) => void this.#copy(text),
    signIn: (operator, password) => void this.#submit(() => signIn(operator, password)),
    signOut: () => void this.#leave(),
    testAlerts: () => void this.#testAlerts(),
    alertsOff: () => {
      this.#alerts.off();
      this.#changed();
    },
    setLanguage: (language) => {
      localStorage.setItem(STORED.language, language);
      this.#speak(language);
    },
    setTheme: (theme) => {
      this.#theme = theme;
      localStorage.setItem(STORED.theme, theme);
      this.#applyTheme();
      this.#changed();
    },
    setKeys: (on) => {
      this.#keysOn = on;
      localStorage.setItem(STORED.keys, on ? "on" : "off");
      this.#changed();
    },
    showKeys: () => this.#showKeys(),
    showMissed: () => void this.#goTo("#missed"),
  };

  // --- signing in

  async #start(): Promise<void> {
    if (!(await this.#redeem())) await this.#resume("");
  }

  /** Use the ticket in the address, if there is one. */
  async #redeem(): Promise<boolean> {
    const ticket = takeTicket();
    if (ticket === null) return false;
    await this.#submit(() => redeem(ticket), this.#words.t("sign-in.ticket"));
    return true;
  }

  /** Go on with the session of the cookie, if it is still good; otherwise show the sign-in with `error`. A link in use is left alone. */
  async #resume(error: string): Promise<void> {
    if (!this.#isIdle) return;
    const answer = await signedIn();
    if (!this.#isIdle) return; // another tab signed in meanwhile
    if (answer === "yes") this.#connect();
    else if (answer === "no" || this.#screen.link === "out") this.#out(error);
    else setTimeout(() => void this.#resume(error), RETRY_START_MS);
  }

  get #isIdle(): boolean {
    return this.#screen.link === "starting" || this.#screen.link === "out";
  }

  async #submit(attempt: () => Promise<SignIn>, wrong = this.#words.t("sign-in.wrong")): Promise<void> {
    this.#signIn = { busy: true, error: "" };
    this.#changed();
    const answer = await attempt();
    const error = this.#signInError(answer, wrong);
    this.#signIn = { busy: false, error };
    this.#changed();
    if (answer.kind === "ok") {
      this.#tabs.tell({ kind: "signed-in" });
      this.#connect();
    } else await this.#resume(error); // a used-up ticket ends no session
  }

  #signInError(answer: SignIn, wrong: string): string {
    switch (answer.kind) {
      case "ok":
        return "";
      case "wrong":
        return wrong;
      case "throttled":
        return this.#words.t("sign-in.throttled", { n: answer.seconds });
      case "unreachable":
        return this.#words.t("sign-in.unreachable");
      case "failed":
        return this.#words.t("sign-in.failed", { status: answer.status });
    }
  }

  #connect(): void {
    this.#apply({ kind: "connecting" });
    this.#link.open();
  }

  async #leave(): Promise<void> {
    this.#sendNotes();
    this.#link.close();
    await signOut();
    this.#tabs.tell({ kind: "signed-out" });
    this.#out("");
  }

  #out(error: string): void {
    this.#link.close();
    this.#signIn = { busy: false, error };
    this.#said.clear();
    this.#early.clear();
    storeDrafts({});
    this.#apply({ kind: "out" });
  }

  // --- hearing

  #heard(message: ServerMessage): void {
    const writing = document.activeElement?.id === "note";
    this.#apply({ kind: "heard", message, at: Date.now(), writing });
    if (message.type === "snapshot" && !localStorage.getItem(STORED.language)) this.#speak(message.operator.language);
    if (message.type === "snapshot") {
      this.#receipts.forget(message.pops.map((pop) => pop.offer));
      for (const pop of message.pops) this.#receipts.got(pop.offer);
      this.#sendNotes();
    } else if (message.type === "pop" || message.type === "pop.update" || message.type === "pop.close") this.#receipts.got(message.pop.offer);
    else if (message.type === "error" && isPassing(message)) this.#sendLater();
    for (const pop of this.#screen.pops) if (pop.context === null) this.#early.add(pop.offer.pop_id);
    this.#announce();
  }

  /** The service could not take it now: the note goes again when the service has calmed down. */
  #sendLater(): void {
    clearTimeout(this.#noteTimer);
    this.#noteTimer = window.setTimeout(() => this.#sendNotes(), AGAIN_MS);
  }

  #announce(): void {
    for (const pop of this.#screen.pops) {
      const id = pop.offer.pop_id;
      if (pop.offer.state !== "ringing" || this.#said.has(id) || (pop.context === null && !pop.headline)) continue;
      this.#said.add(id);
      const region = document.getElementById("say");
      if (region) region.textContent = cut(this.#words.t("say.pop", { who: who(this.#view, pop), why: why(this.#view, pop) }), MAX_SAID);
    }
  }

  #told(message: Told): void {
    switch (message.kind) {
      case "draft":
        this.#apply({ kind: "typed", popId: message.popId, text: message.draft.text });
        this.#apply({ kind: "coded", popId: message.popId, code: message.draft.code ?? "" });
        this.#apply({ kind: "sent", popId: message.popId, text: message.draft.sent, code: message.draft.sentCode ?? "" });
        return;
      case "signed-in":
        if (this.#screen.link === "out") this.#connect();
        return;
      case "signed-out":
        this.#out("");
    }
  }

  // --- notes

  #typed(popId: string, text: string): void {
    this.#apply({ kind: "typed", popId, text });
    this.#share(popId);
    this.#noteSince ??= Date.now();
    clearTimeout(this.#noteTimer);
    const wait = Math.max(0, Math.min(NOTE_PAUSE_MS, this.#noteSince + NOTE_LONGEST_MS - Date.now()));
    this.#noteTimer = window.setTimeout(() => this.#sendNotes(), wait);
  }

  #sendNotes(): void {
    clearTimeout(this.#noteTimer);
    this.#noteSince = null;
    if (!this.#link.isOpen) return; // they go out after the next snapshot
    for (const [popId, draft] of Object.entries(this.#screen.drafts)) {
      if (!isUnsent(draft) || !this.#screen.pops.some((pop) => pop.offer.pop_id === popId)) continue;
      const code = draft.code ?? "";
      this.#link.send({ type: "note", pop_id: popId, text: draft.text, code });
      this.#apply({ kind: "sent", popId, text: draft.text, code });
      this.#share(popId);
    }
  }

  #share(popId: string): void {
    const draft = this.#screen.drafts[popId];
    if (draft) this.#tabs.tell({ kind: "draft", popId, draft });
    storeDrafts(this.#screen.drafts);
  }

  // --- forms

  #form(does: (drafts: FormDrafts) => FormDrafts): void {
    this.#apply({ kind: "form", does });
  }

  #saveForm(it: Interaction): void {
    const draft = this.#screen.forms[it.interaction_id];
    const fields = toSend(draft, it);
    if (!draft || fields === null || !this.#link.isOpen) return;
    this.#link.send({ type: "form", pop_id: draft.popId, interaction_id: it.interaction_id, revision: it.revision, fields });
    this.#form((drafts) => sending(drafts, it.interaction_id));
  }

  // --- the rest

  #apply(event: ScreenEvent): void {
    this.#screen = reduce(this.#screen, event);
    this.#changed();
  }

  #changed(): void {
    this.dataset["leads"] = String(this.#tabs.leads);
    document.documentElement.dataset["link"] = this.#screen.link;
    const ringing = this.#screen.pops.find((pop) => pop.offer.state === "ringing");
    if (ringing && this.#tabs.leads && this.#screen.takenBy === null) this.#alerts.start(this.#words.t("app.title"), this.#words.t("test.body"));
    else this.#alerts.stop();
    this.dataset["rings"] = String(this.#alerts.isRinging);
    document.title = this.#titleFor(ringing);
    this.requestUpdate();
  }

  #titleFor(ringing: ScreenPop | undefined): string {
    return ringing ? `● ${this.#words.t("state.ringing")} · ctiroute` : "ctiroute"; // no names: titles are seen over shoulders and in histories
  }

  #speak(language: string): void {
    this.#words = new Words(pickLanguage([language]));
    document.documentElement.lang = this.#words.language;
    this.#changed();
  }

  #applyTheme(): void {
    if (this.#theme === "auto") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = this.#theme;
  }

  async #copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return; // not a secure origin, or refused: the text can still be selected
    }
    this.#copied = text;
    this.#changed();
    setTimeout(() => {
      this.#copied = "";
      this.#changed();
    }, COPIED_MS);
  }

  async #testAlerts(): Promise<void> {
    const answer = await this.#alerts.test(this.#words.t("app.title"), this.#words.t("test.body"));
    this.#alertsSaid = this.#words.t(answer === "ok" ? "test.done" : answer === "no-sound" ? "test.sound" : "test.notify");
    this.#changed();
  }

  #showKeys(): void {
    const dialog = this.querySelector<HTMLDialogElement>("#keys");
    this.querySelector<HTMLElement>("#menu")?.hidePopover();
    if (dialog && !dialog.open) dialog.showModal();
  }

  #pressed(event: KeyboardEvent): void {
    const target = event.target;
    const typing = target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
    const action = this.#keysOn ? actionOf(event, typing) : null;
    if (action && this.#act(action)) event.preventDefault();
  }

  #act(action: Action): boolean {
    const pop = activePop(this.#screen);
    switch (action) {
      case "note":
        return this.#goTo("#note");
      case "script":
        return this.#goTo("#script");
      case "missed":
        return this.#goTo("#missed");
      case "why": {
        const drawer = this.querySelector<HTMLDetailsElement>("#why-drawer");
        if (!drawer) return false;
        drawer.open = !drawer.open;
        if (drawer.open) drawer.scrollIntoView({ block: "nearest" });
        return true;
      }
      case "copy":
        if (pop?.caller_number) void this.#copy(pop.context?.request.caller.phone ?? pop.caller_number);
        return pop !== null;
      case "next": {
        const other = this.#screen.pops.find((it) => it.offer.pop_id !== this.#screen.activeId);
        if (other) this.#doings.open(other.offer.pop_id);
        return other !== undefined;
      }
      case "done":
        if (pop) this.#doings.done(pop.offer.pop_id);
        return pop !== null;
      case "help":
        this.#showKeys();
        return true;
    }
  }

  #goTo(selector: string): boolean {
    const element = this.querySelector<HTMLElement>(selector);
    element?.focus();
    element?.scrollIntoView({ block: selector === "#missed" ? "start" : "nearest" });
    return element !== null;
  }
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

customElements.define("ct-screen", ScreenElement);
