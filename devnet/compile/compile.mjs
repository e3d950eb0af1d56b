// Compiles one Aqua file to AIR. Takes a JSON request on stdin:
//   { modulesDir, filePath, imports: [dir], aliases: { prefix: dir }, constants: ["NAME = value"], minified: bool }
// and writes a JSON answer on stdout:
//   { errors: [text], warnings: [text], functions: { name: { air, arguments: [{ name, type }], results: [type] } } }
//
// Runs as one text with minify.mjs before it, which is where `minify` comes from: devnet carries both, in no directory.

import { pathToFileURL } from "node:url";
import { join } from "node:path";

const ANSI = /\u001b\[[0-9;]*m/g;

async function readStdin() {
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  return JSON.parse(text);
}

// The compiler's own type objects, reduced to what argument checks need.
function plainType(type) {
  switch (type.tag) {
    case "scalar":
      return { kind: "scalar", name: type.name };
    case "array":
      return { kind: "array", item: plainType(type.type) };
    case "option":
      return { kind: "option", item: plainType(type.type) };
    case "struct":
      return { kind: "struct", name: type.name, fields: plainFields(type.fields) };
    case "arrow":
      return { kind: "arrow" };
    default:
      return { kind: "any" };
  }
}

function plainFields(fields) {
  return Object.entries(fields ?? {}).map(([name, type]) => ({ name, type: plainType(type) }));
}

function plainFunction({ script, funcDef }, minified) {
  const { domain, codomain } = funcDef.arrow;
  return {
    air: minified ? minify(script) : script,
    arguments: domain.tag === "labeledProduct" ? plainFields(domain.fields) : [],
    results: codomain.tag === "unlabeledProduct" ? codomain.items.map(plainType) : [],
  };
}

const request = await readStdin();
const api = join(request.modulesDir, "@fluencelabs", "aqua-api", "index.js");
const { compileFromPath } = await import(pathToFileURL(api));
const result = await compileFromPath({
  filePath: request.filePath,
  imports: { "/": { "": request.imports, ...request.aliases } },
  constants: request.constants,
  noEmptyResponse: false,
});
const functions = Object.entries(result.functions ?? {});
const answer = {
  errors: result.errors.map((text) => text.replace(ANSI, "")),
  warnings: (result.warnings ?? []).map((text) => text.replace(ANSI, "")),
  functions: Object.fromEntries(functions.map(([name, f]) => [name, plainFunction(f, request.minified)])),
};
process.stdout.write(JSON.stringify(answer));
