// The history without a page: whole months at a time, so that a month can be summed up; what each row says of what became of
// it; and the choice of what is shown.

import { byEvent, cancel } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */
/** @import { Entry, HistoryPage } from '../types/answers.js' */

/** @typedef {'all' | 'payments' | 'top_ups' | 'refunds'} Filter */

/**
 * @typedef {object} HistoryState
 * @property {Entry[] | null} entries newest first; null until the server has answered
 * @property {string | null} next where the history goes on
 * @property {string | null} goal the month that is to be read to its end
 * @property {number} pages that were read for it
 * @property {Filter} filter
 * @property {boolean} busy
 * @property {unknown} problem
 */

/**
 * @typedef {{ is: 'read', page: HistoryPage } | { is: 'failed', error: unknown } | { is: 'more' }
 *   | { is: 'filter', filter: Filter } | { is: 'moved' } | { is: 'newest', page: HistoryPage }} HistoryEvent
 */

/**
 * @typedef {{ do: 'read', name: 'read', before: string | null } | { do: 'read_newest', name: 'newest' }
 *   | { do: 'focus', id: string } | After<HistoryEvent> | Cancel} HistoryEffect
 */

// So many pages are read for one press; a month with more is shown in parts, and not summed up before its end.
const PAGES_MAX = 5;

/** @type {Record<Exclude<Filter, 'all'>, string[]>} */
const KINDS = {
  payments: ['payment', 'hold', 'capture'],
  top_ups: ['top_up', 'cash', 'goodwill'],
  refunds: ['refund', 'cancel', 'release'],
};
export const FILTERS = /** @type {const} */ (['all', 'payments', 'top_ups', 'refunds']);

// A month as it is in Japan, where the shops are: `2026-11`.
const months = new Intl.DateTimeFormat('en-CA', { timeZone: 'Asia/Tokyo', year: 'numeric', month: '2-digit' });
/** @param {Entry} entry */
const monthOf = ({ at_ms }) => months.format(at_ms);

/**
 * @typedef {object} Month
 * @property {string} name
 * @property {Entry[]} shown those that the filter lets through
 * @property {{ spent: number, topped_up: number } | null} sums null while not all of it is read
 */

/**
 * The months, newest first, without those that the filter leaves empty. What was spent is what payments took less what came
 * back, each as the balance moved; so money that is set aside counts until it comes back.
 * @param {HistoryState} state @returns {Month[]}
 */
export function monthsOf({ entries, next, filter }) {
  /** @type {Map<string, Month & { sums: { spent: number, topped_up: number } }>} */
  const found = new Map();
  const all = entries ?? [];
  all.forEach((entry, index) => {
    const name = monthOf(entry);
    const month = found.get(name) ?? { name, shown: [], sums: { spent: 0, topped_up: 0 } };
    found.set(name, month);
    if (filter === 'all' || KINDS[filter].includes(entry.kind)) month.shown.push(entry);
    const moved = entry.balance_after - (all[index + 1]?.balance_after ?? 0);
    if (KINDS.top_ups.includes(entry.kind)) month.sums.topped_up += moved;
    else month.sums.spent -= moved;
  });
  const oldest = [...found.keys()].at(-1);
  return [...found.values()].filter(({ shown }) => shown.length > 0)
    .map((month) => (month.name === oldest && next !== null ? { ...month, sums: null } : month));
}

/** @param {HistoryState} state @returns {HistoryEffect} */
const read = ({ next }) => ({ do: 'read', name: 'read', before: next });

/** @type {Handlers<HistoryState, HistoryEvent, HistoryEffect>} */
const on = {
  read(state, { page }) {
    const before = state.entries ?? [];
    const entries = [...before, ...page.entries];
    const last = entries.at(-1);
    const goal = state.goal ?? (entries.length > 0 ? monthOf(entries[0]) : null);
    const pages = state.pages + 1;
    const next = { ...state, entries, next: page.next, goal, pages };
    const whole = page.next === null || last === undefined || monthOf(last) !== goal;
    if (!whole && pages < PAGES_MAX) return [next, read(next)];
    return [{ ...next, busy: false }];
  },
  failed: (state, { error }) => [{ ...state, busy: false, problem: error }],
  /** Also after a failure: what was asked for is asked for once more. The focus moves on with the reader. */
  more(state) {
    if (state.busy) return [state];
    const last = state.entries?.at(-1);
    const next = { ...state, busy: true, problem: null, pages: 0, goal: last === undefined ? null : monthOf(last) };
    return last === undefined ? [next, read(next)] : [next, { do: 'focus', id: last.id }, read(next)];
  },
  filter: (state, { filter }) => [{ ...state, filter }],
  /** Something happened: it is put above what is shown, and a reader further down keeps their place. */
  moved: (state) => (state.entries === null ? [state] : [state, { do: 'read_newest', name: 'newest' }]),
  newest(state, { page }) {
    const newest = BigInt(state.entries?.[0]?.id ?? 0);
    const fresh = page.entries.filter(({ id }) => BigInt(id) > newest);
    if (fresh.length < page.entries.length || page.next === null) {
      return [{ ...state, entries: [...fresh, ...state.entries ?? []] }];
    }
    // More has happened than a page holds: what lies between is not known, so it begins anew.
    return [{ ...state, entries: [...page.entries], next: page.next, busy: false }, cancel('read')];
  },
};

export const updateHistory = byEvent(on);

/** @type {Step<HistoryState, HistoryEffect>} */
export const beginHistory = [
  { entries: null, next: null, goal: null, pages: 0, filter: 'all', busy: true, problem: null },
  { do: 'read', name: 'read', before: null }];
