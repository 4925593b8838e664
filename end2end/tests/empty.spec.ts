import { expect, test } from '../support/test';
import { goto, tokensPath } from '../support/portal';

test.use({ instance: { name: 'empty' } });

test('a list without tokens says what they are for, and offers the first one', { tag: '@noscript' }, async ({ page }) => {
  await goto(page, tokensPath);
  await expect(page.getByRole('heading', { name: 'No tokens yet' })).toBeVisible();
  await page.getByRole('region', { name: 'Tokens' }).getByRole('link', { name: 'New token' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('New token');
});
