import { expect, test } from '../support/test';
import { signIn } from '../support/portal';

// A server of its own: the wait is for everybody at this address.
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
