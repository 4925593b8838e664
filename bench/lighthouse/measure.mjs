// node bench/lighthouse/measure.mjs URL COOKIE: measures, and writes a line for the report about each page and preset.
import { launch } from 'chrome-launcher';
import lighthouse, { desktopConfig } from 'lighthouse';

const RUNS = Number(process.env.LIGHTHOUSE_RUNS ?? 3);
const PAGES = [
  ['Token list', '/orgs/acme/settings/tokens'],
  ['New token', '/orgs/acme/settings/tokens/new'],
];
const PRESETS = [
  ['mobile', undefined],
  ['desktop', desktopConfig],
];
const CATEGORIES = ['performance', 'accessibility', 'best-practices'];
const [url, cookie] = process.argv.slice(2);

const score = ({ categories }, name) => Math.round(100 * categories[name].score);

/** Audits that cost something. */
function faults({ categories, audits }) {
  const refs = CATEGORIES.flatMap((name) => categories[name].auditRefs).filter(({ weight }) => weight > 0);
  return refs
    .map(({ id }) => audits[id])
    .filter((audit) => audit.score !== null && audit.score < 0.9)
    .map((audit) => `${audit.id} ${audit.displayValue ?? audit.score}`);
}

async function measure(chrome, path, config) {
  const options = { port: chrome.port, onlyCategories: CATEGORIES, extraHeaders: { cookie }, logLevel: 'error' };
  const { lhr } = await lighthouse(url + path, options, config);
  if (lhr.runtimeError) throw new Error(lhr.runtimeError.message);
  if (new URL(lhr.finalDisplayedUrl).pathname !== path) throw new Error(`${path} led to ${lhr.finalDisplayedUrl}`);
  return lhr;
}

const chrome = await launch({ chromeFlags: ['--headless=new', '--no-sandbox', '--disable-gpu'], logLevel: 'error' });
try {
  for (const [name, path] of PAGES) {
    for (const [preset, config] of PRESETS) {
      const runs = [];
      for (let run = 0; run < RUNS; run++) runs.push(await measure(chrome, path, config));
      runs.sort((a, b) => score(a, 'performance') - score(b, 'performance'));
      const middle = runs[runs.length >> 1];
      const seconds = (id) => `${(middle.audits[id].numericValue / 1_000).toFixed(2)} s`;
      const cells = [
        ...CATEGORIES.map((category) => score(middle, category)),
        seconds('largest-contentful-paint'),
        `${Math.round(middle.audits['total-blocking-time'].numericValue)} ms`,
        middle.audits['cumulative-layout-shift'].numericValue.toFixed(3),
      ];
      console.error(`    ${name}, ${preset}: ${cells.join(', ')}${faults(middle).map((fault) => `; ${fault}`).join('')}`);
      console.log(JSON.stringify({ kind: 'lighthouse', operation: `${name}, ${preset}`, text: cells.join(' | ') }));
    }
  }
} finally {
  chrome.kill();
}
