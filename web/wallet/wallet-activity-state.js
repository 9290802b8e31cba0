// The list of what was done with the own wallet, page by page.

import { byEvent } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */
/** @import { Activity } from '../types/answers.js' */

/**
 * @typedef {object} ActivityState
 * @property {Activity[] | null} acts null until the server has answered
 * @property {string | null} next where the list goes on
 * @property {boolean} busy
 * @property {unknown} problem
 */

/**
 * @typedef {{ is: 'more' } | { is: 'read', acts: Activity[], next: string | null }
 *   | { is: 'failed', error: unknown }} ActivityEvent
 */

/** @typedef {{ do: 'read', name: 'read', before: string | null } | After<ActivityEvent> | Cancel} ActivityEffect */

/** @type {Handlers<ActivityState, ActivityEvent, ActivityEffect>} */
const on = {
  /** Also after a failure: the same page is asked for once more. */
  more: (state) => (state.busy ? [state] : [
    { ...state, busy: true, problem: null }, { do: 'read', name: 'read', before: state.next }]),
  read: (state, { acts, next }) => [{ busy: false, acts: [...state.acts ?? [], ...acts], next, problem: null }],
  failed: (state, { error }) => [{ ...state, busy: false, problem: error }],
};

export const updateActivity = byEvent(on);

/** @type {Step<ActivityState, ActivityEffect>} */
export const beginActivity = [
  { acts: null, next: null, busy: true, problem: null }, { do: 'read', name: 'read', before: null }];
