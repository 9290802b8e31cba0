// Looking for any sale of the store: by its receipt number, or by its day and, where the cashier knows it, its amount.

import { folded, typedYen } from '/assets/i18n.js';
import { byEvent } from '/assets/machine.js';

/** @import { Cancel, After, Handlers, Step } from '../types/pages.js' */
/** @import { Payment } from '../types/answers.js' */
/** @import { Words } from '/assets/till-payments-state.js' */

/** @typedef {'day' | 'number' | 'amount'} Field */

/**
 * @typedef {object} SearchState
 * @property {Record<Field, string>} typed
 * @property {string} query what was asked last; '' before the first question
 * @property {Payment[] | null} sales null until the first answer
 * @property {string | null} next where the next page begins; null at the end
 * @property {boolean} busy
 * @property {Field | { error: unknown } | null} problem the field that cannot be read, or why there is no answer
 * @property {Words | null} told what was given back from here
 */

/**
 * @typedef {{ is: 'typed', field: Field, text: string } | { is: 'search' } | { is: 'more' }
 *   | { is: 'found', sales: Payment[], next: string | null, first: boolean } | { is: 'not_found', error: unknown }
 *   | { is: 'given_back', words: Words, payment: Payment }} SearchEvent
 */

/**
 * @typedef {{ do: 'find', name: 'find', query: string, first: boolean } | { do: 'focus', on: Field } | { do: 'show' }
 *   | After<SearchEvent> | Cancel} SearchEffect
 */

/** The day in Japan at this instant, as `2026-11-28`. @param {number} at_ms */
export const dayInJapan = (at_ms) => new Date(at_ms + 9 * 3_600_000).toISOString().slice(0, 10);

/** A receipt number as it is typed: full-width digits, spaces and any dash in between. @param {string} text */
const plainNumber = (text) => folded(text).replace(/\s+/g, '').replace(/[\p{Pd}−ー]/gu, '-');

/**
 * What to ask for, or the field that cannot be read. A receipt number names one sale: day and amount are not asked for beside it.
 * @param {Record<Field, string>} typed @returns {{ query: string } | { problem: Field }}
 */
export function queryOf(typed) {
  const number = plainNumber(typed.number);
  if (number !== '') return /^\d[\d-]*$/.test(number) ? { query: `number=${number}` } : { problem: 'number' };
  const day = folded(typed.day);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) return { problem: 'day' };
  if (folded(typed.amount) === '') return { query: `day=${day}` };
  const amount = typedYen(typed.amount);
  return amount >= 1 ? { query: `day=${day}&amount=${amount}` } : { problem: 'amount' };
}

/** @type {Handlers<SearchState, SearchEvent, SearchEffect>} */
const on = {
  typed: (state, { field, text }) => [
    { ...state, typed: { ...state.typed, [field]: text }, problem: state.problem === field ? null : state.problem }],
  search(state) {
    const asked = queryOf(state.typed);
    if ('problem' in asked) return [{ ...state, problem: asked.problem }, { do: 'focus', on: asked.problem }];
    const { query } = asked;
    return [{ ...state, query, busy: true, problem: null, told: null }, { do: 'find', name: 'find', query, first: true }];
  },
  more(state) {
    if (state.busy || state.next === null) return [state];
    const query = `${state.query}&before=${state.next}`;
    return [{ ...state, busy: true, problem: null }, { do: 'find', name: 'find', query, first: false }];
  },
  /** On a phone what was found lies below the form: it is brought into view. */
  found(state, { sales, next, first }) {
    const found = { ...state, busy: false, sales: first ? sales : [...state.sales ?? [], ...sales], next };
    return first ? [found, { do: 'show' }] : [found];
  },
  not_found: (state, { error }) => [{ ...state, busy: false, problem: { error } }],
  given_back(state, { words, payment }) {
    const sales = state.sales?.map((one) => (one.payment_id === payment.payment_id ? payment : one)) ?? null;
    return [{ ...state, sales, told: words }];
  },
};

export const updateSearch = byEvent(on);

/** @param {number} now_ms @returns {Step<SearchState, SearchEffect>} */
export const beginSearch = (now_ms) => [{
  typed: { day: dayInJapan(now_ms), number: '', amount: '' }, query: '', sales: null, next: null, busy: false, problem: null, told: null,
}];
