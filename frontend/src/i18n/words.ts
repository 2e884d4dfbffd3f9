// Texts, plural forms, dates and durations in one language. Pure: `now` is an argument. Knows nothing of what is on the page.
import { en } from "./en";
import { uk } from "./uk";

/** A text, or one for each plural form the language has (Unicode CLDR names). */
export type Text = string | Partial<Record<Intl.LDMLPluralRule, string>>;
export type Key = keyof typeof en;
export type Texts = Record<Key, Text>;
export type Params = Readonly<Record<string, string | number>>;

const LANGUAGES: Readonly<Record<string, Texts>> = { en, uk };
export const LANGUAGE_NAMES: readonly (readonly [string, string])[] = [
  ["en", "English"],
  ["uk", "Українська"],
];

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The first wanted language we have: "uk-UA" is met by "uk"; English when none is. */
export function pickLanguage(wanted: readonly (string | null | undefined)[]): string {
  for (const tag of wanted) {
    const base = tag?.toLowerCase().split("-")[0];
    if (base && Object.hasOwn(LANGUAGES, base)) return base;
  }
  return "en";
}

export class Words {
  readonly language: string;
  readonly #texts: Texts;
  readonly #plural: Intl.PluralRules;
  readonly #relative: Intl.RelativeTimeFormat;
  readonly #time: Intl.DateTimeFormat;
  readonly #date: Intl.DateTimeFormat;
  readonly #full: Intl.DateTimeFormat;
  readonly #names: Intl.DisplayNames;

  constructor(language: string) {
    this.language = pickLanguage([language]);
    this.#texts = LANGUAGES[this.language] ?? en;
    this.#plural = new Intl.PluralRules(this.language);
    this.#relative = new Intl.RelativeTimeFormat(this.language, { numeric: "always", style: "short" });
    // 24 hours in every language: the floor, the log and the caller's SMS all say 14:05.
    this.#time = new Intl.DateTimeFormat(this.language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    this.#date = new Intl.DateTimeFormat(this.language, { day: "numeric", month: "short", year: "numeric" });
    this.#full = new Intl.DateTimeFormat(this.language, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
    this.#names = new Intl.DisplayNames(this.language, { type: "language", fallback: "none" });
  }

  /** The text of `key`, its {params} filled in, its plural form chosen by `params.n`. */
  t(key: Key, params: Params = {}): string {
    const text = this.#texts[key];
    const chosen = typeof text === "string" ? text : (text[this.#plural.select(Number(params["n"]))] ?? text.other ?? "");
    return chosen.replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole));
  }

  /** The name of a kind of identifier; one of the company's own is its own name. */
  kind(kind: string): string {
    const key = `id.${kind}`;
    return Object.hasOwn(this.#texts, key) ? this.t(key as Key) : kind;
  }

  /** "12 min ago". A time in the future (two clocks that differ) reads as now. */
  ago(then: Date, now: Date): string {
    const ms = now.getTime() - then.getTime();
    if (ms < 10 * SECOND) return this.t("ago.just");
    if (ms < MINUTE) return this.#relative.format(-Math.floor(ms / SECOND), "second");
    if (ms < HOUR) return this.#relative.format(-Math.floor(ms / MINUTE), "minute");
    if (ms < DAY) return this.#relative.format(-Math.floor(ms / HOUR), "hour");
    if (ms < 31 * DAY) return this.#relative.format(-Math.floor(ms / DAY), "day");
    return this.#date.format(then);
  }

  /** "3 s", "12 min", "5 hr": how long, without a direction. */
  span(ms: number): string {
    const [value, unit] = ms < MINUTE ? [ms / SECOND, "second"] : ms < HOUR ? [ms / MINUTE, "minute"] : ms < DAY ? [ms / HOUR, "hour"] : [ms / DAY, "day"];
    if (unit === "second") return this.t("seconds", { n: Math.max(0, Math.floor(Number(value))) });
    return new Intl.NumberFormat(this.language, { style: "unit", unit: String(unit), unitDisplay: "short" }).format(Math.floor(Number(value)));
  }

  /** "31%": never 0 or 100 for what is possible and not sure. */
  percent(part: number): string {
    const whole = part <= 0 || part >= 1 ? part : Math.min(0.99, Math.max(0.01, part));
    return new Intl.NumberFormat(this.language, { style: "percent", maximumFractionDigits: 0 }).format(whole);
  }

  /** "14:05" */
  time(at: Date): string {
    return this.#time.format(at);
  }

  /** "22 Nov 2026, 14:05" */
  full(at: Date): string {
    return this.#full.format(at);
  }

  /** The name of a language tag in our language ("uk" -> "Ukrainian"); the tag itself when it is none. */
  languageName(tag: string): string {
    try {
      return this.#names.of(tag) ?? tag;
    } catch {
      return tag;
    }
  }
}

/** "0:42", "12:05", "1:02:09": a running clock. */
export function clockFace(ms: number): string {
  const total = Math.max(0, Math.floor(ms / SECOND));
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  const seconds = String(total % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}
