import AxeBuilder from '@axe-core/playwright';
import { expect, test } from '../support/test';
import { settled } from '../support/portal';
import { show, states } from '../support/states';

test.use({ instance: { name: 'looks', start: 'demo' } });

const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** Of axe's experimental rules, what Lighthouse looks for as well. */
const alsoRules = { 'td-has-header': { enabled: true } };

for (const state of states) {
  test.describe(state.name, () => {
    test.use({ signedIn: !state.signedOut });

    test('has no axe finding, in light and dark', { tag: '@phone' }, async ({ page, server, guard }) => {
      test.slow(state.name === 'reference', 'it is long');
      guard.expectStatus(...(state.statuses ?? []));
      const look = async (axe: AxeBuilder, colorScheme: 'light' | 'dark') => {
        await page.emulateMedia({ colorScheme });
        // Contrast is that of colours that have arrived.
        await settled(page);
        const { violations } = await axe.analyze();
        const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
        expect(found, colorScheme).toEqual([]);
      };
      await page.emulateMedia({ colorScheme: 'light' });
      await show(page, server, state);
      // Of what the reference has a hundred, two of a kind say as much, and take a tenth of the time.
      await page.locator('.reference section').evaluateAll((sections) => {
        for (const section of sections) [...section.querySelectorAll('article')].slice(2).forEach((one) => one.remove());
      });
      await look(new AxeBuilder({ page }).options({ runOnly: rules, rules: alsoRules }), 'light');
      // Only the colours differ.
      await look(new AxeBuilder({ page }).withRules('color-contrast'), 'dark');
    });
  });
}
