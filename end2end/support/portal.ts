import { expect, type BrowserContext, type Locator, type Page } from '@playwright/test';
import type { Account } from './server';

/** Addresses of an organization. */
export function paths(organization: string) {
  const tokens = `/orgs/${organization}/settings/tokens`;
  return { tokens, newToken: `${tokens}/new`, autoRevoke: `${tokens}/auto-revoke` };
}

/** Those of the organization that the first start makes. */
export const { tokens: tokensPath, newToken: newTokenPath, autoRevoke: autoRevokePath } = paths('default');

declare global {
  interface Window {
    /** Set by `watchForLife`. */
    islandsAreLive?: boolean;
    /** Set by `holdScripts`. */
    releaseScripts?: () => void;
  }
}

/** Has every page of a browser note when its islands are hydrated. */
export async function watchForLife(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const instantiate = WebAssembly.instantiateStreaming;
    WebAssembly.instantiateStreaming = async (...source) => {
      const made = await instantiate(...source);
      // Hydration follows in microtasks of this very task.
      setTimeout(() => setTimeout(() => (window.islandsAreLive = true)));
      return made;
    };
  });
}

/** Waits until the page's scripts have taken over; a page without scripts is ready when it is there. */
export async function live(page: Page): Promise<void> {
  await page.waitForLoadState('load');
  if (await scriptsRun(page)) await page.waitForFunction(() => window.islandsAreLive);
}

/** Waits until nothing in the page moves: its colours, sizes and places are those that stay. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    // What has changed begins to move with the next frame.
    await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)));
    const ends = (one: Animation) => one.effect?.getComputedTiming().endTime !== Infinity;
    for (let moving; (moving = document.getAnimations().filter(ends)).length > 0; ) {
      await Promise.allSettled(moving.map(({ finished }) => finished));
    }
  });
}

/** Keeps a page as the server sent it, until the function that this returns lets its scripts take over. */
export async function holdScripts(page: Page): Promise<() => Promise<void>> {
  await page.addInitScript(() => {
    const instantiate = WebAssembly.instantiateStreaming;
    const released = new Promise<void>((release) => (window.releaseScripts = release));
    WebAssembly.instantiateStreaming = (...source) => released.then(() => instantiate(...source));
  });
  return async () => {
    await page.evaluate(() => window.releaseScripts!());
    await live(page);
  };
}

/** Stops a page's timers, which run from then on as `page.clock` says. Before the page is opened: `clock.install()`. */
export async function stopTime(page: Page): Promise<void> {
  await page.clock.pauseAt(await page.evaluate(() => Date.now() + 1_000));
}

/** Waits until something was copied: whoever leaves earlier is asked. */
export async function copied(page: Page): Promise<void> {
  await expect(page.getByRole('status').filter({ hasText: 'Copied' })).toHaveCount(1);
}

export async function scriptsRun(page: Page): Promise<boolean> {
  return page.evaluate(() => matchMedia('(scripting: enabled)').matches);
}

export async function goto(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await live(page);
}

/** Fills in the sign-in page that the browser is at. */
export async function signIn(page: Page, { email, password }: Account): Promise<void> {
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Fills in the page that an invitation's link leads to; any password is sent, also one that the browser would refuse. */
export async function join(page: Page, password: string): Promise<void> {
  const field = page.getByLabel('Password');
  await field.fill(password);
  await field.evaluate((input: HTMLInputElement) => (input.form!.noValidate = true));
  await page.getByRole('button', { name: 'Create account' }).click();
}

export async function signOut(page: Page): Promise<void> {
  await menu(page, 'Account').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
}

/** What opens a menu of the top bar. */
export function menu(page: Page, name: 'Account' | 'Theme'): Locator {
  return page.getByRole('banner').locator('summary', { hasText: name });
}

/** The row, or on a phone the card, of a token in the list. */
export function row(page: Page, name: string): Locator {
  return page.getByRole('row').filter({ has: page.getByText(name, { exact: true }) });
}

/** The names in the list, from top to bottom. */
export function names(page: Page): Locator {
  return page.locator('.tokens tbody th > b');
}

/** Asks to revoke the token in a row, up to the question. */
export async function askToRevoke(page: Page, name: string): Promise<Locator> {
  // Scripts put a menu where there is a link without them.
  if (await scriptsRun(page)) await row(page, name).locator('summary[aria-label^="Actions for"]').click();
  await row(page, name).getByRole('link', { name: /^Revoke/ }).click();
  const question = page.getByRole('dialog');
  await expect(question).toBeVisible();
  return question;
}
