import { expect, test } from '../support/test';
import { NewToken } from '../support/new-token';
import { copied, goto, row, signIn, tokensPath } from '../support/portal';
import type { Page } from '@playwright/test';

test.use({ instance: { name: 'keyboard' }, signedIn: false });

/** Presses Tab until something with the name has the focus, and checks on the way that one sees where it is. */
async function tabTo(page: Page, name: string | RegExp, key = 'Tab'): Promise<void> {
  const passed: string[] = [];
  for (let at = 0; at < 60; at++) {
    await page.keyboard.press(key);
    const focused = page.locator(':focus');
    const label = await focused.evaluate((element) => {
      const labels = [...((element as HTMLInputElement).labels ?? [])].map((label) => label.textContent);
      return (element.getAttribute('aria-label') ?? (labels.length ? labels.join(' ') : element.textContent) ?? '').trim();
    });
    const ring = await focused.evaluate((element) => {
      const seen = [element, ...((element as HTMLInputElement).labels ?? [])].map((one) => getComputedStyle(one));
      return seen.some((style) => (style.outlineStyle !== 'none' && style.outlineWidth !== '0px') || style.boxShadow !== 'none');
    });
    expect(ring, `a focus ring on "${label}"`).toBe(true);
    if (typeof name === 'string' ? label === name : name.test(label)) return;
    passed.push(label);
  }
  throw new Error(`no ${name} among ${passed.join(' | ')}`);
}

test('everything works by keyboard alone', async ({ page, server }) => {
  await (await server.api()).createRepositories(['acme/api', 'acme/web']);
  await goto(page, '/login');
  await expect(page.getByLabel('Email'), 'the first field has the focus').toBeFocused();
  await page.keyboard.type(server.account.email);
  await page.keyboard.press('Tab');
  await page.keyboard.type(server.account.password);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(tokensPath);
  await goto(page, tokensPath);

  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' }), 'the skip link comes first').toBeFocused();
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeInViewport();
  await page.keyboard.press('Enter');
  await tabTo(page, 'New token');
  await page.keyboard.press('Enter');

  const form = new NewToken(page);
  await expect(form.heading).toHaveText('New token');
  await goto(page, page.url());
  await tabTo(page, 'Name');
  await page.keyboard.type('By keyboard');
  await tabTo(page, /^repos:read/);
  await page.keyboard.press('Space');
  await tabTo(page, 'Find repositories');
  await page.keyboard.type('web');
  await expect(form.searched).toHaveValue('web');
  await expect(form.found).toHaveCount(1);
  await page.keyboard.press('Enter');
  await expect(form.chosen, 'Enter takes the first one found').toHaveCount(1);
  await page.keyboard.press('ArrowDown');
  await expect(form.found.first(), 'an arrow leads to the list').toBeFocused();
  await tabTo(page, 'Create token');
  await page.keyboard.press('Enter');
  await expect(form.created, 'what is new has the focus').toBeFocused();
  await tabTo(page, 'Copy');
  await page.keyboard.press('Enter');
  await copied(page);
  await tabTo(page, 'Done');
  await page.keyboard.press('Enter');

  await expect(row(page, 'By keyboard')).toBeVisible();
  await goto(page, tokensPath);
  await tabTo(page, 'Actions for By keyboard');
  await page.keyboard.press('Enter');
  await tabTo(page, 'Revoke…');
  await page.keyboard.press('Enter');
  const question = page.getByRole('dialog', { name: 'Revoke By keyboard?' });
  await expect(question.getByRole('link', { name: 'Cancel' }), 'the safe way has the focus').toBeFocused();
  await page.keyboard.press('Escape');
  await expect(question).toBeHidden();
  await expect(page.locator(':focus'), 'back where it began').toHaveAttribute('aria-label', 'Actions for By keyboard');
  await page.keyboard.press('Enter');
  await tabTo(page, 'Revoke…');
  await page.keyboard.press('Enter');
  await tabTo(page, 'Revoke token');
  await page.keyboard.press('Enter');
  await expect(page.getByText('Revoked By keyboard.').first()).toBeVisible();
});

test('escape closes a menu and gives the focus back', async ({ page, server }) => {
  await goto(page, '/login');
  await signIn(page, server.account);
  await goto(page, tokensPath);
  await tabTo(page, 'Theme');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Dark' })).toBeVisible();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('button', { name: 'Dark' })).toBeHidden();
  await expect(page.locator(':focus')).toHaveText('Theme');
});
