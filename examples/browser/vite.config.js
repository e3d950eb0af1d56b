import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";

const WORKERS = { "marine-js": "dist/marine-js.wasm", avm: "dist/avm.wasm", "marine-worker": "dist/browser/marine-worker.umd.cjs" };

// In a browser the JS client loads three files from a CDN. They are in node_modules, too: from there they go to public/workers.
const workers = {
  name: "workers",
  configResolved({ root, publicDir }) {
    for (const [name, file] of Object.entries(WORKERS)) {
      const from = join(root, "node_modules/@fluencelabs", name);
      const { version } = JSON.parse(readFileSync(join(from, "package.json")));
      cpSync(join(from, file), join(publicDir, `workers/@fluencelabs/${name}@${version}`, file));
    }
  },
};

// `registry up` tells the page which nodes there are.
const proxy = { "/api": { target: process.env.REGISTRY ?? "http://127.0.0.1:9980", changeOrigin: true } };

export default { plugins: [workers], server: { proxy }, preview: { proxy } };
