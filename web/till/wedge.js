// What a keyboard-wedge scanner types, told apart from what a cashier types. Pure functions: time is an argument.

/** The digits of a customer's code as a scanner delivers them, or null when this is no such code. */
export function customerCode(text) {
  // At most one terminator behind and one AIM symbology identifier in front, as scanners are commonly set up.
  const bare = text.normalize('NFKC').replace(/(?:\r\n|\r|\n|\t)$/, '').replace(/^\][A-Za-z]\d/, '');
  return /^\d{16,24}$/.test(bare) ? bare : null;
}

/** The longest amount a cashier may type; a longer run of digits in the amount field is a scan that landed there. */
export const AMOUNT_DIGITS = 7;

// Taking up the scanner and pulling its trigger takes longer than this; a scanner never pauses so long inside a code.
const PAUSE_MS = 250;

/**
 * Splits a run of digits [{digit, at_ms}] that is too long for an amount into the amount typed by hand before the last
 * pause and the beginning of the code behind it.
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
  const text = (part) => part.map((one) => one.digit).join('');
  return { amount: text(run.slice(0, start)), code: text(run.slice(start)) };
}

/** Remembers the last code so that one pull of the trigger that reads twice counts once. */
export function doubleScanGuard(window_ms = 2_000) {
  let last = { code: '', at_ms: -Infinity };
  return (code, at_ms) => {
    const double = code === last.code && at_ms - last.at_ms < window_ms;
    if (!double) last = { code, at_ms };
    return double;
  };
}
