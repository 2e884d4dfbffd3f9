// The part of Markdown that handling scripts need: headings, lists, paragraphs, bold, emphasis, code, links. Pure: text in, a tree out.
// There is no HTML in it by construction: the tree holds only text, and a link only goes where `safeUrl` lets it.

export type Inline =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "strong" | "em"; readonly children: readonly Inline[] }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "link"; readonly href: string; readonly children: readonly Inline[] };

export type Block =
  | { readonly kind: "heading"; readonly level: 1 | 2 | 3; readonly children: readonly Inline[] }
  | { readonly kind: "paragraph" | "quote"; readonly children: readonly Inline[] }
  | { readonly kind: "list"; readonly ordered: boolean; readonly start: number; readonly items: readonly (readonly Inline[])[] };

const MAX_TEXT = 64 * 1024; // a script is a page or two
const MAX_DEPTH = 6; // bold in a link in emphasis: deeper is an accident or an attack
const HEADING = /^(#{1,6})\s+(.+?)\s*#*$/;
const BULLET = /^\s{0,8}[-*+]\s+(.*)$/;
const NUMBER = /^\s{0,8}(\d{1,4})[.)]\s+(.*)$/;
const QUOTE = /^>\s?(.*)$/;
// Each alternative begins with its own character and none can cross a line: matching stays linear.
const INLINE =
  /\\([\\`*_[\]()#+\-.!>])|`([^`\n]+)`|\*\*([^*\n]+(?:\*[^*\n]+\*[^*\n]*)*)\*\*|\*([^*\s\n][^*\n]*)\*|\b_([^_\s\n][^_\n]*)_\b|\[([^\]\n]{1,500})\]\(([^()\s]{1,2000})\)/g;

/** The address when a click on it is harmless, null otherwise. Only absolute ones: a script has no page of its own. */
export function safeUrl(address: string): string | null {
  try {
    const url = new URL(address);
    return url.protocol === "https:" || url.protocol === "tel:" || url.protocol === "mailto:" ? url.href : null;
  } catch {
    return null;
  }
}

export function parseMarkdown(source: string): Block[] {
  const blocks: Block[] = [];
  let paragraph: string[] = [];
  let list = null as { ordered: boolean; start: number; items: string[] } | null; // `flush` sets it, which the compiler cannot see
  let quote: string[] = [];
  const flush = (): void => {
    if (paragraph.length > 0) blocks.push({ kind: "paragraph", children: parseInline(paragraph.join("\n")) });
    if (quote.length > 0) blocks.push({ kind: "quote", children: parseInline(quote.join("\n")) });
    if (list) blocks.push({ kind: "list", ordered: list.ordered, start: list.start, items: list.items.map((item) => parseInline(item)) });
    paragraph = [];
    quote = [];
    list = null;
  };
  for (const line of source.slice(0, MAX_TEXT).replace(/\r\n?/g, "\n").split("\n")) {
    const heading = HEADING.exec(line);
    const bullet = BULLET.exec(line);
    const number = NUMBER.exec(line);
    const quoted = QUOTE.exec(line);
    if (line.trim() === "") flush();
    else if (heading) {
      flush();
      const level = Math.min(3, heading[1]?.length ?? 1) as 1 | 2 | 3;
      blocks.push({ kind: "heading", level, children: parseInline(heading[2] ?? "") });
    } else if (bullet || number) {
      const ordered = number !== null;
      if (list?.ordered !== ordered) flush();
      list ??= { ordered, start: Number(number?.[1] ?? 1), items: [] };
      list.items.push(bullet?.[1] ?? number?.[2] ?? "");
    } else if (quoted) {
      if (quote.length === 0) flush();
      quote.push(quoted[1] ?? "");
    } else if (list !== null && /^\s+\S/.test(line)) list.items.push(`${list.items.pop() ?? ""}\n${line.trim()}`);
    else {
      if (list !== null || quote.length > 0) flush();
      paragraph.push(line.trim());
    }
  }
  flush();
  return blocks;
}

export function parseInline(text: string, depth = 0): Inline[] {
  if (depth >= MAX_DEPTH) return [{ kind: "text", text }];
  const out: Inline[] = [];
  let last = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, escaped, code, strong, star, underscore, label, address] = match;
    if (match.index > last) out.push({ kind: "text", text: text.slice(last, match.index) });
    last = match.index + whole.length;
    const em = star ?? underscore;
    const href = address === undefined ? null : safeUrl(address);
    if (escaped !== undefined) out.push({ kind: "text", text: escaped });
    else if (code !== undefined) out.push({ kind: "code", text: code });
    else if (strong !== undefined) out.push({ kind: "strong", children: parseInline(strong, depth + 1) });
    else if (em !== undefined) out.push({ kind: "em", children: parseInline(em, depth + 1) });
    else if (label !== undefined && href !== null) out.push({ kind: "link", href, children: parseInline(label, depth + 1) });
    else out.push({ kind: "text", text: whole }); // a link to where we do not go stays visible as it was written
  }
  if (last < text.length) out.push({ kind: "text", text: text.slice(last) });
  return out;
}
