// Home without a page: what it knows, what it asks for when something happened, and the switch that stops everything.

import { byEvent } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */
/** @import { Entry, Home, OpenTopUp, WalletStatus } from '../types/answers.js' */

/**
 * @typedef {object} HomeState
 * @property {number} balance
 * @property {WalletStatus} status
 * @property {boolean} elsewhere whether the wallet pays from another device
 * @property {Entry[] | { error: unknown } | null} recent null until the first answer
 * @property {OpenTopUp[]} open
 * @property {boolean} may_install whether the browser offers to install the page, and its owner did not wave it away
 * @property {boolean} stopping whether a stop was asked for that is not answered yet
 * @property {boolean} busy whether the way back is asked for
 * @property {unknown} problem
 */

/**
 * @typedef {{ is: 'balance', balance: number } | { is: 'status', status: WalletStatus } | { is: 'pays', elsewhere: boolean } | { is: 'top_ups' }
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

/** Whether home shows a code. @param {HomeState} state */
const shows = ({ status, elsewhere }) => status === 'active' && !elsewhere;

/** @type {Handlers<HomeState, HomeEvent, HomeEffect>} */
const on = {
  balance: (state, { balance }) => [{ ...state, balance }, ...READ],
  status(state, { status }) {
    // Told again after a long absence: what became of the code meanwhile is not known.
    if (status === state.status) return shows(state) ? [state, { do: 'renew_code' }] : [state];
    const next = { ...state, status, problem: null };
    if (status === 'active') return shows(next) ? [next, { do: 'start_code' }] : [next];
    // Who has asked for it here is led to the way back; who reads on elsewhere is left alone.
    return state.stopping ? [next, { do: 'stop_code' }, { do: 'show_unfreeze' }] : [next, { do: 'stop_code' }];
  },
  /** Another device has taken over, or this one has. */
  pays(state, { elsewhere }) {
    if (elsewhere === state.elsewhere) return [state];
    const next = { ...state, elsewhere };
    return state.status === 'frozen' ? [next] : [next, { do: elsewhere ? 'stop_code' : 'start_code' }];
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
 * @param {{ balance: number, status: WalletStatus, pays_from: Home['pays_from'] }} wallet @param {boolean} may_install @param {boolean} stopping
 * @returns {Step<HomeState, HomeEffect>}
 */
export function beginHome({ balance, status, pays_from }, may_install, stopping) {
  /** @type {HomeState} */
  const state = { balance, status, elsewhere: pays_from === 'elsewhere', recent: null, open: [], may_install, stopping, busy: false, problem: null };
  return shows(state) ? [state, { do: 'start_code' }, ...READ] : [state, ...READ];
}
