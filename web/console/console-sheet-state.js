// A sheet in which something is entered or agreed to, done, and perhaps answered with something to keep.

import { byEvent } from '/assets/machine.js';

/** @import { After, Cancel, Child, Handlers, Step } from '../types/pages.js' */

/**
 * @typedef {object} SheetState
 * @property {string} text
 * @property {Readonly<Record<string, string>>} fields what stands in the fields besides
 * @property {boolean} busy
 * @property {unknown} problem
 * @property {Child[] | null} result what is shown once it is done
 * @property {boolean} once the result is shown this once: it does not go without being asked about
 * @property {boolean} asking whether it was kept
 */

/**
 * @typedef {{ is: 'typed', text: string } | { is: 'field', name: string, value: string } | { is: 'go' } | { is: 'done', result: Child[] | null }
 *   | { is: 'failed', error: unknown } | { is: 'leave' } | { is: 'kept' }} SheetEvent
 */

/**
 * @typedef {{ do: 'run', text: string, fields: Readonly<Record<string, string>> } | { do: 'close' } | { do: 'focus' } | After<SheetEvent> | Cancel} SheetEffect
 */

/** @type {Handlers<SheetState, SheetEvent, SheetEffect>} */
const on = {
  typed: (state, { text }) => [{ ...state, text }],
  field: (state, { name, value }) => [{ ...state, fields: { ...state.fields, [name]: value } }],
  go: (state) => (state.busy ? [state]
    : [{ ...state, busy: true, problem: null }, { do: 'run', text: state.text.trim(), fields: state.fields }]),
  done: (state, { result }) => (result === null ? [state, { do: 'close' }]
    : [{ ...state, busy: false, result }, { do: 'focus' }]),
  failed: (state, { error }) => [{ ...state, busy: false, problem: error }],
  /** What is being made is shown once as well: the sheet waits for it. */
  leave: (state) => (!state.once || (state.result === null && !state.busy) ? [state, { do: 'close' }]
    : [{ ...state, asking: state.result !== null }]),
  kept: (state) => [state, { do: 'close' }],
};

export const updateSheet = byEvent(on);

/** @param {Record<string, string>} fields @param {boolean} once @param {string} text @returns {Step<SheetState, SheetEffect>} */
export const beginSheetWith = (fields, once = false, text = '') => [
  { text, fields, busy: false, problem: null, result: null, once, asking: false }];

export const beginSheet = beginSheetWith({});
