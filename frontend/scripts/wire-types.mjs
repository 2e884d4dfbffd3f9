// Makes src/wire.gen.ts, the types of the websocket's messages, from docs/reference/websocket.schema.json.
// Knows nothing of the page. The schema itself is made by the Python side from its own message classes.
import { readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";

const root = new URL("../", import.meta.url);
const source = new URL("../docs/reference/websocket.schema.json", root);
const target = new URL("src/wire.gen.ts", root);

/** JSON Schema 2020-12 as the server writes it -> the older words this generator reads. */
function adapt(node) {
  if (Array.isArray(node)) return node.map(adapt);
  if (node === null || typeof node !== "object") return node;
  const out = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, adapt(value)]));
  if (out.prefixItems) {
    // A tuple: 2020-12 moved its items here from `items`.
    Object.assign(out, { items: out.prefixItems, minItems: out.prefixItems.length, maxItems: out.prefixItems.length });
    delete out.prefixItems;
  }
  // The server always writes every field, defaults too, so on this side none is optional.
  if (out.type === "object" && out.properties) Object.assign(out, { required: Object.keys(out.properties), additionalProperties: false });
  // A title makes the generator name each use apart; $defs already name them. (A property may be named so, too: that is an object.)
  if (typeof out.title === "string") delete out.title;
  return out;
}

const schema = adapt(JSON.parse(await readFile(source, "utf8")));
const names = Object.keys(schema.$defs ?? {});
for (const needed of ["Snapshot", "PopMessage", "ScreenPop", "Ack", "Note", "Choose", "Ping"]) {
  if (!names.includes(needed)) throw new Error(`${source.pathname}: no definition named ${needed}; make the schema anew`);
}
const all = {
  title: "Wire",
  type: "object",
  properties: Object.fromEntries(names.map((name) => [name, { $ref: `#/$defs/${name}` }])),
  required: names,
  additionalProperties: false,
  $defs: schema.$defs,
};
const text = await compile(all, "Wire", {
  bannerComment: "// Generated from docs/reference/websocket.schema.json; not in git. `npm run types` makes it anew.",
  style: { printWidth: 140, tabWidth: 2 },
  unreachableDefinitions: false,
});
await writeFile(target, text);
