// The stop that somebody has asked for, without a page. It is asked until the server has answered, for a thief does not wait
// for a better network; and until then nobody is told that anything has stopped.

import { after, byEvent, cancel } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */

/**
 * @typedef {object} StopState
 * @property {boolean} asked whether a stop is wanted and not answered yet
 * @property {boolean} late whether its owner must be told that nothing has stopped yet
 * @property {number} tries that stayed without an answer
 * @property {unknown} problem why the server said no, for good
 */

/**
 * @typedef {{ is: 'ask' } | { is: 'late' } | { is: 'no_answer' } | { is: 'again' } | { is: 'frozen' } | { is: 'left' }
 *   | { is: 'refused', error: unknown } | { is: 'give_up' }} StopEvent
 */

/**
 * @typedef {{ do: 'freeze', name: 'freeze' } | { do: 'keep' } | { do: 'forget' } | { do: 'look' }
 *   | After<StopEvent> | Cancel} StopEffect
 */

// An answer usually takes a tenth of this.
const LATE_MS = 1_500;
const FIRST_WAIT_MS = 2_000;
const LONGEST_WAIT_MS = 15_000;

/** @type {StopState} */
const IDLE = { asked: false, late: false, tries: 0, problem: null };

/** @type {StopEffect} */
const FREEZE = { do: 'freeze', name: 'freeze' };

/** @type {StopEffect[]} */
const OVER = [cancel('freeze'), cancel('again'), cancel('late'), { do: 'forget' }];

/** @param {number} tries */
const waitMs = (tries) => Math.min(FIRST_WAIT_MS * 2 ** tries, LONGEST_WAIT_MS);

/** @type {Handlers<StopState, StopEvent, StopEffect>} */
const on = {
  ask: (state) => (state.asked ? [state]
    : [{ ...IDLE, asked: true }, { do: 'keep' }, FREEZE, after('late', LATE_MS, { is: 'late' })]),
  late: (state) => [{ ...state, late: true }],
  no_answer: (state) => [
    { ...state, late: true, tries: state.tries + 1 }, after('again', waitMs(state.tries), { is: 'again' })],
  /** The wait is over, or the network is back. */
  again: (state) => (state.asked ? [state, cancel('again'), FREEZE] : [state]),
  frozen: (state) => (state.asked ? [IDLE, ...OVER] : [state]),
  refused: (_, { error }) => [{ ...IDLE, problem: error }, ...OVER],
  /** Its owner no longer wants it. A try under way may have arrived all the same: the server knows. */
  give_up: () => [IDLE, ...OVER, { do: 'look' }],
  /** Nobody is signed in any more. */
  left: (state) => (state.asked || state.problem !== null ? [IDLE, ...OVER] : [state]),
};

export const updateStop = byEvent(on);

/** @type {Step<StopState, StopEffect>} */
export const beginStop = [IDLE];
