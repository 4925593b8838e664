import { readFileSync } from 'node:fs';
import { expect, test } from '../support/test';
import { askToRevoke, goto, holdScripts, names, row, scriptsRun, tokensPath } from '../support/portal';

test.use({ instance: { name: 'list' } });

const secrets: string[] = [];

/** 120 active tokens, 3 revoked ones; those with even numbers can read scans, eight expire soon. */
test.beforeAll(async ({ server }) => {
  const api = await server.api();
  const number = (at: number) => String(at).padStart(3, '0');
  for (let at = 1; at <= 120; at++) {
    const { token } = await api.createToken({
      name: `Pipeline ${number(at)}`,
      description: at % 10 === 0 ? 'Runs nightly' : '',
      scopes: at % 2 === 0 ? ['repos:read', 'scans:read', 'scans:trigger', 'drifts:read'] : ['repos:read'],
      ...(at <= 8 ? { expiresIn: `${70 + at}h` } : {}),
    });
    secrets.push(token);
  }
  for (const name of ['Gone one', 'Gone two', 'Gone three']) await api.revoke((await api.createToken({ name })).id);
});

test('pages of fifty, forth and back', { tag: ['@noscript', '@phone'] }, async ({ page }) => {
  await goto(page, tokensPath);
  await expect(page.getByText('Showing 1–50 of 120').first()).toBeVisible();
  await expect(names(page)).toHaveCount(50);
  await expect(names(page).first(), 'newest first').toHaveText('Pipeline 120');
  const pages = page.getByRole('navigation', { name: 'Pages' });
  await pages.getByRole('link', { name: 'Next' }).click();
  await expect(page.getByText('Showing 51–100 of 120').first()).toBeVisible();
  await expect(names(page).first()).toHaveText('Pipeline 070');
  await pages.getByRole('link', { name: 'Next' }).click();
  await expect(page.getByText('Showing 101–120 of 120').first()).toBeVisible();
  await expect(pages.getByRole('link', { name: 'Next' })).toBeHidden();
  const third = page.url();
  await pages.getByRole('link', { name: 'Previous' }).click();
  await expect(names(page).first()).toHaveText('Pipeline 070');
  await pages.getByRole('link', { name: 'Previous' }).click();
  await expect(names(page).first()).toHaveText('Pipeline 120');
  await page.goto(third);
  await expect(names(page), 'the address leads to the same page').toHaveCount(20);
});

test('headings sort, and sort the other way round', { tag: '@noscript' }, async ({ page }) => {
  await goto(page, tokensPath);
  const heading = (name: string) => page.getByRole('columnheader', { name });
  await heading('Name').getByRole('link').click();
  await expect(names(page).first()).toHaveText('Pipeline 001');
  await expect(heading('Name')).toHaveAttribute('aria-sort', 'ascending');
  await heading('Name').getByRole('link').click();
  await expect(names(page).first()).toHaveText('Pipeline 120');
  await expect(heading('Name')).toHaveAttribute('aria-sort', 'descending');
  await heading('Expires').getByRole('link').click();
  await expect(names(page).first(), 'what ends first').toHaveText('Pipeline 001');
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Next' }).click();
  await expect(page.getByText('Showing 51–100 of 120').first()).toBeVisible();
  await expect(heading('Expires'), 'the next page is sorted alike').toHaveAttribute('aria-sort', 'ascending');
  await page.goBack();
  await page.goBack();
  await expect(names(page).first()).toHaveText('Pipeline 120');
});

test('the numbers on top lead to their tokens', { tag: ['@noscript', '@phone'] }, async ({ page }) => {
  await goto(page, tokensPath);
  await page.getByRole('link', { name: '8 expire within 7 days' }).click();
  await expect(page).toHaveURL(`${tokensPath}?status=expiring`);
  await expect(names(page)).toHaveCount(8);
  await page.getByRole('link', { name: /unused for 30 days/ }).click();
  await expect(page).toHaveURL(`${tokensPath}?status=unused`);
});

test('status, scope and other filters narrow the list, and are cleared', { tag: '@noscript' }, async ({ page }) => {
  await goto(page, tokensPath);
  const scripts = await scriptsRun(page);
  const filters = page.getByRole('search', { name: 'Tokens' });
  await filters.getByLabel('Status').selectOption('Revoked');
  if (!scripts) await filters.getByRole('button', { name: 'Search' }).click();
  await expect(names(page)).toHaveText(['Gone three', 'Gone two', 'Gone one']);
  await expect(row(page, 'Gone one')).toContainText(/Revoked/i);

  await filters.getByLabel('Status').selectOption('Active');
  await filters.getByText('More filters').click();
  await filters.getByLabel('Scope').selectOption('scans:trigger');
  if (!scripts) await filters.getByRole('button', { name: 'Apply filters' }).click();
  await expect(page.getByText('Showing 1–50 of 60').first()).toBeVisible();
  await expect(page).toHaveURL(/scope=scans%3Atrigger/);
  await page.reload();
  await expect(filters.getByLabel('Scope')).toHaveValue('scans:trigger');
  await page.getByRole('link', { name: 'Clear filters' }).click();
  await expect(page.getByText('Showing 1–50 of 120').first()).toBeVisible();
});

test('search finds names, descriptions, beginnings of secrets and ids', { tag: '@noscript' }, async ({ page, server }) => {
  const scripts = await scriptsRun(page);
  await goto(page, tokensPath);
  const search = page.getByRole('searchbox', { name: 'Search tokens' });
  const find = async (text: string) => {
    await search.fill(text);
    if (!scripts) await search.press('Enter');
  };
  const [token] = (await (await server.api()).tokens('?limit=100')).filter(({ name }) => name === 'Pipeline 077');
  await find('pipeline 04');
  await expect(page.getByText('Showing 1–10 of 10').first()).toBeVisible();
  await find('nightly');
  await expect(page.getByText('Showing 1–12 of 12').first()).toBeVisible();
  await find(token!.prefix);
  await expect(names(page)).toContainText(['Pipeline 077']);
  await find(token!.id);
  await expect(names(page)).toHaveText(['Pipeline 077']);
  await find('no such thing');
  await expect(page.getByRole('heading', { name: 'Nothing matches these filters' })).toBeVisible();
  await page.getByRole('link', { name: 'Clear filters' }).click();
  await expect(names(page)).toHaveCount(50);
});

test('searching does not load the page anew, and back leads to where it began', async ({ page }) => {
  await goto(page, tokensPath);
  await page.evaluate(() => ((window as { stays?: boolean }).stays = true));
  const search = page.getByRole('searchbox', { name: 'Search tokens' });
  await search.pressSequentially('pipeline 11', { delay: 20 });
  await expect(names(page)).toHaveCount(10);
  await expect(search, 'the field keeps the focus').toBeFocused();
  await expect(page).toHaveURL(/q=pipeline(\+|%20)11/);
  await expect(page.getByRole('status').first()).toContainText('Showing 1–10 of 10');
  expect(await page.evaluate(() => (window as { stays?: boolean }).stays)).toBe(true);
  await page.reload();
  await expect(search).toHaveValue('pipeline 11');
});

test('what is typed before the scripts come is searched for', async ({ page }) => {
  const release = await holdScripts(page);
  await page.goto(tokensPath);
  await page.getByRole('searchbox', { name: 'Search tokens' }).fill('pipeline 04');
  await release();
  await expect(page.getByText('Showing 1–10 of 10').first()).toBeVisible();
});

test('a row tells scopes by group, and the rest on demand', { tag: '@noscript' }, async ({ page }) => {
  await goto(page, `${tokensPath}?q=Pipeline+002`);
  const token = row(page, 'Pipeline 002');
  await expect(token).toContainText('scans');
  await expect(token).toContainText('All repositories');
  await expect(token).toContainText('Never used');
  await expect(token).toContainText(/ci_\w{5}…/);
  await expect(token.locator('time').first()).toHaveAttribute('datetime', /^20\d\d-/);
  const more = token.locator('summary', { hasText: 'more scopes' });
  await more.click();
  await expect(token.getByText('drifts')).toBeVisible();
});

test('a question that is cancelled revokes nothing', { tag: '@noscript' }, async ({ page }) => {
  await goto(page, `${tokensPath}?q=Pipeline+100`);
  const question = await askToRevoke(page, 'Pipeline 100');
  await expect(question.getByRole('link', { name: 'Cancel' }), 'the safe way has the focus').toBeFocused();
  await question.getByRole('link', { name: 'Cancel' }).click();
  await expect(question).toBeHidden();
  await expect(row(page, 'Pipeline 100')).toContainText(/Active/i);
  if (await scriptsRun(page)) {
    await askToRevoke(page, 'Pipeline 100');
    await page.keyboard.press('Escape');
    await expect(question).toBeHidden();
  }
});

test('several are revoked at once, after a question that names them', { tag: ['@noscript', '@phone'] }, async ({ page, server }) => {
  const api = await server.api();
  const project = test.info().project.name;
  const doomed = [1, 2, 3].map((at) => `Doomed ${project} ${at}`);
  for (const name of doomed) await api.createToken({ name });
  await goto(page, `${tokensPath}?q=Doomed+${project}`);
  for (const name of doomed.slice(0, 2)) await page.getByRole('checkbox', { name: `Select ${name}` }).check();
  if (await scriptsRun(page)) await expect(page.getByText('2 selected')).toBeVisible();
  await page.getByRole('button', { name: 'Revoke…' }).click();
  const question = page.getByRole('dialog', { name: 'Revoke 2 tokens?' });
  await expect(question.getByRole('listitem')).toHaveText(doomed.slice(0, 2).reverse());
  await question.getByRole('button', { name: 'Revoke tokens' }).click();
  await expect(page.getByText(/Revoked Doomed .* and Doomed /).first()).toBeVisible();
  await expect(names(page)).toHaveText([doomed[2]!]);
});

test('the filtered list is exported, without any secret', { tag: '@noscript' }, async ({ page }) => {
  await goto(page, `${tokensPath}?q=Pipeline+00`);
  for (const [format, extension] of [['As CSV', 'csv'], ['As JSON', 'json']]) {
    if (!(await page.getByRole('link', { name: format }).isVisible())) await page.locator('#export').click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: format }).click()]);
    expect(download.suggestedFilename()).toBe(`default-api-tokens.${extension}`);
    const text = readFileSync(await download.path(), 'utf8');
    const exported = extension === 'json' ? JSON.parse(text).tokens.length : text.trimEnd().split('\n').length - 1;
    expect(exported).toBe(9);
    for (const secret of secrets) expect(text).not.toContain(secret);
    expect(text).not.toMatch(/ci_\w{20}/);
  }
});
