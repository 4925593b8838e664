import { expect, test } from '../support/test';
import { holdScripts, paths, settled } from '../support/portal';
import { show, states } from '../support/states';

test.use({ instance: { name: 'looks', start: 'demo' } });

const { tokens, newToken, autoRevoke } = paths('acme');
const folder = 'artifacts/screens';

/** What stands out of the page to the right, innermost first. */
const overflow = () =>
  [...document.querySelectorAll('body *')]
    .filter((element) => element.checkVisibility() && element.getBoundingClientRect().right > document.documentElement.offsetWidth + 1)
    .filter((element) => !element.closest('.visually-hidden, pre, [inert] *'))
    .map((element) => `${element.tagName.toLowerCase()}.${element.className}`);

/** Gives whatever people have named the longest name that there can be, without a place to break. */
const lengthen = () => {
  const named = [
    '.tokens th > b, .tokens th > p, .tokens small, .tokens td:nth-child(5), .sweep-name, .sweep-table td:nth-child(2), .dialog em, .dialog-names li',
    '.named, .chip, .chips > span, .switcher .ellipsis, .switcher-name .ellipsis, .menu-note b, .new-token b, .sweep-said b, .lead b',
  ];
  for (const element of document.querySelectorAll(named.join())) {
    const text = [...element.childNodes].find((node) => node.nodeType === Node.TEXT_NODE && node.textContent!.trim());
    if (text) text.textContent = 'W'.repeat(100);
  }
};

for (const state of states) {
  test.describe(state.name, () => {
    test.use({ signedIn: !state.signedOut });

    test('fits the phone, the tablet and the desktop', async ({ page, server, guard }) => {
      test.slow(state.name === 'reference', 'it is long');
      guard.expectStatus(...(state.statuses ?? []));
      await page.emulateMedia({ colorScheme: 'light' });
      await show(page, server, state);
      for (const [width, height] of [[1440, 900], [1024, 768], [390, 844], [320, 640]] as const) {
        await page.setViewportSize({ width, height });
        // What is fixed to the screen stands at the top of a picture of the whole page.
        await page.evaluate(() => scrollTo(0, 0));
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme });
          await settled(page);
          await page.screenshot({ path: `${folder}/${state.name}-${width}-${colorScheme}.png`, fullPage: width < 400 });
        }
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.offsetWidth);
        expect(wider, `nothing scrolls sideways at ${width}: ${await page.evaluate(overflow)}`).toBeLessThanOrEqual(0);
      }
      await page.evaluate(lengthen);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.offsetWidth);
      expect(wider, `nor with the longest names: ${await page.evaluate(overflow)}`).toBeLessThanOrEqual(0);
    });
  });
}

for (const [name, path] of [['list', tokens], ['new', newToken], ['auto-revoke', autoRevoke]] as const) {
  test(`nothing jumps while the page ${name} comes to life`, { tag: '@phone' }, async ({ page }) => {
    // Only then: how often a page is painted while it is read depends on the machine.
    const release = await holdScripts(page);
    await page.goto(path);
    const shifts = await page.evaluateHandle(async () => {
      const shifts: string[] = [];
      await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)));
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries() as (PerformanceEntry & { value: number; sources: { node?: Node }[] })[]) {
          const moved = entry.sources.map(({ node }) => (node as Element | undefined)?.className ?? node?.nodeName);
          shifts.push(`${entry.value} by ${moved.join(', ')}`);
        }
      }).observe({ type: 'layout-shift' });
      return shifts;
    });
    await release();
    // A frame for what hydration may have changed, and one for the observer.
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    expect(await shifts.jsonValue()).toEqual([]);
  });
}
