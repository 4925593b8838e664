import { expect, test } from '../support/test';
import { Api } from '../support/api';
import { goto, paths, row } from '../support/portal';
import { postgres, type Server } from '../support/server';

test.use({ instance: { name: 'sweep' } });

test('revokes what lies idle, and not what was used a moment ago', { tag: '@only-postgres' }, async ({ page, server }) => {
  const api = await server.api();
  const idle = await api.createToken({ name: 'Forgotten' });
  const used = await api.createToken({ name: 'Old and busy' });
  await age(server, 100);
  await Api.pipeline(server.url, used.token).whoami();
  const { autoRevoke, tokens } = paths('default');
  await goto(page, autoRevoke);
  await page.getByRole('switch').check();
  await page.getByLabel('Days without use').fill('99');
  await expect(page.getByRole('region', { name: 'Preview' }).getByRole('rowheader')).toContainText(['Forgotten']);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('button', { name: /^Save and revoke/ }).click();
  await expect(page.getByText('Auto-revoke is on')).toBeVisible();

  await expect.poll(async () => (await api.tokens()).find(({ name }) => name === 'Old and busy')?.lastUsedAt).toBeTruthy();
  // Nothing, if the hour has just begun and the server was faster.
  expect(server.run('sweep')).toMatch(/Revoked [01] inactive tokens/);
  expect((await Api.pipeline(server.url, used.token).whoami()).name).toBe('Old and busy');
  expect((await Api.pipeline(server.url, idle.token).request('GET', '/api/auth/whoami')).status).toBe(401);
  await goto(page, `${tokens}?status=revoked`);
  await expect(row(page, 'Forgotten')).toContainText('by auto-revoke: inactive');
});

/** Nobody can wait for days: every token becomes older. */
function age(server: Server, days: number): Promise<void> {
  const past = `${days} * 86400000000`;
  return postgres(server.databaseUrl, `UPDATE api_tokens SET created_at = created_at - ${past}, idle_key = idle_key - ${past}`);
}
