// The examples for browsers, in two tabs and beside clients in Node.js. REGISTRY: the address of `registry up`. RELAYS: a JSON list of
// { ws }. BROWSER, CHAT: folders of the examples with what they depend on.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, afterEach, before, test } from "node:test";
import { build, preview } from "vite";
import { launch, open, PATIENCE_MS } from "./chromium.mjs";

const { REGISTRY, BROWSER, CHAT } = process.env;
const relays = JSON.parse(process.env.RELAYS).map(({ ws }) => ws);
const { call, connect, provide } = await import(`${BROWSER}/node_modules/@fluencelabs/registry/dist/index.js`);
const limit = { timeout: 400_000 };

let browser;
const ending = [];

before(async () => (browser = await launch()));
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  for (const end of ending.splice(0)) await end();
});
after(() => browser?.close());

/** What Vite makes of an example. */
async function serve(root) {
  const inline = { root, configFile: `${BROWSER}/vite.config.js`, logLevel: "warn" };
  await build({ ...inline, build: { minify: false, chunkSizeWarningLimit: 8_000 } });
  const server = await preview({ ...inline, preview: { port: 0, host: "127.0.0.1" } });
  ending.push(() => server.close());
  return server.resolvedUrls.local[0];
}

/** A page that may ask nobody but this machine. */
async function tab(url) {
  const opened = await open(browser, "about:blank");
  opened.elsewhere = [];
  opened.page.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (protocol !== "blob:" && protocol !== "data:" && hostname !== "127.0.0.1" && hostname !== "localhost") opened.elsewhere.push(request.url());
  });
  await opened.page.goto(url, { waitUntil: "commit" });
  return opened;
}

/** Waits for something on a page; tells what else is there if it does not come. */
async function shown({ page, errors }, locator, options = {}) {
  await locator.waitFor(options).catch(async (error) => {
    throw new Error(`${error.message}\nThe page:\n${await page.locator("body").innerText()}\n${errors.join("\n")}`);
  });
}

test("two pages and a client in Node.js find and call each other", limit, async () => {
  const url = await serve(BROWSER);
  const one = await tab(url);
  const link = one.page.locator("#me a");
  await shown(one, link);
  const resource = await link.textContent();
  const two = await tab(`${url}?resource=${resource}`);
  await shown(two, two.page.locator("#me a"));
  const client = await connect(relays);
  ending.push(() => client.close());
  const service = { id: "clock", functions: { time: () => "time of Node.js" } };
  const provided = await provide({ resource, value: "a client in Node.js", service }, { connection: client });

  for (const opened of [one, two]) {
    const { page } = opened;
    const providers = page.locator("#providers li");
    await shown(opened, providers.nth(2));
    await page.locator("#call").click();
    await shown(opened, page.locator("#providers", { hasText: "a client in Node.js: time of Node.js" }));
    await page.waitForFunction(() => ![...document.querySelectorAll("#providers li")].some((line) => line.textContent.includes("not asked")));
    for (const text of await providers.allTextContents()) assert.match(text, /: (time of Node\.js|\d.*\d)/);
  }
  const answers = [];
  for await (const { provider, result, error } of call(resource, null, "time", [], { connection: client })) {
    assert.equal(error, undefined, `${provider.value}: ${error?.message}`);
    answers.push(result);
  }
  assert.equal(answers.length, 3);
  await provided.close();
  await shown(one, one.page.locator("#providers li", { hasText: "a client in Node.js" }), { state: "detached" });
  for (const { elsewhere, errors } of [one, two]) assert.deepEqual([elsewhere, errors], [[], []]);
});

test("a tab and a terminal chat, and a member that hangs delays neither", limit, async () => {
  const url = await serve(CHAT);
  const opened = await tab(`${url}?name=tab`);
  const { page, elsewhere, errors } = opened;
  const said = page.locator("ol");
  await shown(opened, said.locator("li", { hasText: /^room / }));
  const room = (await said.locator("li", { hasText: /^room / }).textContent()).slice("room ".length);

  const terminal = spawn(process.execPath, [...process.execArgv.filter((argument) => !argument.startsWith("--test")), "chat.mjs", "terminal", room], {
    cwd: CHAT,
    env: { ...process.env, REGISTRY_RELAY: relays.join(","), NODE_TEST_CONTEXT: "" },
  });
  let heard = "";
  for (const stream of [terminal.stdout, terminal.stderr]) stream.on("data", (data) => (heard += data));
  ending.push(() => terminal.kill("SIGKILL"));
  const hears = async (text, ms) => {
    for (const until = Date.now() + ms; !heard.includes(text); await new Promise((done) => setTimeout(done, 50))) {
      assert.ok(Date.now() < until, `no ${text} in\n${heard}`);
    }
  };
  await shown(opened, said.locator("li", { hasText: "* terminal is here" }));

  const client = await connect(relays);
  ending.push(() => client.close());
  const hangs = { id: "inbox", functions: { receive: () => new Promise(() => {}) } };
  await provide({ resource: room, value: "hangs", service: hangs }, { connection: client });
  await shown(opened, said.locator("li", { hasText: "* hangs is here" }));

  await page.locator("input").fill("hello from a tab");
  await page.getByRole("button", { name: "Send" }).click();
  await hears("tab: hello from a tab", PATIENCE_MS);
  assert.ok(!(await said.textContent()).includes("has not received"), "the terminal had to wait for the one that hangs");
  await shown(opened, said.locator("li", { hasText: '* hangs has not received "hello from a tab"' }));
  terminal.stdin.write("hello from a terminal\n");
  await shown(opened, said.locator("li", { hasText: "terminal: hello from a terminal" }));
  assert.deepEqual([elsewhere, errors], [[], []]);
});
