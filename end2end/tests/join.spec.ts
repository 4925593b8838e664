import { expect, test } from '../support/test';
import { goto, join, tokensPath } from '../support/portal';

test.use({ instance: { name: 'join' }, signedIn: false });

test("an invitation's link makes an account, once", { tag: ['@noscript', '@phone'] }, async ({ page, server, guard }) => {
  guard.expectStatus(404, 422);
  const link = await (await server.api()).invite('default');
  await goto(page, link);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Join default');

  await join(page, 'short');
  await expect(page.getByRole('alert')).toContainText('at least 12 characters');
  await expect(page.getByLabel('Password')).toHaveAttribute('aria-invalid', 'true');
  await expect(page.getByLabel('Password'), 'no password comes back').toHaveValue('');

  await join(page, 'twelve chars');
  await expect(page).toHaveURL(tokensPath);
  await goto(page, link);
  await expect(page.getByRole('heading', { level: 1 }), 'the link is used up').toHaveText('This link does not work any more');
  await expect(page.getByLabel('Password')).toBeHidden();
  await page.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
  await expect(page, 'who joined is signed in').toHaveURL(tokensPath);
});
