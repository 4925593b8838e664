import type { Route } from '@playwright/test';
import { expect, test } from '../support/test';
import { NewToken } from '../support/new-token';
import { holdScripts, newTokenPath, stopTime, tokensPath } from '../support/portal';

test.use({ instance: { name: 'new-token' } });

test.beforeAll(async ({ server }) => {
  test.setTimeout(300_000);
  const api = await server.api();
  await api.createRepositories(['acme/api', 'acme/web', ...Array.from({ length: 2_000 }, (_, at) => `fleet/service-${at}`)]);
});

test('an error keeps everything typed, says what is wrong, and takes the focus', { tag: ['@noscript', '@phone'] }, async ({ page, guard }) => {
  guard.expectStatus(422);
  const form = new NewToken(page);
  await form.open();
  await page.locator('summary', { hasText: 'Description' }).click();
  await form.description.fill('Two lines\n<b>of</b> "text" & </textarea>');
  await form.expires('30 days').check();
  await form.scope('scans:read').check();
  await form.choose('acme/web');
  await form.button('Create token').click();

  await expect(form.problems).toContainText('One thing needs another look');
  await expect(form.problems).toBeFocused();
  await expect(form.name).toHaveAttribute('aria-invalid', 'true');
  await expect(form.name).toHaveAccessibleDescription(/Enter a name/);
  await expect(form.description).toHaveValue('Two lines\n<b>of</b> "text" & </textarea>');
  await expect(form.expires('30 days')).toBeChecked();
  await expect(form.scope('scans:read')).toBeChecked();
  await expect(form.chosen.and(page.getByLabel('acme/web'))).toBeChecked();

  await form.problems.getByRole('link', { name: 'Enter a name' }).click();
  await expect(form.name).toBeFocused();
  await form.name.fill('n'.repeat(101));
  await form.button('Create token').click();
  await expect(form.problems).toContainText('at most 100 characters');
  await expect(form.name).toHaveValue('n'.repeat(101));
});

test('everything that is wrong is said at once', { tag: '@noscript' }, async ({ page, guard }) => {
  guard.expectStatus(422);
  const form = new NewToken(page);
  await form.open();
  await form.expires('Custom date').check();
  await form.button('Create token').click();
  await expect(form.problems.getByRole('listitem')).toHaveText([
    /Enter a name/,
    /Choose the date/,
    /Choose at least one scope/,
    /Choose at least one repository/,
  ]);
});

test('what is mended leaves the summary', async ({ page }) => {
  const form = new NewToken(page);
  await form.open();
  await form.expires('Custom date').check();
  await form.button('Create token').click();
  const said = form.problems.getByRole('listitem');
  await expect(form.problems).toContainText('4 things need another look');
  await expect(form.problems).toBeFocused();

  await form.name.fill('Mended');
  await expect(said).toHaveText([/Choose the date/, /Choose at least one scope/, /Choose at least one repository/]);
  await expect(form.problems).toContainText('3 things need another look');
  await expect(form.name).toBeFocused();
  await expect(form.name).not.toHaveAttribute('aria-invalid');
  await form.expires('30 days').check();
  await form.scope('scans:read').check();
  await expect(form.problems).toContainText('One thing needs another look');
  await expect(said).toHaveText([/Choose at least one repository/]);
  await form.choose('acme/web');
  await expect(form.problems).toHaveCount(0);

  // What was mended badly comes back with the next attempt, and has the focus.
  await form.name.fill('');
  await expect(form.problems).toHaveCount(0);
  await form.button('Create token').click();
  await expect(said).toHaveText([/Enter a name/]);
  await expect(form.problems).toBeFocused();
});

test('a name that is taken is the server’s to know', { tag: '@noscript' }, async ({ page, server, guard }) => {
  guard.expectStatus(422);
  const api = await server.api();
  const name = `Taken ${test.info().project.name} ${test.info().retry}`;
  await api.createToken({ name });
  const form = new NewToken(page);
  await form.open();
  await form.fill(name);
  await form.button('Create token').click();
  await expect(form.problems).toContainText('taken');
  await expect(form.name).toHaveValue(name);
  await expect(form.scope('repos:read')).toBeChecked();
});

test('a link fills the form in, and its own words are never shown', { tag: '@noscript' }, async ({ page }) => {
  const form = new NewToken(page);
  await form.open('?name=Nightly&scopes=scans:read,scans:trigger,launch:missiles&expires=30&repositories=acme/api,acme/nowhere');
  await expect(form.name).toHaveValue('Nightly');
  await expect(form.scope('scans:read')).toBeChecked();
  await expect(form.scope('scans:trigger')).toBeChecked();
  await expect(form.expires('30 days')).toBeChecked();
  await expect(form.chosen.and(page.getByLabel('acme/api'))).toBeChecked();
  await expect(form.summary).toContainText('read scans and trigger scans on 1 repository of default');
  await expect(page.getByRole('main')).toContainText('The link asked for a scope and a repository that can');
  await expect(page.getByRole('main')).not.toContainText('missiles');
  await expect(page.getByRole('main')).not.toContainText('nowhere');
});

test('the summary follows the form, and so does the address', async ({ page }) => {
  const form = new NewToken(page);
  await form.open();
  await expect(form.summary).toContainText("can't do anything yet");
  await form.scope('drifts:read').check();
  await expect(form.summary).toContainText('This token will be able to read drifts on no repositories yet of default');
  await form.access('All repositories').check();
  await expect(form.summary).toContainText('on all repositories of default, current and future');
  await form.expires('No expiration').check();
  await expect(form.summary).toContainText(/never expires/i);
  await expect(page.getByText('it stays usable until somebody notices')).toBeVisible();
  await form.name.fill('Keep me');

  await expect(page).toHaveURL(`${newTokenPath}?name=Keep%20me&expires=none&scopes=drifts:read&repositories=all`);
  await page.reload();
  await expect(form.name).toHaveValue('Keep me');
  await expect(form.scope('drifts:read')).toBeChecked();
  await expect(form.expires('No expiration')).toBeChecked();
});

test('without scripts the summary is brought up to date by a button', { tag: '@only-noscript' }, async ({ page }) => {
  const form = new NewToken(page);
  await form.open();
  await form.scope('drifts:read').check();
  await form.button('Update the summary').click();
  await expect(form.summary).toContainText('read drifts');
  await expect(form.scope('drifts:read')).toBeChecked();
});

test('presets choose scopes, and changing something offers to read it', { tag: '@noscript' }, async ({ page }) => {
  const form = new NewToken(page);
  await form.open();
  await form.button('CI pipeline').click();
  await expect(form.button('CI pipeline')).toHaveAttribute('aria-pressed', 'true');
  for (const scope of ['repos:read', 'scans:read', 'scans:trigger', 'drifts:read']) await expect(form.scope(scope)).toBeChecked();
  await form.scope('drifts:read').uncheck();
  await form.scope('drifts:write').check();
  if (test.info().project.name === 'noscript') await form.button('Update the summary').click();
  await expect(form.scope('drifts:read')).not.toBeChecked();
  await page.getByRole('button', { name: 'Add drifts:read' }).click();
  await expect(form.scope('drifts:read')).toBeChecked();
  await expect(form.scope('drifts:write')).toBeChecked();
});

test('repositories are found among thousands, and earlier choices are kept', { tag: ['@noscript', '@phone'] }, async ({ page }) => {
  const form = new NewToken(page);
  await form.open();
  await expect(form.found, 'a first look at what there is').toHaveCount(20);
  for (const name of ['fleet/service-1999', 'acme/api', 'fleet/service-1234']) await form.choose(name);
  await form.find.fill('no such thing');
  if (test.info().project.name === 'noscript') await form.button('Find').click();
  await expect(page.getByText('No repository matches “no such thing”')).toBeVisible();
  await expect(form.chosen).toHaveCount(3);
  await expect(page.getByText('3 chosen, 500 at most')).toBeVisible();

  await form.unchoose('acme/api');
  await form.name.fill(`Fleet ${test.info().project.name}`);
  await form.scope('scans:read').check();
  await form.button('Create token').click();
  await expect(form.created).toBeVisible();
});

test('searching as one types asks once for each pause, and late answers are dropped', async ({ page }) => {
  await page.clock.install();
  const form = new NewToken(page);
  await form.open();
  await stopTime(page);
  const asked: Route[] = [];
  await page.route('**/_fn/search_repositories*', (route) => void asked.push(route));
  await form.find.pressSequentially('service');
  await page.clock.runFor(100);
  await form.find.pressSequentially('-7');
  await page.clock.runFor(100);
  expect(asked, 'no pause so far').toEqual([]);
  await page.clock.runFor(50);
  await expect.poll(() => asked.length).toBe(1);
  await form.find.pressSequentially('7');
  await page.clock.runFor(150);
  await expect.poll(() => asked.length).toBe(2);

  const [early, late] = asked;
  await late!.continue();
  await expect(form.searched).toHaveValue('service-77');
  await expect(form.found).toHaveCount(11);
  const answered = page.waitForEvent('requestfinished', (request) => request === early!.request());
  await early!.continue();
  await answered;
  // Whatever the page does with an answer, it has done by its next one.
  await form.find.fill('service-777');
  await page.clock.runFor(150);
  await expect.poll(() => asked.length).toBe(3);
  await expect(form.searched, 'the late answer').toHaveValue('service-77');
  expect(asked.map((route) => route.request().postDataJSON().query)).toEqual(['service-7', 'service-77', 'service-777']);
});

test('what is typed before the scripts come is kept, and searched for', async ({ page }) => {
  const release = await holdScripts(page);
  const form = new NewToken(page);
  await page.goto(newTokenPath);
  await form.name.fill('Typed early');
  await form.scope('scans:read').check();
  await form.find.fill('service-77');
  await release();
  await expect(form.found).toHaveCount(11);
  await expect(form.name).toHaveValue('Typed early');
  await expect(form.scope('scans:read')).toBeChecked();
  await expect(form.summary).toContainText('read scans');
});

test('cancelling leads back to the list', { tag: '@noscript' }, async ({ page }) => {
  const form = new NewToken(page);
  await form.open();
  await page.getByRole('main').getByRole('link', { name: 'Cancel' }).click();
  await expect(page).toHaveURL(tokensPath);
});
