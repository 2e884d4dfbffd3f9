// What every view is given: the screen, the language, the corrected time, and what a click may do. Views are pure functions of it.
import { html, nothing, type TemplateResult } from "lit";
import type { Block, Inline } from "../markdown";
import { parseMarkdown } from "../markdown";
import type { Screen } from "../screen";
import type { Words } from "../i18n/words";
import type { Found, Proposed } from "../wire.gen";
import type { Interaction } from "../wire.gen";

export interface Doings {
  typed(popId: string, text: string): void;
  noteLeft(popId: string): void;
  coded(popId: string, code: string): void;
  choose(popId: string, customerId: string): void;
  wrong(popId: string, customerId: string): void;
  found(popId: string, kind: Found["kind"], aboutId: string): void;
  proposed(popId: string, proposal: string, fate: Proposed["fate"]): void;
  formBegin(popId: string, it: Interaction): void;
  formTyped(it: Interaction, label: string, text: string): void;
  formSettle(it: Interaction, label: string, keep: "mine" | "theirs"): void;
  formSave(it: Interaction): void;
  formLeave(it: Interaction): void;
  promise(popId: string, dueAt: string, note: string, myself: boolean): void;
  open(popId: string): void;
  done(popId: string): void;
  copy(text: string): void;
  signIn(operator: string, password: string): void;
  signOut(): void;
  testAlerts(): void;
  alertsOff(): void;
  setLanguage(language: string): void;
  setTheme(theme: Theme): void;
  setKeys(on: boolean): void;
  showKeys(): void;
  showMissed(): void;
}

export type Theme = "auto" | "light" | "dark";

export interface View {
  readonly screen: Screen;
  readonly words: Words;
  readonly do: Doings;
  readonly copied: string; // what was copied a moment ago
  readonly signIn: { readonly busy: boolean; readonly error: string };
  readonly alerts: { readonly on: boolean; readonly said: string };
  readonly theme: Theme;
  readonly keysOn: boolean;
  readonly early: ReadonlySet<string>; // pops that were painted before their facts came
  readonly leads: boolean; // this tab is the one that rings
}

export type Part = TemplateResult | typeof nothing;

/** The server's time at `now` of this browser's clock. */
export function serverNow(view: View, now: number): number {
  return now + view.screen.skewMs;
}

/** "12 min ago", kept current. */
export function agoClock(view: View, iso: string): TemplateResult {
  const then = new Date(iso);
  return html`<ct-clock
    title=${view.words.full(then)}
    .shows=${(now: number) => view.words.ago(then, new Date(serverNow(view, now)))}
  ></ct-clock>`;
}

export function markdown(source: string): TemplateResult[] {
  return parseMarkdown(source).map(block);
}

function block(part: Block): TemplateResult {
  switch (part.kind) {
    case "heading":
      return part.level === 1 ? html`<h4 class="md-1">${inline(part.children)}</h4>` : html`<h5>${inline(part.children)}</h5>`;
    case "paragraph":
      return html`<p>${inline(part.children)}</p>`;
    case "quote":
      return html`<blockquote>${inline(part.children)}</blockquote>`;
    case "list": {
      const items = part.items.map((item) => html`<li>${inline(item)}</li>`);
      return part.ordered ? html`<ol start=${part.start}>${items}</ol>` : html`<ul>${items}</ul>`;
    }
  }
}

function inline(parts: readonly Inline[]): unknown[] {
  return parts.map((part) => {
    switch (part.kind) {
      case "text":
        return part.text;
      case "code":
        return html`<code>${part.text}</code>`;
      case "strong":
        return html`<strong>${inline(part.children)}</strong>`;
      case "em":
        return html`<em>${inline(part.children)}</em>`;
      case "link":
        return html`<a href=${part.href} target="_blank" rel="noopener noreferrer">${inline(part.children)}</a>`;
    }
  });
}
