import type { BrowserContext, Page } from '@playwright/test';
import { expect, test } from '../support/test';
import { NewToken } from '../support/new-token';
import { askToRevoke, autoRevokePath, goto, row, scriptsRun, signIn, tokensPath } from '../support/portal';

test.use({ instance: { name: 'signed-out' } });

/** The session ends while a page is open. */
async function endSession(context: BrowserContext): Promise<void> {
  await context.clearCookies();
}

async function isAskedToSignIn(page: Page): Promise<void> {
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Sign in');
  await expect(page.getByText('Your session has ended')).toBeVisible();
}

test('a new token that was typed out outlives its session', { tag: ['@noscript', '@phone'] }, async ({ page, context, server, guard }) => {
  guard.expectStatus(401, 422);
  const api = await server.api();
  const project = test.info().project.name;
  const repository = `acme/${project}-${test.info().retry}`;
  await api.createRepository(repository);
  const form = new NewToken(page);
  await form.open();
  await form.name.fill(`Typed <b>"${project}"</b>`);
  await page.locator('summary', { hasText: 'Description' }).click();
  await form.description.fill('Two\nlines & </textarea>');
  await form.expires('30 days').check();
  await form.scope('scans:read').check();
  await form.choose(repository);
  await endSession(context);
  await form.button('Create token').click();

  if (await scriptsRun(page)) {
    // Nothing is left: another tab signs in.
    const [tab] = await Promise.all([context.waitForEvent('page'), form.problems.getByRole('link', { name: 'Your session has ended' }).click()]);
    await signIn(tab, server.account);
    await expect(tab).toHaveURL(tokensPath);
    await tab.close();
  } else {
    await isAskedToSignIn(page);
    await signIn(page, { ...server.account, password: 'not the right one' });
    await expect(page.getByRole('alert')).toContainText("don't match");
    await signIn(page, server.account);
    await expect(page.getByText('Here is the form as you left it')).toBeVisible();
  }
  await expect(form.name).toHaveValue(`Typed <b>"${project}"</b>`);
  await expect(form.description).toHaveValue('Two\nlines & </textarea>');
  await expect(form.expires('30 days')).toBeChecked();
  await expect(form.scope('scans:read')).toBeChecked();
  await expect(form.chosen.and(page.getByLabel(repository))).toBeChecked();
  expect((await api.tokens()).filter(({ name }) => name.includes(project)), 'nothing was created on the way').toEqual([]);
  await form.create();
});

test('a setting that was chosen outlives its session', { tag: '@noscript' }, async ({ page, context, server, guard }) => {
  guard.expectStatus(401);
  await goto(page, autoRevokePath);
  await page.getByRole('switch').check();
  await page.getByLabel('Days without use').fill('77');
  // With scripts the preview has asked by itself, and asks no more.
  if (await scriptsRun(page)) await expect(page.locator('#said')).toContainText('With 77 days');
  await endSession(context);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await isAskedToSignIn(page);
  await signIn(page, server.account);
  await expect(page.getByLabel('Days without use')).toHaveValue('77');
  await expect(page.getByRole('switch')).toBeChecked();
  await goto(page, tokensPath);
  await expect(page.getByRole('link', { name: 'Auto-revoke' }), 'nothing was saved on the way').toContainText('Off');
});

test('a preview that finds the session ended leads back to what was typed', async ({ page, context, server }) => {
  await goto(page, autoRevokePath);
  await page.getByRole('switch').check();
  await endSession(context);
  await page.getByLabel('Days without use').fill('78');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Sign in');
  await signIn(page, server.account);
  await expect(page.getByLabel('Days without use')).toHaveValue('78');
  await expect(page.getByRole('switch')).toBeChecked();
});

test('a question about several tokens is asked once more', { tag: ['@noscript', '@phone'] }, async ({ page, context, server, guard }) => {
  guard.expectStatus(401);
  const api = await server.api();
  const name = `Left ${test.info().project.name} ${test.info().retry}`;
  await api.createToken({ name });
  await goto(page, `${tokensPath}?q=${encodeURIComponent(name)}`);
  await askToRevoke(page, name);
  await endSession(context);
  await page.getByRole('button', { name: 'Revoke token' }).click();
  await isAskedToSignIn(page);
  await signIn(page, server.account);
  const question = page.getByRole('dialog', { name: `Revoke ${name}?` });
  await expect(question.getByRole('link', { name: 'Cancel' })).toBeVisible();
  await expect(row(page, name), 'nothing was revoked on the way').toContainText(/Active/i);
  await question.getByRole('button', { name: 'Revoke token' }).click();
  await expect(page.getByText(`Revoked ${name}.`).first()).toBeVisible();
});
