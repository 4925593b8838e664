// node bench/compare.mjs BEFORE AFTER: says which of two versions is faster, from the lines that bench/compare writes.
import { median, noise, verdict } from './noise.mjs';

const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
const signed = (share) => (share < 0 ? '−' : '+') + percent(Math.abs(share));
const whole = (value) => Math.round(value).toLocaleString('en');

/** A table for each operation. */
function report(lines, names) {
  const out = [];
  for (const operation of new Set(lines.map((line) => line.operation))) {
    const of = (side, measure) =>
      lines.filter((line) => line.operation === operation && line.side === side).map((line) => line[measure]);
    out.push('', `${operation}: ${of('before', 'cpu').length} rounds each; ± is the median deviation, then lowest to highest`);
    for (const [measure, label, moreIsBetter] of [
      ['per_second', 'requests a second', true],
      ['cpu', 'µs of the core each', false],
    ]) {
      for (const side of ['before', 'after']) {
        const values = of(side, measure);
        const range = `${whole(Math.min(...values))}–${whole(Math.max(...values))}`;
        out.push(`  ${names[side].padEnd(24)} ${whole(median(values)).padStart(9)} ${label}, ± ${percent(noise(values))}, ${range}`);
      }
      const { change, probability, word } = verdict(of('before', measure), of('after', measure), moreIsBetter);
      out.push(`  ${' '.repeat(24)} ${signed(change).padStart(9)}: ${word} (p = ${probability.toPrecision(2)})`);
    }
    for (const side of ['before', 'after']) {
      const [p50, p99] = ['p50', 'p99'].map((measure) => (median(of(side, measure)) / 1_000).toFixed(2));
      out.push(`  ${names[side].padEnd(24)} p50 ${p50} ms, p99 ${p99} ms`);
    }
  }
  return out.join('\n');
}

let text = '';
for await (const chunk of process.stdin) text += chunk;
const lines = text.split('\n').filter(Boolean).map(JSON.parse);
console.log(report(lines, { before: process.argv[2], after: process.argv[3] }));
