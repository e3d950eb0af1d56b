// Makes ../dist from the scripts of this package and from src/: aqua-api compiles, the minifier that everything which is shipped
// goes through makes the AIR short, aqua-to-js writes functions with types around it, and TypeScript compiles the rest.

import { execFileSync } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import aquaToJs from "@fluencelabs/aqua-to-js";
import { compileFromPath } from "@fluencelabs/aqua-api";
import { minify } from "../../devnet/compile/minify.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const compiled = await compileFromPath({
  filePath: here("scripts.aqua"),
  imports: { "/": { "": [here("node_modules")] } },
});
if (compiled.errors.length > 0) {
  console.error(compiled.errors.join("\n"));
  process.exit(1);
}
const functions = Object.fromEntries(
  Object.entries(compiled.functions).map(([name, { script, funcDef }]) => [name, { script: minify(script), funcDef }]),
);
const { sources } = await aquaToJs({ ...compiled, functions, services: compiled.services }, "ts");
await writeFile(here("src/scripts.ts"), sources);

await rm(here("../dist"), { recursive: true, force: true });
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
execFileSync(process.execPath, [tsc, "--project", here("tsconfig.json")], { stdio: "inherit" });
