// What a keyboard-wedge scanner types, told apart from what a cashier types. Pure functions: time is an argument.

/**
 * The digits of a customer's code as a scanner delivers them, or null when this is no such code.
 * @param {string} text
 */
export function customerCode(text) {
  // At most one terminator behind and one AIM symbology identifier in front, as scanners are commonly set up.
  const bare = text.normalize('NFKC').replace(/(?:\r\n|\r|\n|\t)$/, '').replace(/^\][A-Za-z]\d/, '');
  return /^\d{16,24}$/.test(bare) ? bare : null;
}

/** The longest amount a cashier may type; a longer run of digits in the amount field is a scan that landed there. */
export const AMOUNT_DIGITS = 7;

// Taking up the scanner and pulling its trigger takes longer than this; a scanner never pauses so long inside a code.
const PAUSE_MS = 250;

/** @typedef {{ digit: string, at_ms: number }[]} Run */

/**
 * Splits a run of digits that is too long for an amount into the amount typed by hand before the last pause and the
 * beginning of the code behind it.
 * @param {Run} run
 */
export function splitRun(run) {
  let start = 0;
  for (let index = 1; index < run.length && index <= AMOUNT_DIGITS; index += 1) {
    if (run[index].at_ms - run[index - 1].at_ms >= PAUSE_MS) start = index;
  }
  // Pauses between all digits mean slow typing, not an amount followed by a scan.
  const tail = run.slice(start);
  const steady = tail.every((one, index) => index === 0 || one.at_ms - tail[index - 1].at_ms < PAUSE_MS);
  if (!steady || tail.length < 2) start = 0;
  /** @param {Run} part */
  const text = (part) => part.map((one) => one.digit).join('');
  return { amount: text(run.slice(0, start)), code: text(run.slice(start)) };
}

/** @typedef {{ code: string, at_ms: number }} Scan */

const DOUBLE_WITHIN_MS = 2_000;

/**
 * Whether `scan` is the second read of one pull of the trigger, which counts once. `last` is the last one that counted.
 * @param {Scan | null} last @param {Scan} scan
 */
export function isDoubleScan(last, scan) {
  return last !== null && scan.code === last.code && scan.at_ms - last.at_ms < DOUBLE_WITHIN_MS;
}
