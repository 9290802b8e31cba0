// The search for one customer by the number its owner reads out.

import { byEvent } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */
/** @import { CustomerWallet } from '../types/answers.js' */

/**
 * @typedef {object} CustomersState
 * @property {string} text the number, as typed
 * @property {boolean} busy
 * @property {CustomerWallet | null} wallet
 * @property {'not_found' | { error: unknown } | null} problem
 */

/**
 * @typedef {{ is: 'typed', text: string } | { is: 'find' } | { is: 'found', wallet: CustomerWallet }
 *   | { is: 'not_found' } | { is: 'failed', error: unknown }} CustomersEvent
 */

/** @typedef {{ do: 'look', name: 'look', id: string } | After<CustomersEvent> | Cancel} CustomersEffect */

/** @type {Handlers<CustomersState, CustomersEvent, CustomersEffect>} */
const on = {
  typed: (state, { text }) => [{ ...state, text }],
  find: (state) => (state.busy ? [state] : [
    { ...state, busy: true, wallet: null, problem: null }, { do: 'look', name: 'look', id: state.text.trim() }]),
  found: (state, { wallet }) => [{ ...state, busy: false, wallet, problem: null }],
  not_found: (state) => [{ ...state, busy: false, wallet: null, problem: 'not_found' }],
  failed: (state, { error }) => [{ ...state, busy: false, wallet: null, problem: { error } }],
};

export const updateCustomers = byEvent(on);

/** @type {Step<CustomersState, CustomersEffect>} */
export const beginCustomers = [{ text: '', busy: false, wallet: null, problem: null }];
