import assert from "node:assert/strict";
import { test } from "node:test";
import { en } from "../src/i18n/en";
import { uk } from "../src/i18n/uk";
import { clockFace, pickLanguage, Words, type Text } from "../src/i18n/words";

const NOW = new Date("2026-11-22T12:00:00Z");
const before = (seconds: number): Date => new Date(NOW.getTime() - seconds * 1000);
const holes = (text: Text): string[] =>
  [...new Set((typeof text === "string" ? [text] : Object.values(text)).flatMap((it) => [...it.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "")))].sort();

test("Ukrainian has its four plural forms", () => {
  const words = new Words("uk");
  assert.deepEqual(
    [1, 2, 5, 11, 21, 22, 25].map((n) => words.t("missed.count", { n })),
    ["1 пропущений дзвінок", "2 пропущені дзвінки", "5 пропущених дзвінків", "11 пропущених дзвінків", "21 пропущений дзвінок", "22 пропущені дзвінки", "25 пропущених дзвінків"],
  );
});

test("English has two", () => {
  assert.deepEqual([1, 2].map((n) => new Words("en").t("missed.count", { n })), ["1 missed call", "2 missed calls"]);
});

test("both languages have the same texts with the same holes, and every plural its general form", () => {
  assert.deepEqual(Object.keys(uk).sort(), Object.keys(en).sort());
  for (const [key, text] of Object.entries(en) as [keyof typeof en, Text][]) {
    assert.deepEqual(holes(uk[key]), holes(text), key);
    for (const each of [text, uk[key]]) assert.ok(typeof each === "string" || each.other !== undefined, key);
  }
});

test("what fills a text is text, even when it looks like a hole", () => {
  assert.equal(new Words("en").t("colleague.title", { name: "{name} $& <b>" }), "From {name} $& <b>");
});

test("ages are counted in the unit people would say", () => {
  const words = new Words("en");
  assert.equal(words.ago(before(3), NOW), "just now");
  assert.match(words.ago(before(12 * 60 + 59), NOW), /^12 min\.? ago$/);
  assert.match(words.ago(before(3 * 3600), NOW), /^3 hr\.? ago$/);
  assert.equal(words.ago(before(-30), NOW), "just now");
  assert.match(words.ago(before(90 * 86400), NOW), /Aug/);
});

test("spans and running clocks", () => {
  assert.equal(new Words("en").span(3999), "3 s");
  assert.deepEqual([0, 42_900, 725_000, 3_729_000, -5].map(clockFace), ["0:00", "0:42", "12:05", "1:02:09", "0:00"]);
});

test("a language we do not have falls back", () => {
  assert.equal(pickLanguage([null, "de-AT", "uk-UA"]), "uk");
  assert.equal(pickLanguage(["constructor", "xx"]), "en");
});
