// The page of `registry up`, as people use it. PAGE: its address. SCREENSHOT: where a picture of it goes.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { after, afterEach, before, test } from "node:test";
import { launch, open } from "./chromium.mjs";
import { create, onRing, provide, providers, said } from "./steps.mjs";

const PAGE = process.env.PAGE;
const JAVASCRIPT_MAX = 150 * 1024;
const FIRST_PAINT_MAX_MS = 2_000;
const limit = { timeout: 240_000 };

let browser;

before(async () => (browser = await launch()));
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));
after(() => browser?.close());

/** The number of the node that a text names. */
const nodeOf = (text) => Number(/node (\d+)/.exec(text)[1]);

test("a first visit explains itself, once", limit, async () => {
  const { page, errors } = await open(browser, PAGE, { firstVisit: true });
  await page.getByRole("heading", { name: "What you see" }).waitFor();
  await page.getByRole("button", { name: "Got it" }).click();
  assert.equal(await page.locator("#help").count(), 0);
  await page.reload();
  await onRing(page).first().waitFor();
  assert.equal(await page.locator("#help").count(), 0);
  await page.getByRole("button", { name: "What is this?" }).click();
  await page.getByRole("heading", { name: "What you see" }).waitFor();
  assert.deepEqual(errors, []);
});

test("who creates, provides, and kills the relay of the provider, sees it come back behind another one", limit, async () => {
  const { page, errors } = await open(browser, PAGE);
  await create(page, "watched");
  const nodes = await onRing(page).count();
  await page.locator(".middle", { hasText: `${Math.min(20, nodes)}/${Math.min(20, nodes)}` }).waitFor();
  await page.getByText("Nobody provides it.").waitFor();

  await provide(page, "hello from the page");
  const row = providers(page).filter({ hasText: "hello from the page" });
  await row.getByText("signed", { exact: true }).waitFor();
  const relay = nodeOf(await row.innerText());
  const feed = page.locator(".feed");
  await feed.locator("li.registered", { hasText: "watched" }).first().waitFor();
  assert.match(await feed.locator("li.registered", { hasText: "watched" }).first().innerText(), /messages.*KiB.*nodes.*ms/s);

  await row.getByRole("link", { name: `node ${relay}` }).click();
  await page.getByRole("heading", { level: 2, name: `Node ${relay}` }).waitFor();
  await page.getByText("relay of this server").waitFor();
  await page.getByRole("button", { name: "Kill", exact: true }).click();
  await page.locator(".ring .node.off", { hasText: new RegExp(`^${relay}$`) }).waitFor();
  await feed.locator("li.killed").first().waitFor();

  await page.getByRole("link", { name: "← watched" }).click();
  await row.filter({ hasNotText: "does not run" }).waitFor();
  assert.notEqual(nodeOf(await row.innerText()), relay);

  await page.locator(".ring .node.off").click();
  await page.getByRole("button", { name: "Start again" }).click();
  await page.locator(".badge", { hasText: "running" }).waitFor();
  assert.equal(await page.locator(".ring .node.off").count(), 0);
  assert.deepEqual(errors, []);
});

test("what one side of a cut has missed is there after healing and replication", limit, async () => {
  const { page, errors } = await open(browser, PAGE);
  await create(page, "repaired");
  await page.getByRole("button", { name: "Cut in two" }).click();
  await page.locator(".ring .node.side-b").first().waitFor();
  await provide(page, "on one side");
  await page.locator(".copies .cell.missing").first().waitFor();

  await page.getByRole("button", { name: "Heal the cut" }).click();
  await page.locator(".ring .node.side-b").first().waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Replicate now" }).click();
  await page.locator(".copies .cell.missing").first().waitFor({ state: "detached" });
  assert.ok((await page.locator(".copies .cell.latest").count()) > 1);
  assert.deepEqual(errors, []);
});

test("resolving tells who provides, unregistering ends it, and a refusal says why", limit, async () => {
  const { page } = await open(browser, PAGE);
  await create(page, "asked");
  await provide(page, "the answer");
  await page.getByLabel("How many nodes must answer").selectOption("3");
  await page.getByRole("button", { name: "Resolve" }).click();
  await said(page).getByText(/1 provider in \d+ ms: “the answer”/).waitFor();
  await page.locator(".feed li.resolved", { hasText: "asked" }).first().waitFor();

  await page.getByRole("button", { name: "Unregister the answer" }).click();
  await providers(page).waitFor({ state: "detached" });
  await page.locator(".feed li.deleted").first().waitFor();

  await page.getByLabel("Find a resource").fill("no id");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await said(page).locator(".notice.bad").waitFor();
  // By its id it is found, and by label and owner, and so it is by everybody else.
  const id = decodeURIComponent(new URL(page.url()).hash.split("/").pop());
  for (const name of [id, "asked@me"]) {
    await page.goto(PAGE);
    await page.getByLabel("Find a resource").fill(name);
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await page.getByRole("heading", { level: 2, name: "asked" }).waitFor();
  }
});

test("a node that is added stands on the ring, tells of itself, and is stopped and started", limit, async () => {
  const { page } = await open(browser, PAGE);
  await onRing(page).first().waitFor();
  const before = await onRing(page).count();
  await page.getByRole("button", { name: "Add a node" }).click();
  await onRing(page).nth(before).waitFor();
  await onRing(page).nth(before).click();
  await page.getByRole("heading", { level: 2, name: `Node ${before}` }).waitFor();
  for (const title of ["Keys", "Records", "Due for replication", "Stored", "Spell runs", "Tombstones"]) {
    await page.getByRole("img", { name: new RegExp(`^${title}: `) }).waitFor();
  }
  await page.locator(".facts div", { hasText: /^Clock\d/ }).waitFor();
  await page.locator(".chips .chip").first().waitFor();
  for (const [button, state] of [["Stop", "stopped"], ["Start again", "running"]]) {
    await page.getByRole("button", { name: button, exact: true }).click();
    await page.locator(".badge", { hasText: state }).waitFor();
  }
});

test("in one column, what is chosen on the ring is brought into sight", limit, async () => {
  const { page } = await open(browser, PAGE, { width: 400, height: 700 });
  await onRing(page).first().click();
  const heading = page.getByRole("heading", { level: 2, name: /^Node \d+/ });
  await heading.waitFor();
  await page.waitForFunction(() => document.querySelector("#node-title").getBoundingClientRect().top < innerHeight / 2);
});

test("everything is done by keyboard, and one sees where one is", limit, async () => {
  const { page } = await open(browser, PAGE);
  await onRing(page).first().waitFor();
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      const style = getComputedStyle(element);
      return {
        name: element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent.trim(),
        isSeen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
        top: element.getBoundingClientRect().top,
      };
    });
  await page.keyboard.press("Tab");
  assert.match((await focused()).name, /^Skip/);

  const order = [];
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press("Tab");
    const at = await focused();
    assert.ok(at.isSeen, `no outline at ${at.name}`);
    order.push(at.name);
  }
  const place = (text) => {
    const index = order.findIndex((name) => name.includes(text));
    assert.ok(index >= 0, `${text} is not in ${order.join(" | ")}`);
    return index;
  };
  // The ring is one stop; what follows it lies to its right and below.
  const stops = ["What is this?", "Node ", "Add a node", "Cut in two", "All nodes", "New resource", "Find a resource"].map(place);
  assert.deepEqual(stops, [...stops].sort((a, b) => a - b), order.join(" | "));

  await page.locator('.ring .node[tabindex="0"]').focus();
  const first = (await focused()).name;
  await page.keyboard.press("ArrowRight");
  const second = (await focused()).name;
  assert.notEqual(second, first);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 2, name: /^Node \d+/ }).waitFor();

  await page.getByRole("link", { name: "← Resources" }).focus();
  await page.keyboard.press("Enter");
  await page.getByLabel("New resource").focus();
  await page.keyboard.type("typed");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 2, name: "typed" }).waitFor();
  await page.getByLabel("Register a provider").focus();
  await page.keyboard.type("by hand");
  await page.keyboard.press("Enter");
  await providers(page).filter({ hasText: "by hand" }).waitFor();
  const clickable = await page.evaluate(() => [...document.querySelectorAll("div, span, li")].filter((element) => element.onclick !== null).length);
  assert.equal(clickable, 0);
});

test("it is small, and there at once", limit, async () => {
  const script = Buffer.from(await (await fetch(new URL("/app.js", PAGE))).arrayBuffer());
  const size = gzipSync(script, { level: 9 }).length;
  assert.ok(size <= JAVASCRIPT_MAX, `${size} bytes of JavaScript`);
  const { page } = await open(browser, PAGE);
  await onRing(page).first().waitFor();
  const paints = await page.evaluate(() => performance.getEntriesByType("paint").map(({ startTime }) => startTime));
  const ring = await page.evaluate(() => performance.now());
  assert.ok(paints.length > 0 && paints[0] < FIRST_PAINT_MAX_MS, `first paint after ${paints[0]} ms`);
  console.log(`JavaScript ${(size / 1024).toFixed(1)} KiB gzipped, first paint after ${Math.round(paints[0])} ms, the ring within ${Math.round(ring)} ms`);
});

test("its picture is the one in the README", { ...limit, skip: !process.env.SCREENSHOT }, async () => {
  const { page } = await open(browser, PAGE, { width: 1400, height: 860 });
  await create(page, "chat");
  await provide(page, "hello from my laptop");
  for (const node of [1, 3, 4, 6]) await provide(page, ["", "printer upstairs", "", "weather station", "build machine", "", "archive"][node], `node ${node}`);
  await page.getByRole("button", { name: "Close this message" }).click();
  await page.waitForTimeout(1_500);
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality: 85 });
  const picture = Buffer.from(data, "base64");
  assert.ok(picture.length < 150_000, `${picture.length} bytes`);
  await writeFile(process.env.SCREENSHOT, picture);
});
