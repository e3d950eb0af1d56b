// Makes a module of an Aqua file, as an application's build does: aqua-api compiles, aqua-to-js writes JavaScript.

import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import aquaToJs from "@fluencelabs/aqua-to-js";
import { compileFromPath } from "@fluencelabs/aqua-api";

const modules = fileURLToPath(new URL("node_modules", import.meta.url));
const registry = fileURLToPath(new URL("../../../aqua", import.meta.url));

export async function load(file) {
  const compiled = await compileFromPath({
    filePath: fileURLToPath(new URL(file, import.meta.url)),
    imports: { "/": { "": [modules], "@fluencelabs/registry": registry } },
  });
  if (compiled.errors.length > 0) throw new Error(compiled.errors.join("\n"));
  const { sources } = await aquaToJs(compiled, "js");
  // Below these packages, because what is compiled imports the JS client.
  const path = join(await mkdtemp(join(modules, ".compiled-")), "module.mjs");
  await writeFile(path, sources);
  return import(pathToFileURL(path).href);
}
