import type { Page } from '@playwright/test';
import { expect, test } from '../support/test';
import { goto, menu, newTokenPath, scriptsRun, tokensPath } from '../support/portal';


/** The colour of the page, whichever element paints it. */
function background(page: Page): Promise<string> {
  return page.evaluate(() => [document.body, document.documentElement].map((one) => getComputedStyle(one).backgroundColor).join());
}

test('a chosen theme is in the first byte of every later page', { tag: '@noscript' }, async ({ page, server, context }) => {
  await goto(page, tokensPath);
  const scripts = await scriptsRun(page);
  const before = await background(page);

  await menu(page, 'Theme').click();
  await page.getByRole('button', { name: 'Dark' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  expect(await background(page)).not.toBe(before);
  if (scripts) await expect.poll(async () => (await context.cookies()).map(({ name }) => name)).toContain('latchkey-theme');
  await expect(page, 'on the same page').toHaveURL(tokensPath);

  const cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
  const html = await (await fetch(server.url + newTokenPath, { headers: { cookie } })).text();
  expect(html).toMatch(/<html[^>]* data-theme="dark"/);

  await goto(page, newTokenPath);
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await menu(page, 'Theme').click();
  await page.getByRole('button', { name: 'System' }).click();
  await expect(page.locator('html')).not.toHaveAttribute('data-theme');
});

test('without a choice the page follows the system', { tag: '@noscript' }, async ({ page }) => {
  const seen: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.goto(tokensPath);
    seen.push(await background(page));
  }
  expect(seen[0]).not.toBe(seen[1]);
});
