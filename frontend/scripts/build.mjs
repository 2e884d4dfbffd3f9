// Bundles the page: node scripts/build.mjs OUTDIR -> index.html, app-<hash>.js, app-<hash>.css.
// Names carry a hash of their content, so that a browser may keep them for ever.
import { readFile, writeFile, mkdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../", import.meta.url));
const out = path.resolve(process.argv[2] ?? path.join(root, "../src/ctiroute/web/static"));

const result = await build({
  absWorkingDir: root,
  entryPoints: [{ in: "src/main.ts", out: "app" }, { in: "src/styles/app.css", out: "app" }],
  entryNames: "app-[hash]",
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome111", "firefox115", "safari16.4"],
  legalComments: "eof", // Lit's licence asks that its notice stays
  metafile: true,
  logLevel: "warning",
});
const names = Object.keys(result.metafile.outputs).map((file) => path.basename(file));
const script = names.find((name) => name.endsWith(".js"));
const style = names.find((name) => name.endsWith(".css"));
if (!script || !style) throw new Error(`the bundle lacks a script or a style sheet: ${names.join(", ")}`);

const page = await readFile(path.join(root, "src/index.html"), "utf8");
await mkdir(out, { recursive: true });
await writeFile(path.join(out, "index.html"), page.replace("app.js", script).replace("app.css", style));
