// The search for one customer by the number its owner reads out, and the notes on that wallet.

import { folded } from '/assets/i18n.js';
import { byEvent } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */
/** @import { CustomerWallet, WalletNote } from '../types/answers.js' */

/**
 * @typedef {object} CustomersState
 * @property {string} text the number, as typed
 * @property {boolean} busy
 * @property {CustomerWallet | null} wallet
 * @property {'not_found' | { error: unknown } | null} problem
 * @property {WalletNote[] | null} notes null until the server has answered
 * @property {string} note what is being written
 * @property {boolean} writing
 * @property {unknown} note_problem
 */

/**
 * @typedef {{ is: 'typed', text: string } | { is: 'find' } | { is: 'found', wallet: CustomerWallet }
*   | { is: 'not_found' } | { is: 'failed', error: unknown } | { is: 'notes_read', notes: WalletNote[] }
 *   | { is: 'note_typed', text: string } | { is: 'write' } | { is: 'written' } | { is: 'note_failed', error: unknown }} CustomersEvent
 */

/**
 * @typedef {{ do: 'look', name: 'look', id: string } | { do: 'read_notes', name: 'notes', id: string }
 *   | { do: 'write_note', name: 'write', id: string, text: string } | { do: 'announce_written' } | After<CustomersEvent> | Cancel} CustomersEffect
 */

const NO_NOTES = { notes: null, note: '', writing: false, note_problem: null };

/** @type {Handlers<CustomersState, CustomersEvent, CustomersEffect>} */
const on = {
  typed: (state, { text }) => [{ ...state, text }],
  find: (state) => (state.busy ? [state] : [
    { ...state, ...NO_NOTES, busy: true, wallet: null, problem: null }, { do: 'look', name: 'look', id: folded(state.text) }]),
  found: (state, { wallet }) => [
    { ...state, busy: false, wallet, problem: null }, { do: 'read_notes', name: 'notes', id: wallet.wallet_id }],
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

/** @type {Step<CustomersState, CustomersEffect>} */
export const beginCustomers = [{ text: '', busy: false, wallet: null, problem: null, ...NO_NOTES }];
