import { expect, test } from '../support/test';
import { goto, paths, row, scriptsRun } from '../support/portal';

test.use({ instance: { name: 'auto-revoke', start: 'demo' } });
const { autoRevoke, tokens } = paths('acme');

test('off, on with a question that names the tokens, and revoked by the sweep', { tag: '@noscript' }, async ({ page, server }) => {
  await goto(page, autoRevoke);
  const scripts = await scriptsRun(page);
  const toggle = page.getByRole('switch', { name: 'Revoke tokens that nobody uses' });
  const days = page.getByLabel('Days without use');
  const preview = page.getByRole('region', { name: 'Preview' });

  await toggle.uncheck();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Auto-revoke is off')).toBeVisible();
  await goto(page, tokens);
  await expect(page.getByRole('link', { name: 'Auto-revoke' })).toContainText('Off');

  await goto(page, autoRevoke);
  await toggle.check();
  await days.fill('60');
  if (!scripts) await page.getByRole('button', { name: 'Preview' }).click();
  await expect(preview).toContainText(/With 60 days, the next sweep \(in .+?\) would revoke \d+ of \d+ active tokens/);
  const doomed = await preview.getByRole('rowheader').allInnerTexts();
  expect(doomed.length).toBeGreaterThan(0);

  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const question = page.getByRole('dialog', { name: new RegExp(`Revoke ${doomed.length} tokens?\\?`) });
  await expect(question.getByRole('listitem')).toHaveText(doomed);
  await question.getByText('Cancel').click();
  await expect(question).toBeHidden();
  await goto(page, tokens);
  await expect(page.getByRole('link', { name: 'Auto-revoke' }), 'nothing was saved').toContainText('Off');

  const api = await server.api();
  const before = (await api.tokens('?status=active&limit=100')).length;
  await goto(page, `${autoRevoke}?days=60`);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await question.getByRole('button', { name: /^Save and revoke/ }).click();
  await expect(page.getByText('Auto-revoke is on')).toBeVisible();

  // Nothing, if the hour has just begun and the server was faster.
  expect(server.run('sweep')).toMatch(new RegExp(`Revoked (${doomed.length}|0) inactive tokens`));
  expect(server.run('sweep'), 'a second one finds nothing').toContain('Revoked 0 inactive tokens');
  expect((await api.tokens('?status=active&limit=100')).length).toBe(before - doomed.length);
  await goto(page, `${tokens}?status=revoked&q=${encodeURIComponent(doomed[0]!)}`);
  await expect(row(page, doomed[0]!)).toContainText('by auto-revoke: inactive');
  await goto(page, autoRevoke);
  await expect(page.getByRole('region', { name: 'Last sweeps' }).getByRole('row').nth(1)).toContainText('60 days');
});

test('days that are none are refused, and stay in the field', { tag: '@noscript' }, async ({ page, guard }) => {
  guard.expectStatus(422);
  for (const wrong of ['366', '0', '-1', 'abc', '']) {
    await goto(page, autoRevoke);
    await page.getByRole('switch').check();
    await page.getByLabel('Days without use').fill(wrong);
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await expect(page.getByText('Choose between 1 and 365 days').last(), wrong).toBeVisible();
    await expect(page.getByLabel('Days without use')).toHaveValue(wrong);
    await expect(page.getByLabel('Days without use')).toHaveAttribute('aria-invalid', 'true');
    await expect(page.getByText('Auto-revoke is on')).toBeHidden();
  }
});

test('the preview follows the typing', async ({ page }) => {
  await goto(page, autoRevoke);
  await page.getByRole('switch').check();
  const said = page.getByRole('region', { name: 'Preview' }).getByText(/^With /);
  await page.getByRole('link', { name: '365' }).click();
  await expect(said).toContainText('With 365 days');
  await expect(page, 'without leaving the page').toHaveURL(autoRevoke);
  await page.getByLabel('Days without use').fill('1');
  await expect(said).toContainText('With 1 day,');
  await expect(page.getByRole('status').filter({ hasText: 'With 1 day,' }), 'and is said').toHaveCount(1);
});
