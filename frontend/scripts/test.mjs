// Runs test/*.test.ts with Node's own test runner: bundled first, because the tests import the page's TypeScript as it is.
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../", import.meta.url));
const out = mkdtempSync(path.join(root, "node_modules", ".test-"));
try {
  await build({ absWorkingDir: root, entryPoints: globSync("test/*.test.ts", { cwd: root }), bundle: true, format: "esm", platform: "node", target: "node22", outdir: out, outExtension: { ".js": ".mjs" }, logLevel: "warning" });
  const files = globSync("*.mjs", { cwd: out }).map((name) => path.join(out, name));
  process.exitCode = spawnSync(process.execPath, ["--test", ...files], { stdio: "inherit" }).status ?? 1;
} finally {
  rmSync(out, { recursive: true });
}
