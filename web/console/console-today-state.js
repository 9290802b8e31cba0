// What the page has of today, and what the server says has changed since.

/** @import { Today } from '../types/answers.js' */

const CHART_MS = 300_000;

/**
 * Today with what changed; `elapsed_ms` since the answer before, for the time of a server that had nothing new to say.
 * @param {Today} known @param {Partial<Today>} changed @param {number} elapsed_ms @returns {Today}
 */
export function mergeToday(known, changed, elapsed_ms) {
  const now_ms = changed.now_ms ?? known.now_ms + elapsed_ms;
  // A second that was not over comes again, with all that was paid in it.
  const seconds = new Map([...known.payments_per_second, ...(changed.payments_per_second ?? [])].map((one) => [one.at_ms, one]));
  const young = [...seconds.values()].filter((one) => one.at_ms > now_ms - CHART_MS);
  return { ...known, ...changed, now_ms, payments_per_second: young };
}
