// What a stranger may put into a name or a message must not change how the text around it reads. Pure.

// Control characters but tab and line ends, and the bidirectional embeddings, overrides and isolates (Unicode TR 36, 3.1.1):
// with them "gnp.exe" can read "exe.png", and a name can turn the rest of its line around. Plain marks (U+200E, U+200F) stay, as text needs them.
const UNSAFE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** The same value with every text in it, labels included, freed of them. Keys of records (`..._id`) are sent back, so they stay as they are. */
export function clean<T>(value: T): T {
  return cleaned(value) as T;
}

function cleaned(value: unknown): unknown {
  if (typeof value === "string") return value.replace(UNSAFE, "");
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]: [string, unknown]) => [key.replace(UNSAFE, ""), key.endsWith("_id") ? each : cleaned(each)]),
  );
}
