// Makes the page that the command embeds: client/src/command/http/page/{index.html,app.js,app.css}.
//
//   node build.mjs [--check]
//
// With --check nothing is written: it fails where a file is not what it would write. The same sources give the same bytes
// everywhere, because the versions of esbuild and Preact are pinned.

import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "..", "client", "src", "command", "http", "page");
const JAVASCRIPT_MAX_KIB = 150;

const check = process.argv[2] === "--check";
if (process.argv.length > 3 || (process.argv[2] && !check)) {
  console.error("usage: node build.mjs [--check]");
  process.exit(2);
}

const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
execFileSync(process.execPath, [tsc, "--project", join(here, "tsconfig.json")], { stdio: "inherit" });

const { outputFiles } = await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.tsx" },
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  charset: "utf8",
  banner: { js: "/* Registry: Apache-2.0. With Preact: MIT, (c) 2015-present Jason Miller. */" },
  outdir: "out",
  write: false,
});
const made = new Map(outputFiles.map(({ path, contents }) => [path.split("/").at(-1), Buffer.from(contents)]));
made.set("index.html", await readFile(join(here, "src", "index.html")));

const size = gzipSync(made.get("app.js"), { level: 9 }).length;
if (size > JAVASCRIPT_MAX_KIB * 1024) {
  console.error(`app.js has ${size} bytes gzipped, at most ${JAVASCRIPT_MAX_KIB} KiB are allowed: leave a dependency out`);
  process.exit(1);
}

const stale = [];
for (const [name, bytes] of made) {
  const found = await readFile(join(target, name)).catch(() => undefined);
  if (!found?.equals(bytes)) stale.push(name);
}
if (check && stale.length > 0) {
  console.error(`client/src/command/http/page is not what devnet/page makes (${stale.join(", ")}): run node devnet/page/build.mjs and commit it`);
  process.exit(1);
}
if (!check) {
  await mkdir(target, { recursive: true });
  for (const name of stale) await writeFile(join(target, name), made.get(name));
  console.log(`app.js: ${(size / 1024).toFixed(1)} KiB gzipped`);
}
