// What people do on the page of `registry up`.

export const onRing = (page) => page.locator(".ring .node");
export const providers = (page) => page.locator(".provider");
export const said = (page) => page.locator(".said");

export async function create(page, label) {
  await page.getByLabel("New resource").fill(label);
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { level: 2, name: label }).waitFor();
}

export async function provide(page, value, who = "this server") {
  await page.getByLabel("Register a provider").fill(value);
  await page.getByLabel("Who provides").selectOption({ label: who });
  await page.getByRole("button", { name: "Register", exact: true }).click();
  await providers(page).filter({ hasText: value }).waitFor();
}
