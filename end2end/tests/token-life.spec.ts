import { expect, test } from '../support/test';
import { Api } from '../support/api';
import { NewToken } from '../support/new-token';
import { askToRevoke, copied, goto, row, scriptsRun, tokensPath } from '../support/portal';

test.use({ instance: { name: 'life' } });

test.beforeAll(async ({ server }) => {
  await (await server.api()).createRepositories(['acme/api', 'acme/web', 'acme/docs']);
});

test('a token from the form to its end', { tag: ['@noscript', '@phone', '@postgres'] }, async ({ page, context, server }) => {
  const form = new NewToken(page);
  await goto(page, tokensPath);
  await page.getByRole('link', { name: 'New token' }).first().click();
  await form.name.fill('GitHub Actions CI');
  await form.scope('repos:read').check();
  await form.scope('scans:trigger').check();
  await form.choose('acme/web');
  await form.choose('acme/docs');
  const secret = await form.create();

  const pipeline = Api.pipeline(server.url, secret);
  const [web, docs] = (await pipeline.repositories()).map(({ name }) => name).sort().reverse();
  expect([web, docs], 'the chosen repositories and no other').toEqual(['acme/web', 'acme/docs']);
  expect(await pipeline.whoami()).toMatchObject({ name: 'GitHub Actions CI', scopes: ['repos:read', 'scans:trigger'] });
  const refused = await pipeline.request('POST', '/api/repos', { name: 'acme/mine' });
  expect(refused.status).toBe(403);
  expect(await refused.json()).toMatchObject({ missing_scope: 'repos:write' });

  if (await scriptsRun(page)) {
    await context.grantPermissions(['clipboard-write']);
    await page.getByRole('button', { name: 'Copy', exact: true }).click();
    await copied(page);
  }
  await page.getByRole('link', { name: 'Done' }).click();
  const token = row(page, 'GitHub Actions CI');
  await expect(token).toContainText('New');
  await expect(token).toContainText('2 repositories');
  await expect(async () => {
    await page.reload();
    await expect(token, 'the use comes to the list').not.toContainText('Never used', { timeout: 100 });
  }).toPass({ timeout: 60_000 });

  const question = await askToRevoke(page, 'GitHub Actions CI');
  await expect(question).toContainText('Revoke GitHub Actions CI?');
  await expect(question).toContainText("Pipelines that use it will fail at once. This can't be undone.");
  await question.getByRole('button', { name: 'Revoke token' }).click();
  await expect(page.getByText('Revoked GitHub Actions CI.').first()).toBeVisible();

  const answer = await pipeline.request('GET', '/api/auth/whoami');
  expect(answer.status).toBe(401);
  expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
  expect(await answer.text()).toMatch(/revoked/i);
  await goto(page, `${tokensPath}?status=revoked`);
  await expect(token).toContainText(`by ${server.account.email}`);
});

test('what was answered survives a crash', { tag: '@postgres' }, async ({ page, server }) => {
  const api = await server.api();
  const kept = await api.createToken({ name: 'Survivor' });
  const ended = await api.createToken({ name: 'Revoked before the crash' });
  await api.revoke(ended.id);
  await server.halt('SIGKILL');
  await server.launch();

  expect(await Api.pipeline(server.url, kept.token).whoami()).toMatchObject({ name: 'Survivor' });
  expect((await Api.pipeline(server.url, ended.token).request('GET', '/api/auth/whoami')).status).toBe(401);
  await goto(page, tokensPath);
  await expect(row(page, 'Survivor')).toBeVisible();
});

test('a use a moment ago is not lost when the server stops', { tag: '@postgres' }, async ({ page, server }) => {
  const api = await server.api();
  const { token } = await api.createToken({ name: 'Used at the end' });
  await Api.pipeline(server.url, token).whoami();
  await server.halt('SIGTERM');
  await server.launch();
  await goto(page, tokensPath);
  await expect(row(page, 'Used at the end')).not.toContainText('Never used');
});
