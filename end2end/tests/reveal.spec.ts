import type { Page } from '@playwright/test';
import { expect, test } from '../support/test';
import { NewToken } from '../support/new-token';
import { goto, newTokenPath, stopTime, tokensPath } from '../support/portal';

test.use({ instance: { name: 'reveal' } });

/** A name that no other run of a test on the same server has used. */
function unique(name: string): string {
  return `${name} ${Date.now().toString(36)}`;
}

/** Through the history; where a form was sent, the browser may stop to ask whether to send it again. */
async function travel(page: Page, where: 'goBack' | 'goForward'): Promise<void> {
  await page[where]().catch((error: Error) => {
    if (!error.message.includes('ERR_CACHE_MISS')) throw error;
  });
}

test('the secret is copied, ready to use, and not left without a question', async ({ page, context, server }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.clock.install();
  const form = new NewToken(page);
  await form.open();
  const name = unique('Copied');
  await form.fill(name);
  const secret = await form.create();
  await expect(page.getByText("It won't be shown again")).toBeVisible();
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());

  await page.getByRole('link', { name: 'Done' }).click();
  const question = page.getByRole('dialog', { name: 'Leave without the secret?' });
  await expect(question).toBeVisible();
  await expect(question.getByRole('button', { name: 'Back to the secret' }), 'the safe way has the focus').toBeFocused();
  await page.keyboard.press('Enter');
  await expect(question).toBeHidden();

  const copy = page.getByRole('button', { name: 'Copy', exact: true });
  await stopTime(page);
  await copy.click();
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible();
  expect(await clipboard()).toBe(secret);
  await page.clock.runFor(2_000);
  await expect(copy, 'said for two seconds').toBeVisible();
  await page.clock.resume();

  const snippets: [string, RegExp][] = [
    ['curl', new RegExp(`^curl .*Bearer ${secret}" ${server.url}/api/auth/whoami$`)],
    ['GitHub Actions', /\$\{\{ secrets\.LATCHKEY_TOKEN \}\}/],
    ['GitLab CI', /Bearer \$LATCHKEY_TOKEN/],
    ['Shell', new RegExp(`^export LATCHKEY_TOKEN=${secret}$`, 'm')],
    ['.env file', new RegExp(`^LATCHKEY_TOKEN=${secret}$`)],
  ];
  for (const [title, text] of snippets) {
    const button = page.getByRole('button', { name: `Copy for ${title}` });
    if (!(await button.isVisible())) await page.getByText(title, { exact: true }).click();
    await button.click();
    await expect.poll(clipboard, title).toMatch(text);
  }

  await page.getByRole('link', { name: 'Done' }).click();
  await expect(page).toHaveURL(new RegExp(`${tokensPath}\\?new=`));
  await expect(page.getByRole('main')).toContainText(name);
});

test('the snippet for curl works as it is pasted', { tag: '@noscript' }, async ({ page }) => {
  const form = new NewToken(page);
  await form.open();
  const name = unique('Pasted');
  await form.fill(name);
  await form.create();
  const line = await page.locator('#use-curl').innerText();
  const { execFileSync } = await import('node:child_process');
  const answer = JSON.parse(execFileSync('bash', ['-c', `${line} --silent`], { encoding: 'utf8' }));
  expect(answer).toMatchObject({ name, scopes: ['repos:read'] });
});

test('neither reload nor back shows the secret again or makes a second token', { tag: '@noscript' }, async ({ page, server, guard }) => {
  guard.expectStatus(409);
  const api = await server.api();
  const form = new NewToken(page);
  const name = unique('Once');
  await goto(page, tokensPath);
  await form.open();
  await form.fill(name);
  const secret = await form.create();
  const count = async () => (await api.tokens('?limit=100')).filter((token) => token.name === name).length;

  page.on('dialog', (dialog) => dialog.accept());
  await page.reload();
  await expect(page.getByRole('heading', { level: 1, name: /Token created|This form was already sent/ })).toBeVisible();
  expect(await page.content()).not.toContain(secret);
  await travel(page, 'goBack');
  expect(await page.content()).not.toContain(secret);
  await travel(page, 'goForward');
  expect(await page.content()).not.toContain(secret);
  expect(await count()).toBe(1);
});

test('back from the list leads past the secret', { tag: '@noscript' }, async ({ page, guard }) => {
  guard.expectStatus(409);
  const form = new NewToken(page);
  await form.open();
  await form.fill(unique('Back'));
  const secret = await form.create();
  page.on('dialog', (dialog) => dialog.accept());
  await goto(page, tokensPath);
  await travel(page, 'goBack');
  expect(await page.content()).not.toContain(secret);
});

test('pressing twice makes one token', { tag: '@noscript' }, async ({ page, server, guard }) => {
  guard.expectStatus(409);
  const api = await server.api();
  const form = new NewToken(page);
  await form.open();
  const name = unique('Twice');
  await form.fill(name);
  await form.button('Create token').dblclick();
  await expect(page.getByRole('heading', { level: 1, name: /Token created|This form was already sent/ })).toBeVisible();
  expect((await api.tokens('?limit=100')).filter((token) => token.name === name)).toHaveLength(1);
});

test('the same form sent from two tabs makes one token', { tag: '@noscript' }, async ({ page, context, server, guard }) => {
  guard.expectStatus(409);
  const form = new NewToken(page);
  await form.open();
  const name = unique('Tabs');
  await form.fill(name);
  const cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
  const key = await page.locator('input[name=creation_key]').inputValue();
  const body = new URLSearchParams({ creation_key: key, name, expires: '90', scopes: 'repos:read', access: 'all', action: 'create' });
  const first = await fetch(server.url + newTokenPath, { method: 'POST', headers: { cookie, origin: server.url }, body });
  expect(first.status).toBe(200);
  expect(first.headers.get('cache-control')).toContain('no-store');
  await form.button('Create token').click();
  await expect(page.getByRole('heading', { level: 1, name: 'This form was already sent' })).toBeVisible();
  await expect(page.getByRole('main')).toContainText(name);
});
