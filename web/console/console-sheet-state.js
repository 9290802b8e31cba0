// A sheet in which one thing is entered or agreed to, done, and perhaps answered with something to keep.

import { byEvent } from '/assets/machine.js';

/** @import { After, Cancel, Child, Handlers, Step } from '../types/pages.js' */

/**
 * @typedef {object} SheetState
 * @property {string} text
 * @property {boolean} busy
 * @property {unknown} problem
 * @property {Child[] | null} result what is shown once it is done
 */

/**
 * @typedef {{ is: 'typed', text: string } | { is: 'go' } | { is: 'done', result: Child[] | null }
 *   | { is: 'failed', error: unknown }} SheetEvent
 */

/**
 * @typedef {{ do: 'run', text: string } | { do: 'close' } | { do: 'focus' } | After<SheetEvent> | Cancel} SheetEffect
 */

/** @type {Handlers<SheetState, SheetEvent, SheetEffect>} */
const on = {
  typed: (state, { text }) => [{ ...state, text }],
  go: (state) => (state.busy ? [state]
    : [{ ...state, busy: true, problem: null }, { do: 'run', text: state.text.trim() }]),
  done: (state, { result }) => (result === null ? [state, { do: 'close' }]
    : [{ ...state, busy: false, result }, { do: 'focus' }]),
  failed: (state, { error }) => [{ ...state, busy: false, problem: error }],
};

export const updateSheet = byEvent(on);

/** @type {Step<SheetState, SheetEffect>} */
export const beginSheet = [{ text: '', busy: false, problem: null, result: null }];
