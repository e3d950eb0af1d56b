// That nobody is kept out of the page of `registry up`: WCAG AA, as far as axe-core finds what is against it, in light and dark, in a narrow
// and in a wide window. PAGE: its address.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import axe from "axe-core";
import { launch, open } from "./chromium.mjs";
import { create, onRing, provide } from "./steps.mjs";

const PAGE = process.env.PAGE;
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

let browser;

before(async () => (browser = await launch()));
after(() => browser?.close());

// Each rule looks at every element: on a machine with other work this takes its time.
const limit = { timeout: 300_000 };

/** Fails with what is against the rules, and if the page is wider than its window. */
async function check(page, what) {
  // Colours that are on their way are none to judge by.
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
  const { violations } = await page.evaluate((rules) => window.axe.run({ runOnly: rules, resultTypes: ["violations"] }), RULES);
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, any }) => `${html} ${any[0]?.message ?? ""}`).join("\n  ")}`);
  assert.deepEqual(found, [], what);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${what} is wider than the window`);
}

for (const [width, colorScheme] of [[400, "light"], [1600, "dark"]]) {
  test(`nobody is kept out at ${width} px, ${colorScheme}`, limit, async () => {
    const { page } = await open(browser, PAGE, { width, colorScheme, firstVisit: true });
    await onRing(page).first().waitFor();
    await page.evaluate(axe.source);
    await check(page, "the first visit");
    await page.getByRole("button", { name: "Got it" }).click();
    await create(page, `looked at ${colorScheme}`);
    await provide(page, "a provider with a value that is longer than a line has room for, as values can be");
    await page.locator("summary", { hasText: "All nodes" }).click();
    await check(page, "a resource");
    await page.locator(".provider a").first().click();
    await page.getByRole("heading", { level: 2, name: /^Node/ }).waitFor();
    await check(page, "a node");
    await page.context().close();
  });
}

for (const [width, colorScheme] of [[1600, "light"], [400, "dark"]]) {
  test(`a list and its contrasts at ${width} px, ${colorScheme}`, limit, async () => {
    const { page } = await open(browser, PAGE, { width, colorScheme });
    await page.locator(".rows li, .happening").first().waitFor();
    await page.evaluate(axe.source);
    await check(page, "the list of resources");
    await page.context().close();
  });
}
