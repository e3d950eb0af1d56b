// Debian's Chromium, without a window.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

/** Nothing here takes longer, on a machine that has other work. */
export const PATIENCE_MS = 90_000;
const NAMES = ["chromium", "chromium-browser", "google-chrome"];

export function chromiumPath() {
  const given = process.env.CHROMIUM;
  const places = given ? [given] : NAMES.flatMap((name) => process.env.PATH.split(delimiter).map((dir) => join(dir, name)));
  const found = places.find(existsSync);
  if (!found) throw new Error(`${given ?? "Chromium"} is missing: apt-get install chromium, or name one in CHROMIUM`);
  return found;
}

export function launch() {
  return chromium.launch({ executablePath: chromiumPath() });
}

/** A page in a window of this size. What it cannot do is an error of the test: `errors` gathers it. */
export async function open(browser, url, { width = 1600, height = 1000, colorScheme = "light", firstVisit = false } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  // An empty page has no storage.
  if (!firstVisit) await page.addInitScript(() => location.protocol === "http:" && localStorage.setItem("registry.help-seen", "1"));
  await page.goto(url);
  return { page, errors };
}
