import { expect, test } from '../support/test';
import { signIn, signOut, tokensPath } from '../support/portal';

test.use({ instance: { name: 'sign-in' }, signedIn: false });

const mismatch = "This email and password don't match";

test('signing in leads to the page asked for, signing out ends it', { tag: ['@noscript', '@phone'] }, async ({ page, server }) => {
  const asked = `${tokensPath}?status=revoked`;
  await page.goto(asked);
  await expect(page).toHaveURL(`/login?next=${encodeURIComponent(asked)}`);
  await signIn(page, server.account);
  await expect(page).toHaveURL(asked);

  await signOut(page);
  await expect(page).toHaveURL('/login');
  await page.goBack();
  await expect(page, 'the page before is not shown again').toHaveURL(/\/login\?next=/);
  await expect(page.getByText(server.account.email)).toBeHidden();
});

test('nobody learns which emails have an account', { tag: '@noscript' }, async ({ page, server, guard }) => {
  guard.expectStatus(422);
  const answers: string[] = [];
  for (const email of [server.account.email, 'nobody@example.com']) {
    await page.goto('/login');
    await signIn(page, { email, password: 'not the right one' });
    const alert = page.getByRole('alert');
    await expect(alert).toContainText(mismatch);
    await expect(alert, 'the summary takes the focus').toBeFocused();
    await expect(page.getByLabel('Email'), 'what was typed is kept').toHaveValue(email);
    answers.push(await page.getByRole('main').innerText());
  }
  expect(answers[0]).toBe(answers[1]);
});

test('an address on another site is not followed', async ({ page, server }) => {
  await page.goto('/login?next=//evil.example/');
  await signIn(page, server.account);
  await expect(page).toHaveURL(tokensPath);
});

test('the session cookie is out of reach for scripts and other sites', async ({ page, server, context }) => {
  await page.goto('/login');
  await signIn(page, server.account);
  await expect(page).toHaveURL(tokensPath);
  const cookies = await context.cookies();
  expect(cookies.map(({ name }) => name).sort()).toEqual(['latchkey', 'latchkey-device']);
  for (const cookie of cookies) {
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/', domain: '127.0.0.1' });
  }
  const cookie = cookies.find(({ name }) => name === 'latchkey');
  expect(await page.evaluate(() => document.cookie)).toBe('');

  const headers = { cookie: `${cookie!.name}=${cookie!.value}`, 'sec-fetch-site': 'cross-site' };
  const forged = await fetch(`${server.url}/logout`, { method: 'POST', headers, redirect: 'manual' });
  expect(forged.status, 'a form on another site changes nothing').toBe(403);
  await page.reload();
  await expect(page).toHaveURL(tokensPath);
});
