import { expect, test } from '../support/test';
import { tokensPath } from '../support/portal';

test.use({ instance: { name: 'setup', start: 'new' }, signedIn: false });

test('the link in the log makes the first account, once', { tag: ['@noscript', '@postgres'] }, async ({ page, server, guard }) => {
  await page.goto(tokensPath);
  await expect(page, 'every page leads to the set-up').toHaveURL('/setup');
  await expect(page.getByText('one-time set-up link')).toBeVisible();
  await expect(page.getByLabel('Password')).toBeHidden();

  guard.expectStatus(403, 422);
  await page.goto('/setup?link=lki_wrong');
  await expect(page.getByText('This set-up link is not the current one')).toBeVisible();
  await expect(page.getByLabel('Password')).toBeHidden();

  const link = /http\S+\/setup\?link=\S+/.exec(server.log)?.[0];
  expect(link, server.log).toBeTruthy();
  await page.goto(link!);
  await page.getByLabel('Email').fill('first@example.com');
  await page.getByLabel('Password').fill('twelve chars');
  await page.getByRole('button', { name: 'Create account' }).click();

  await expect(page).toHaveURL(tokensPath);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('API tokens');
  await page.goto(link!);
  await expect(page, 'the link is used up').toHaveURL(tokensPath);
});
