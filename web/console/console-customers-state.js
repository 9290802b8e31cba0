// The search for one customer: by the number its owner reads out, or for a reason by contact or receipt; the notes on that wallet,
// and its history, which opens for a reason too.

import { folded } from '/assets/i18n.js';
import { byEvent } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */
/** @import { CustomerWallet, Entry, HistoryPage, WalletNote } from '../types/answers.js' */

/** @typedef {'number' | 'contact' | 'receipt'} FindBy */

/**
 * @typedef {object} CustomersState
 * @property {FindBy} by
 * @property {string} text the number or contact, as typed
 * @property {string} reason why somebody is looked for
 * @property {boolean} busy
 * @property {CustomerWallet | null} wallet
 * @property {'not_found' | { error: unknown } | null} problem
 * @property {Entry[] | null} entries null until the history was opened
 * @property {string | null} next where the history goes on
 * @property {string} opened_for the reason it was opened for
 * @property {boolean} history_busy
 * @property {unknown} history_problem
 * @property {WalletNote[] | null} notes null until the server has answered
 * @property {string} note what is being written
 * @property {boolean} writing
 * @property {unknown} note_problem
 */

/**
 * @typedef {{ is: 'typed', text: string } | { is: 'find' } | { is: 'found', wallet: CustomerWallet }
*   | { is: 'not_found' } | { is: 'failed', error: unknown } | { is: 'notes_read', notes: WalletNote[] }
 *   | { is: 'by', by: FindBy } | { is: 'reason_typed', text: string } | { is: 'located', id: string }
 *   | { is: 'history_read', page: HistoryPage, reason: string, more: boolean } | { is: 'history_more' }
 *   | { is: 'history_failed', error: unknown }
 *   | { is: 'note_typed', text: string } | { is: 'write' } | { is: 'written' } | { is: 'note_failed', error: unknown }} CustomersEvent
 */

/**
 * @typedef {{ do: 'look', name: 'look', id: string }
 *   | { do: 'locate', name: 'look', by: FindBy, text: string, reason: string }
 *   | { do: 'read_history', name: 'history', id: string, reason: string, before: string } | { do: 'read_notes', name: 'notes', id: string }
 *   | { do: 'write_note', name: 'write', id: string, text: string } | { do: 'announce_written' } | After<CustomersEvent> | Cancel} CustomersEffect
 */

const NO_NOTES = { notes: null, note: '', writing: false, note_problem: null };
/** @type {Pick<CustomersState, 'entries' | 'next' | 'opened_for' | 'history_busy' | 'history_problem'>} */
const NO_HISTORY = { entries: null, next: null, opened_for: '', history_busy: false, history_problem: null };

/** @param {CustomersState} state @returns {CustomersEffect} */
function looking({ by, text, reason }) {
  if (by === 'number') return { do: 'look', name: 'look', id: folded(text) };
  return { do: 'locate', name: 'look', by, text: folded(text), reason: reason.trim() };
}

/** @type {Handlers<CustomersState, CustomersEvent, CustomersEffect>} */
const on = {
  typed: (state, { text }) => [{ ...state, text }],
  by: (state, { by }) => [{ ...state, by, text: '', problem: null }],
  reason_typed: (state, { text }) => [{ ...state, reason: text }],
  find: (state) => (state.busy || (state.by !== 'number' && state.reason.trim() === '') ? [state] : [
    { ...state, ...NO_NOTES, ...NO_HISTORY, busy: true, wallet: null, problem: null }, looking(state)]),
  /** A reason is for one search: the next one has its own. */
  located: (state, { id }) => [{ ...state, reason: '' }, { do: 'look', name: 'look', id }],
  found: (state, { wallet }) => [
    { ...state, ...(state.wallet?.wallet_id === wallet.wallet_id ? {} : NO_HISTORY), busy: false, wallet, problem: null },
    { do: 'read_notes', name: 'notes', id: wallet.wallet_id }],
  /** Whoever opened it wrote a note by that. */
  history_read: (state, { page, reason, more }) => (state.wallet === null ? [state] : [
    { ...state, entries: more ? [...state.entries ?? [], ...page.entries] : page.entries, next: page.next, opened_for: reason,
      history_busy: false, history_problem: null },
    { do: 'read_notes', name: 'notes', id: state.wallet.wallet_id }]),
  history_more: (state) => (state.history_busy || state.next === null || state.wallet === null ? [state] : [
    { ...state, history_busy: true },
    { do: 'read_history', name: 'history', id: state.wallet.wallet_id, reason: state.opened_for, before: state.next }]),
  history_failed: (state, { error }) => [{ ...state, history_busy: false, history_problem: error }],
  not_found: (state) => [{ ...state, busy: false, wallet: null, problem: 'not_found' }],
  failed: (state, { error }) => [{ ...state, busy: false, wallet: null, problem: { error } }],
  notes_read: (state, { notes }) => [{ ...state, notes, note_problem: null }],
  note_typed: (state, { text }) => [{ ...state, note: text }],
  write: (state) => (state.writing || state.wallet === null || state.note.trim() === '' ? [state] : [
    { ...state, writing: true, note_problem: null },
    { do: 'write_note', name: 'write', id: state.wallet.wallet_id, text: state.note.trim() }]),
  /** What was written stays in the field until the server has it. */
  written: (state) => (state.wallet === null ? [state] : [
    { ...state, writing: false, note: '' },
    { do: 'announce_written' }, { do: 'read_notes', name: 'notes', id: state.wallet.wallet_id }]),
  note_failed: (state, { error }) => [{ ...state, writing: false, note_problem: error }],
};

export const updateCustomers = byEvent(on);

/**
 * `left` is what was found before the language changed: it stays found, and nobody has to say a reason twice.
 * @param {CustomersState} [left] @returns {Step<CustomersState, CustomersEffect>}
 */
export function beginCustomers(left) {
  /** @type {CustomersState} */
  const state = {
    by: 'number', text: '', reason: '', wallet: null, problem: null, ...NO_NOTES, ...NO_HISTORY, ...left,
    busy: false, history_busy: false, writing: false,
  };
  // A note that was on its way may have arrived.
  return state.wallet === null ? [state] : [state, { do: 'read_notes', name: 'notes', id: state.wallet.wallet_id }];
}
