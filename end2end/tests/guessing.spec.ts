import { expect, test } from '../support/test';
import { goto, join, signIn, signOut, tokensPath } from '../support/portal';

// A server of its own: the wait is for everybody at this address whom it does not know.
test.use({ instance: { name: 'guessing' }, signedIn: false });

test('guesses are slowed down, and the page says when to try again', async ({ page, guard }) => {
  guard.expectStatus(422, 429);
  for (let guess = 1; ; guess++) {
    expect(guess, 'guesses without a wait').toBeLessThan(10);
    await page.goto('/login');
    await signIn(page, { email: 'victim@example.com', password: `guess ${guess}` });
    const alert = page.getByRole('alert');
    await expect(alert).toBeVisible();
    if ((await alert.innerText()).includes('Too many attempts')) {
      await expect(alert).toContainText(/again in \d+ (seconds?|minutes?)/);
      break;
    }
    await expect(alert).toContainText("This email and password don't match");
  }
});

test('who has signed in with this browser before does not wait for the guesses of others', { tag: '@noscript' }, async ({ page, server, guard }) => {
  guard.expectStatus(422, 429);
  await goto(page, await (await server.api()).invite('default'));
  const email = await page.locator('input[autocomplete=username]').inputValue();
  const password = 'twelve chars';
  await join(page, password);
  await expect(page).toHaveURL(tokensPath);
  await signOut(page);
  await expect(page).toHaveURL('/login');

  const stranger = async (password: string) => {
    const headers = { 'sec-fetch-site': 'same-origin' };
    const body = new URLSearchParams({ email, password });
    return (await fetch(`${server.url}/login`, { method: 'POST', headers, body, redirect: 'manual' })).status;
  };
  for (let guess = 1; (await stranger(`guess ${guess}`)) !== 429; guess++) {
    expect(guess, 'guesses without a wait').toBeLessThan(10);
  }
  await signIn(page, { email, password });
  await expect(page).toHaveURL(tokensPath);
});
