// Home without a page: what it knows, what it asks for when something happened, and the switch that stops everything.

import { byEvent } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */
/** @import { Entry, OpenTopUp, WalletStatus } from '../types/answers.js' */

/**
 * @typedef {object} HomeState
 * @property {number} balance
 * @property {WalletStatus} status
 * @property {Entry[] | { error: unknown } | null} recent null until the first answer
 * @property {OpenTopUp[]} open
 * @property {boolean} may_install whether the browser offers to install the page, and its owner did not wave it away
 * @property {boolean} stopping whether a stop was asked for that is not answered yet
 * @property {boolean} busy whether the way back is asked for
 * @property {unknown} problem
 */

/**
 * @typedef {{ is: 'balance', balance: number } | { is: 'status', status: WalletStatus } | { is: 'top_ups' }
 *   | { is: 'install', may: boolean } | { is: 'dismiss_install' } | { is: 'install_now' }
 *   | { is: 'recent', recent: HomeState['recent'] } | { is: 'open', open: OpenTopUp[] }
 *   | { is: 'freeze' } | { is: 'stop', stopping: boolean } | { is: 'unfreeze' }
 *   | { is: 'unfrozen' } | { is: 'failed', error: unknown }} HomeEvent
 */

/**
 * @typedef {{ do: 'read_recent', name: 'recent' } | { do: 'read_open', name: 'open' } | { do: 'start_code' }
 *   | { do: 'stop_code' } | { do: 'renew_code' } | { do: 'freeze' } | { do: 'unfreeze' } | { do: 'show_unfreeze' }
 *   | { do: 'announce_unfrozen' }
 *   | { do: 'dismiss_install' } | { do: 'install' } | After<HomeEvent> | Cancel} HomeEffect
 */

/** @type {HomeEffect[]} */
const READ = [{ do: 'read_recent', name: 'recent' }, { do: 'read_open', name: 'open' }];

/** @type {Handlers<HomeState, HomeEvent, HomeEffect>} */
const on = {
  balance: (state, { balance }) => [{ ...state, balance }, ...READ],
  status(state, { status }) {
    // Told again after a long absence: what became of the code meanwhile is not known.
    if (status === state.status) return status === 'frozen' ? [state] : [state, { do: 'renew_code' }];
    const next = { ...state, status, problem: null };
    if (status === 'active') return [next, { do: 'start_code' }];
    // Who has asked for it here is led to the way back; who reads on elsewhere is left alone.
    return state.stopping ? [next, { do: 'stop_code' }, { do: 'show_unfreeze' }] : [next, { do: 'stop_code' }];
  },
  top_ups: (state) => [state, { do: 'read_open', name: 'open' }],
  install: (state, { may }) => [{ ...state, may_install: may }],
  dismiss_install: (state) => [{ ...state, may_install: false }, { do: 'dismiss_install' }],
  install_now: (state) => [state, { do: 'install' }],
  recent: (state, { recent }) => [{ ...state, recent }],
  open: (state, { open }) => [{ ...state, open }],
  /** One press, no question: whoever fears a thief must not meet a dialog. */
  freeze: (state) => (state.stopping ? [state] : [state, { do: 'freeze' }]),
  stop: (state, { stopping }) => (stopping === state.stopping ? [state] : [{ ...state, stopping }]),
  unfreeze: (state) => (state.busy ? [state] : [{ ...state, busy: true, problem: null }, { do: 'unfreeze' }]),
  unfrozen: (state) => [{ ...state, busy: false }, { do: 'announce_unfrozen' }],
  failed: (state, { error }) => [{ ...state, busy: false, problem: error }],
};

export const updateHome = byEvent(on);

/**
 * @param {{ balance: number, status: WalletStatus }} wallet @param {boolean} may_install @param {boolean} stopping
 * @returns {Step<HomeState, HomeEffect>}
 */
export function beginHome({ balance, status }, may_install, stopping) {
  /** @type {HomeState} */
  const state = { balance, status, recent: null, open: [], may_install, stopping, busy: false, problem: null };
  return status === 'frozen' ? [state, ...READ] : [state, { do: 'start_code' }, ...READ];
}
