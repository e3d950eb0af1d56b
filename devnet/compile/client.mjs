// Compiles the scripts that the Rust client embeds: client/aqua/client.aqua to client/air/NAME.air, short.
//
//   node client.mjs [--check]
//
// With --check nothing is written: it fails where a file is not what it would write.

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileFromPath } from "@fluencelabs/aqua-api";
import { minify } from "./minify.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const client = join(here, "..", "..", "client");
const directory = join(client, "air");
// The Resources API exports more than the client calls.
const NAMES = [
  "createResource", "getResource", "createResourceAndRegisterProvider", "registerProvider", "registerNodeProvider",
  "unregisterService", "resolveResource", "createOpenResource", "registerProviderFor", "registerOpenProvider",
  "registerOpenProviderFor", "registerOpenNodeProvider", "resolveAliveResource", "resolveThroughDirectories", "advertiseOpen", "neighbours", "nodeStats", "inspectNode", "peekRecords",
];
const check = process.argv[2] === "--check";
if (process.argv.length > 3 || (process.argv[2] && !check)) {
  console.error("usage: node client.mjs [--check]");
  process.exit(2);
}

const { errors, functions } = await compileFromPath({
  filePath: join(client, "aqua", "client.aqua"),
  imports: { "/": { "": [join(here, "node_modules")] } },
});
if (errors.length > 0) {
  console.error(errors.join("\n"));
  process.exit(1);
}

const wanted = new Map(NAMES.map((name) => [`${name}.air`, `${minify(functions[name].script)}\n`]));
await mkdir(directory, { recursive: true });
const found = new Map();
for (const file of await readdir(directory)) found.set(file, await readFile(join(directory, file), "utf8"));

if (check) {
  const stale = [...new Set([...wanted.keys(), ...found.keys()])].filter((file) => wanted.get(file) !== found.get(file));
  if (stale.length > 0) {
    console.error(`client/air is not what client/aqua compiles to (${stale.join(", ")}): run ./build.sh and commit it`);
    process.exit(1);
  }
} else {
  for (const file of found.keys()) if (!wanted.has(file)) await rm(join(directory, file));
  for (const [file, text] of wanted) if (found.get(file) !== text) await writeFile(join(directory, file), text);
}
