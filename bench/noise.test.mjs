import assert from 'node:assert';
import { test } from 'node:test';
import { chance, median, noise, verdict } from './noise.mjs';

test('the middle and the noise around it', () => {
  assert.deepStrictEqual([median([3, 1, 2]), median([4, 1, 3, 2])], [2, 2.5]);
  assert.strictEqual(noise([90, 100, 100, 110, 120]), 0.1);
});

test('chances are those of the exact distribution', () => {
  // Of 70 ways to choose 4 of 8 ranks, two are as far apart.
  assert.strictEqual(chance([1, 2, 3, 4], [5, 6, 7, 8]), 2 / 70);
  assert.strictEqual(chance([5, 6, 7, 8], [1, 2, 3, 4]), 2 / 70);
  assert.strictEqual(chance([1, 4], [2, 3]), 1);
  assert.strictEqual(chance([7, 7, 7], [7, 7, 7]), 1);
});

test('what is small or may be chance is no difference', () => {
  const around = (middle) => [-3, -2, -1, 0, 1, 2, 3].map((step) => middle + step);
  const word = (before, after, more = true) => verdict(before, after, more).word;
  assert.strictEqual(word(around(1_000), around(1_100)), 'faster');
  assert.strictEqual(word(around(1_000), around(900)), 'slower');
  assert.strictEqual(word(around(1_000), around(900), false), 'faster');
  assert.strictEqual(word(around(1_000), around(1_008)), 'no difference beyond noise');
  assert.strictEqual(word([900, 1_000, 1_100, 950], [1_050, 1_150, 990, 1_200]), 'no difference beyond noise');
  // However far apart, three rounds prove nothing.
  assert.strictEqual(word([1, 2, 3], [100, 200, 300]), 'no difference beyond noise');
});
