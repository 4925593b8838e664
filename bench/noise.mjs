// Whether two samples differ, or only by chance.
//
// Faster or slower is what differs by more than one in a hundred and is no chance: the probability that rounds of two
// equal programs come apart so far (Mann–Whitney U, two-sided, exact) is below one in a hundred. With fewer than five
// rounds each, nothing is.
const CHANCE = 0.01;
const RELEVANT = 0.01;

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median absolute deviation, as a share of the median. */
export function noise(values) {
  const middle = median(values);
  return median(values.map((value) => Math.abs(value - middle))) / middle;
}

/** How probable it is that two samples of the same differ as much in their ranks as these do. */
export function chance(a, b) {
  const all = [...a, ...b].toSorted((x, y) => x - y);
  // Twice the middle rank of those that are equal: whole numbers.
  const rank = (value) => all.indexOf(value) + all.lastIndexOf(value) + 2;
  const ranks = all.map(rank);
  const sum = (values) => values.reduce((total, value) => total + rank(value), 0);
  const expected = a.length * (all.length + 1);
  const distance = Math.abs(sum(a) - expected);
  // ways[n] maps the sum of n ranks to the number of choices that have it.
  const ways = Array.from({ length: a.length + 1 }, () => new Map());
  ways[0].set(0, 1);
  for (const value of ranks) {
    for (let count = a.length; count > 0; count--) {
      for (const [total, number] of ways[count - 1]) {
        ways[count].set(total + value, (ways[count].get(total + value) ?? 0) + number);
      }
    }
  }
  let [far, every] = [0, 0];
  for (const [total, number] of ways[a.length]) {
    every += number;
    if (Math.abs(total - expected) >= distance) far += number;
  }
  return far / every;
}

/** `faster`, `slower` or `no difference beyond noise`, of a measure of which more or less is better. */
export function verdict(before, after, moreIsBetter) {
  const change = median(after) / median(before) - 1;
  const probability = chance(before, after);
  if (probability >= CHANCE || Math.abs(change) <= RELEVANT) return { change, probability, word: 'no difference beyond noise' };
  return { change, probability, word: change > 0 === moreIsBetter ? 'faster' : 'slower' };
}
