// The list of acts: whose are looked for, and the pages of what was found.

import { folded } from '/assets/i18n.js';
import { byEvent } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */
/** @import { Act } from '../types/answers.js' */

/** @typedef {'all' | 'wallet' | 'operator' | 'till' | 'day'} SearchBy */

/**
 * @typedef {object} ActsState
 * @property {SearchBy} by
 * @property {string} value what is looked for, as typed or chosen
 * @property {boolean} busy
 * @property {Act[] | null} acts null until the server has answered
 * @property {string | null} next where the list goes on
 * @property {string} query what the shown list was asked with: typing meanwhile does not change where it goes on
 * @property {unknown} problem
 */

/**
 * @typedef {{ is: 'by', by: SearchBy, value: string } | { is: 'typed', value: string } | { is: 'find' } | { is: 'more' }
 *   | { is: 'read', acts: Act[], next: string | null, more: boolean } | { is: 'failed', error: unknown }} ActsEvent
 */

/** @typedef {{ do: 'read', name: 'read', query: string, more: boolean } | After<ActsEvent> | Cancel} ActsEffect */
/** @typedef {Step<ActsState, ActsEffect>} ActsStep */

/** @param {SearchBy} by @param {string} value */
const queryOf = (by, value) => (by === 'all' ? '' : `${by}=${encodeURIComponent(folded(value))}`);

/** @param {ActsState} state @returns {ActsStep} */
function find(state) {
  const query = queryOf(state.by, state.value);
  return [
    { ...state, busy: true, acts: null, next: null, problem: null, query },
    { do: 'read', name: 'read', query, more: false }];
}

/** @type {Handlers<ActsState, ActsEvent, ActsEffect>} */
const on = {
  /** A choice from a list is looked for at once; what is typed waits for the button. */
  by(state, { by, value }) {
    const chosen = { ...state, by, value };
    return by === 'all' || value !== '' ? find(chosen) : [chosen];
  },
  typed: (state, { value }) => [{ ...state, value }],
  find,
  more: (state) => (state.busy || state.next === null ? [state] : [
    { ...state, busy: true, problem: null },
    { do: 'read', name: 'read', query: [state.query, `before=${state.next}`].filter(Boolean).join('&'), more: true }]),
  read: (state, { acts, next, more }) => [
    { ...state, busy: false, acts: more ? [...state.acts ?? [], ...acts] : acts, next, problem: null }],
  failed: (state, { error }) => [{ ...state, busy: false, problem: error }],
};

export const updateActs = byEvent(on);

/**
 * Of everybody, or of the wallet that the address names (`wallet-12`); `left` is what was found before the language changed.
 * @param {string | undefined} named @param {ActsState} [left] @returns {ActsStep}
 */
export function beginActs(named, left) {
  if (left !== undefined) return left.busy ? find(left) : [left];
  const wallet = named?.match(/^wallet-(\d+)$/)?.[1];
  const [by, value] = wallet === undefined ? [/** @type {const} */ ('all'), ''] : [/** @type {const} */ ('wallet'), wallet];
  return find({ by, value, busy: false, acts: null, next: null, query: '', problem: null });
}
