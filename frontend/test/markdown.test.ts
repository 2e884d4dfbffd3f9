import assert from "node:assert/strict";
import { test } from "node:test";
import { parseInline, parseMarkdown, safeUrl } from "../src/markdown";

test("headings, lists and paragraphs", () => {
  const blocks = parseMarkdown("# One\r\ntext\nmore\n\n- a\n- b\n  goes on\n3. c\n> said");
  assert.deepEqual(blocks.map((it) => it.kind), ["heading", "paragraph", "list", "list", "quote"]);
  assert.deepEqual(blocks[2], { kind: "list", ordered: false, start: 1, items: [[{ kind: "text", text: "a" }], [{ kind: "text", text: "b\ngoes on" }]] });
  assert.equal(blocks[3]?.kind === "list" && blocks[3].start, 3);
});

test("bold, emphasis, code, and what only looks like them", () => {
  assert.deepEqual(parseInline("a **b** *c* `d*e*`"), [
    { kind: "text", text: "a " },
    { kind: "strong", children: [{ kind: "text", text: "b" }] },
    { kind: "text", text: " " },
    { kind: "em", children: [{ kind: "text", text: "c" }] },
    { kind: "text", text: " " },
    { kind: "code", text: "d*e*" },
  ]);
  for (const plain of ["2 * 3 * 4", "snake_case_name", "5 ** 2"]) assert.deepEqual(parseInline(plain), [{ kind: "text", text: plain }]);
});

test("HTML is text", () => {
  assert.deepEqual(parseMarkdown("<img src=x onerror=alert(1)>"), [{ kind: "paragraph", children: [{ kind: "text", text: "<img src=x onerror=alert(1)>" }] }]);
});

test("only harmless addresses become links", () => {
  for (const address of ["https://example.com/a?b=1", "tel:+380671234567", "mailto:a@example.com"]) assert.ok(safeUrl(address), address);
  for (const address of ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "http://example.com", "//example.com", "/x", "vbscript:x", "java\tscript:alert(1)"])
    assert.equal(safeUrl(address), null, address);
  assert.deepEqual(parseInline("[x](javascript:alert)"), [{ kind: "text", text: "[x](javascript:alert)" }]);
  const [link] = parseInline("[the *terms*](https://example.com/)");
  assert.equal(link?.kind === "link" && link.href, "https://example.com/");
});

test("hostile text is read in linear time and bounded depth", () => {
  const started = performance.now();
  for (const piece of ["*", "**a", "[", "[a](", "`", "\\", "- ", "> ", "**a*b*"]) parseMarkdown(piece.repeat(20_000));
  assert.ok(performance.now() - started < 5000);
});
