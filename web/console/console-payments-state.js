// The list of payments: what is looked for, the pages of what was found, and the whole of it as a file.

import { folded, typedYen } from '/assets/i18n.js';
import { byEvent } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */
/** @import { ConsolePayment, ConsolePayments } from '../types/answers.js' */

/** @typedef {'id' | 'merchant' | 'store' | 'from' | 'to' | 'amount' | 'state'} FieldName */
/** @typedef {Readonly<Record<FieldName, string>>} SearchFields as typed or chosen */
/** @typedef {'utf-8' | 'shift_jis'} Encoding */

/**
 * @typedef {object} Exporting
 * @property {Encoding} encoding
 * @property {ConsolePayment[]} payments so far
 * @property {number | null} reached_ms up to where it was looked through, newest first
 */

/**
 * @typedef {object} PaymentsState
 * @property {SearchFields} fields
 * @property {FieldName | null} wrong the field that cannot be looked for
 * @property {boolean} busy
 * @property {ConsolePayment[] | null} payments null until the server has answered
 * @property {string | null} next where the list goes on
 * @property {number | null} reached_ms up to where it was looked through
 * @property {string} query what the shown list was asked with: typing meanwhile does not change where it goes on
 * @property {unknown} problem
 * @property {Exporting | null} exporting
 */

/**
 * @typedef {{ is: 'field', name: FieldName, value: string } | { is: 'find' } | { is: 'more' }
 *   | { is: 'read', page: ConsolePayments, more: boolean } | { is: 'failed', error: unknown }
 *   | { is: 'export', encoding: Encoding } | { is: 'export_read', page: ConsolePayments }
 *   | { is: 'export_failed', error: unknown } | { is: 'export_stop' } | { is: 'day', from: string, to: string }} PaymentsEvent
 */

/**
 * @typedef {{ do: 'read', name: 'read', query: string, more: boolean } | { do: 'export_read', name: 'export', query: string }
 *   | { do: 'save', encoding: Encoding, payments: ConsolePayment[] } | { do: 'focus', on: FieldName }
 *   | After<PaymentsEvent> | Cancel} PaymentsEffect
 */

const EXPORT_PAGE = 500;

/** @type {SearchFields} */
const NOTHING = { id: '', merchant: '', store: '', from: '', to: '', amount: '', state: '' };

/**
 * What the server is asked, or the field that cannot be.
 * @param {SearchFields} fields @returns {{ query: string, wrong: null } | { wrong: FieldName }}
 */
function queryOf(fields) {
  const { id, merchant, store, from, to, amount, state } = fields;
  const asked = new URLSearchParams();
  if (merchant !== '') asked.set('merchant', merchant);
  // A number that somebody reads out names one payment, whatever else stands there.
  if (folded(id) !== '') {
    asked.set('id', folded(id));
    return { query: asked.toString(), wrong: null };
  }
  const yen = folded(amount) === '' ? null : typedYen(amount);
  if (yen !== null && Number.isNaN(yen)) return { wrong: 'amount' };
  if (from !== '' && to !== '' && from > to) return { wrong: 'to' };
  if (folded(store) !== '') asked.set('store', folded(store));
  if (from !== '') asked.set('from', from);
  if (to !== '') asked.set('to', to);
  if (yen !== null) asked.set('amount', String(yen));
  if (state !== '') asked.set('state', state);
  return { query: asked.toString(), wrong: null };
}

/** @param {string} query @param {string | null} next */
const goingOn = (query, next) => [query, next === null ? '' : `before=${next}`].filter(Boolean).join('&');

/** @param {PaymentsState} state @returns {Step<PaymentsState, PaymentsEffect>} */
function find(state) {
  const asked = queryOf(state.fields);
  if (asked.wrong !== null) return [{ ...state, wrong: asked.wrong }, { do: 'focus', on: asked.wrong }];
  return [
    { ...state, busy: true, wrong: null, payments: null, next: null, reached_ms: null, problem: null, exporting: null,
      query: asked.query },
    { do: 'cancel', name: 'export' }, { do: 'read', name: 'read', query: asked.query, more: false }];
}

/** @param {string} query @param {string | null} next @returns {PaymentsEffect} */
const readForExport = (query, next) => ({
  do: 'export_read', name: 'export', query: goingOn([query, `limit=${EXPORT_PAGE}`].filter(Boolean).join('&'), next) });

/** @type {Handlers<PaymentsState, PaymentsEvent, PaymentsEffect>} */
const on = {
  /** Nothing is judged while somebody is typing. */
  field: (state, { name, value }) => [
    { ...state, fields: { ...state.fields, [name]: value }, wrong: state.wrong === name ? null : state.wrong }],
  day: (state, { from, to }) => find({ ...state, fields: { ...state.fields, from, to } }),
  find,
  more: (state) => (state.busy || state.next === null ? [state] : [
    { ...state, busy: true, problem: null },
    { do: 'read', name: 'read', query: goingOn(state.query, state.next), more: true }]),
  read: (state, { page: { payments, next, reached_ms }, more }) => [
    { ...state, busy: false, payments: more ? [...state.payments ?? [], ...payments] : payments, next, reached_ms,
      problem: null }],
  failed: (state, { error }) => [{ ...state, busy: false, problem: error }],
  /** The file holds all that is found, however little of it is shown. */
  export: (state, { encoding }) => (state.exporting !== null || state.payments === null ? [state] : [
    { ...state, problem: null, exporting: { encoding, payments: [], reached_ms: null } },
    readForExport(state.query, null)]),
  export_read(state, { page: { payments, next, reached_ms } }) {
    if (state.exporting === null) return [state];
    const { encoding } = state.exporting;
    const all = [...state.exporting.payments, ...payments];
    if (next === null) return [{ ...state, exporting: null }, { do: 'save', encoding, payments: all }];
    return [{ ...state, exporting: { encoding, payments: all, reached_ms } }, readForExport(state.query, next)];
  },
  export_failed: (state, { error }) => [{ ...state, exporting: null, problem: error }],
  export_stop: (state) => [{ ...state, exporting: null }, { do: 'cancel', name: 'export' }],
};

export const updatePayments = byEvent(on);

/**
 * The newest of all, or of the store that the address names (`store-12`), those of today; `left` is what was found before the
 * language changed. A file that was on the way is not: it would have been in the other language.
 * @param {string | undefined} named @param {string} today @param {PaymentsState} [left] @returns {Step<PaymentsState, PaymentsEffect>}
 */
export function beginPayments(named, today, left) {
  if (left !== undefined) return left.busy ? find(left) : [{ ...left, exporting: null }];
  const store = named?.match(/^store-(\d+)$/)?.[1];
  const fields = store === undefined ? NOTHING : { ...NOTHING, store, from: today, to: today };
  return find({
    fields, wrong: null, busy: false, payments: null, next: null, reached_ms: null, query: '', problem: null, exporting: null });
}
