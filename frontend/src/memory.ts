// What this browser remembers: choices for good, drafts of notes for as long as the tab lives. Nothing else of a customer is kept.
import type { Draft } from "./screen";
import type { Theme } from "./views/view";

export const STORED = { language: "ctiroute.language", theme: "ctiroute.theme", keys: "ctiroute.keys", drafts: "ctiroute.drafts" } as const;

export function storedTheme(): Theme {
  const stored = localStorage.getItem(STORED.theme);
  return stored === "light" || stored === "dark" ? stored : "auto";
}

// Drafts outlive a reload of this tab, so that going on typing does not overwrite on the service what was written before.
export function storedDrafts(): Record<string, Draft> {
  try {
    return JSON.parse(sessionStorage.getItem(STORED.drafts) ?? "{}") as Record<string, Draft>;
  } catch {
    return {};
  }
}

export function storeDrafts(drafts: Readonly<Record<string, Draft>>): void {
  sessionStorage.setItem(STORED.drafts, JSON.stringify(drafts));
}
