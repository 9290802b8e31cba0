// What a keyboard-wedge scanner types, told apart from what a cashier types. Pure functions: time is an argument.

/**
 * The digits of a customer's code as a scanner delivers them, or null when this is no such code.
 * @param {string} text
 */
export function customerCode(text) {
  // A terminator or two behind, and in front an AIM symbology identifier (`]C1`) or a maker's own letter or two, as scanners are
  // commonly set up. People write the digits in groups, and chats add characters that nobody sees.
  const bare = text.normalize('NFKC').replace(/[\s\p{Cf}\p{Pd}\p{M}]+/gu, '').replace(/^(?:\][A-Za-z]\d|[A-Za-z]{1,2})/, '');
  return /^\d{16,24}$/.test(bare) ? bare : null;
}

/** The digits of our own codes. */
export const CODE_DIGITS = 24;

/** Whether nothing can be missing from what stands in the code's field. @param {string} text */
export const isWholeCode = (text) => customerCode(text)?.length === CODE_DIGITS;

/** Digits in groups of four, as the phone shows them; what is no digit stays as it was typed. @param {string} text */
export function grouped(text) {
  const bare = text.normalize('NFKC').replace(/[\s\p{Pd}]+/gu, '');
  return /^\d+$/.test(bare) ? bare.replace(/(\d{4})(?=\d)/g, '$1 ') : text;
}

// Nobody reads an answer and presses a key within this time: it is the rest of what a scanner types.
const MACHINE_MAY_TYPE_MS = 1_000;

/**
 * Whether a key that arrives now may still be a scanner's: two terminators follow a code, up to 150 ms apart, and a slow link
 * spreads them further.
 * @param {number} shown_at_ms when what the key would dismiss was shown @param {number} at_ms
 */
export const mayBeMachine = (shown_at_ms, at_ms) => at_ms - shown_at_ms < MACHINE_MAY_TYPE_MS;

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
