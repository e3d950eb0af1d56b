// Compiles the functions that an Aqua file exports to short AIR files, for scripts that a node runs on its own: they have no
// relay, the node is where they begin.
//
//   node air.mjs FILE DIRECTORY FUNCTION[=NAME]...
//
// writes DIRECTORY/NAME.air for each FUNCTION.

import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileFromPath } from "@fluencelabs/aqua-api";
import { minify } from "./minify.mjs";

const [filePath, directory, ...wanted] = process.argv.slice(2);
if (wanted.length === 0) {
  console.error("usage: node air.mjs FILE DIRECTORY FUNCTION[=NAME]...");
  process.exit(2);
}

const modules = join(dirname(fileURLToPath(import.meta.url)), "node_modules");
const { errors, functions } = await compileFromPath({
  filePath,
  imports: { "/": { "": [modules] } },
  noRelay: true,
});
if (errors.length > 0) {
  console.error(errors.join("\n"));
  process.exit(1);
}

await mkdir(directory, { recursive: true });
for (const item of wanted) {
  const [name, file = name] = item.split("=");
  if (!functions[name]) {
    console.error(`air.mjs: ${filePath} exports no function ${name}`);
    process.exit(1);
  }
  await writeFile(join(directory, `${file}.air`), `${minify(functions[name].script)}\n`);
}
