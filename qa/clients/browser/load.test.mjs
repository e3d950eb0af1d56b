// 50 nodes and 1,000 copies of records, shown live: nothing is made anew that stays, and the browser has time left.
// The network is an invented one, devnet/page/tests/mock.mjs: a real one of this size would take the processor that is measured.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { mock } from "../../../devnet/page/tests/mock.mjs";
import { launch, open } from "./chromium.mjs";

const NODES = 50;
const PROVIDERS = 32;
/** Beside the 20 neighbours: with them, 32 hold 32 records each. */
const OUTSIDE = 12;
const EVENTS_PER_SEC = 20;
const WATCHED_MS = 8_000;
/** Of the watched time the page may work for this part, on a machine that has other work, too. */
const BUSY_MAX = 0.6;

let browser, network, address;

before(async () => {
  browser = await launch();
  network = mock({ nodes: NODES, providers: PROVIDERS, outside: OUTSIDE, events: EVENTS_PER_SEC });
  address = await network.listen();
});

after(async () => {
  await browser?.close();
  network?.close();
});

test("50 nodes and 1,000 records are brought up to date in place", { timeout: 120_000 }, async () => {
  const { page, errors } = await open(browser, `${address}/#/resource/${network.resource}`);
  await page.locator(".copies .cell.latest").nth(999).waitFor();
  assert.equal(await page.locator(".ring .node").count(), NODES);
  const cells = await page.locator(".copies .cell").count();
  assert.ok(cells >= 1_000, `${cells} copies`);

  await page.evaluate(() => {
    const seen = (window.seen = { made: 0, frames: [], changed: 0 });
    const outsideFeed = (node) => !(node.nodeType === 1 ? node : node.parentElement)?.closest(".feed");
    new MutationObserver((changes) => {
      for (const change of changes) {
        if (!outsideFeed(change.target)) continue;
        seen.changed++;
        seen.made += [...change.addedNodes, ...change.removedNodes].filter((node) => node.nodeType === 1).length;
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
    let last = performance.now();
    const frame = (now) => {
      seen.frames.push(now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const figures = async () => Object.fromEntries((await session.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
  const before = await figures();
  await page.waitForTimeout(WATCHED_MS);
  const after = await figures();
  const { made, frames, changed } = await page.evaluate(() => window.seen);

  const spent = (name) => (after[name] - before[name]) / (after.Timestamp - before.Timestamp);
  frames.sort((a, b) => a - b);
  const at = (part) => Math.round(frames[Math.floor(part * (frames.length - 1))]);
  console.log(
    `${NODES} nodes, ${cells} copies, ${EVENTS_PER_SEC} events a second: ${frames.length} frames in ${WATCHED_MS / 1_000} s, ` +
      `half within ${at(0.5)} ms, 95 % within ${at(0.95)} ms, the longest ${at(1)} ms; scripts ${(100 * spent("ScriptDuration")).toFixed(1)} %, ` +
      `styles and layout ${(100 * (spent("RecalcStyleDuration") + spent("LayoutDuration"))).toFixed(1)} % of the time`,
  );
  assert.ok(changed > 0, "nothing was brought up to date");
  assert.equal(made, 0, "elements that were made anew");
  const busy = spent("ScriptDuration") + spent("RecalcStyleDuration") + spent("LayoutDuration");
  assert.ok(busy < BUSY_MAX, `the page works for ${(100 * busy).toFixed(0)} % of the time`);
  assert.deepEqual(errors, []);
});
