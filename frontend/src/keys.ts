// Keyboard shortcuts: Alt+Shift and a letter's place on the keyboard, so that they work in every layout. They can be turned off (WCAG 2.1.4).
import type { Key } from "./i18n/words";

export type Action = "note" | "script" | "why" | "copy" | "missed" | "next" | "done" | "help";

export interface Shortcut {
  readonly action: Action;
  readonly code: string; // KeyboardEvent.code
  readonly shown: string;
  readonly text: Key;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { action: "note", code: "KeyN", shown: "Alt+Shift+N", text: "keys.note" },
  { action: "script", code: "KeyS", shown: "Alt+Shift+S", text: "keys.script" },
  { action: "why", code: "KeyW", shown: "Alt+Shift+W", text: "keys.why" },
  { action: "copy", code: "KeyC", shown: "Alt+Shift+C", text: "keys.copy" },
  { action: "missed", code: "KeyM", shown: "Alt+Shift+M", text: "keys.missed" },
  { action: "next", code: "KeyJ", shown: "Alt+Shift+J", text: "keys.next" },
  { action: "done", code: "KeyD", shown: "Alt+Shift+D", text: "keys.done" },
  { action: "help", code: "", shown: "?", text: "keys.help" },
];

export interface Pressed {
  readonly key: string;
  readonly code: string;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
}

/** What a key press asks for, or null. `typing`: the focus is where text is written. */
export function actionOf(event: Pressed, typing: boolean): Action | null {
  if (event.ctrlKey || event.metaKey) return null;
  if (event.altKey && event.shiftKey) return SHORTCUTS.find((it) => it.code === event.code)?.action ?? null;
  return event.key === "?" && !event.altKey && !typing ? "help" : null;
}
