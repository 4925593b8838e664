// How times and numbers are said, as crates/domain/src/words.rs does.
const UNITS = [
  [3_570, 60, 'minute'],
  [84_600, 3_600, 'hour'],
  [1_209_600, 86_400, 'day'],
  [5_184_000, 604_800, 'week'],
  [63_072_000, 2_592_000, 'month'],
  [Infinity, 31_536_000, 'year'],
];
const MONTHS = 'January February March April May June July August September October November December'.split(' ');

/** "5 minutes ago" or "in 2 weeks", of times in milliseconds. */
export function relative(now, at) {
  const seconds = Math.floor(at / 1_000) - Math.floor(now / 1_000);
  const length = Math.abs(seconds);
  if (length < 45) return seconds > 0 ? 'in a moment' : 'just now';
  const [, size, unit] = UNITS.find(([below]) => length < below);
  const many = countOf(Math.floor((length + size / 2) / size), unit);
  return seconds > 0 ? `in ${many}` : `${many} ago`;
}

/** "20 February 2027, 14:05 UTC" */
export function dateTime(at) {
  const date = new Date(at);
  const two = (number) => String(number).padStart(2, '0');
  const day = `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
  return `${day}, ${two(date.getUTCHours())}:${two(date.getUTCMinutes())} UTC`;
}

/** "1,234" */
export function number(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** "1 token", "2 tokens" */
export function countOf(count, noun) {
  return `${number(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** "1,000+" */
export function capped(count) {
  return count > 1_000 ? '1,000+' : number(count);
}
