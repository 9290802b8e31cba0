// An answer of the server that is shown and read again: by a timer, or when somebody changed something.

import { after, byEvent } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */

/**
 * @template T
 * @typedef {{ answer: T, problem: unknown }} AnswerState `problem` says why there is nothing newer.
 */
/**
 * @template T
 * @typedef {{ is: 'due' } | { is: 'unseen' } | { is: 'answered', answer: T } | { is: 'failed', error: unknown }
 *   | { is: 'complain', error: unknown } | { is: 'forgive' }} AnswerEvent
 */
/**
 * @template T
 * @typedef {{ do: 'read', name: 'read' } | After<AnswerEvent<T>> | Cancel} AnswerEffect
 */

/**
 * How often an answer is read: after a good answer, and after none. `null` is only when it is asked for.
 * @typedef {{ good_ms: number | null, bad_ms: number | null }} Pace
 */

/**
 * @template T
 * @param {Pace} pace
 */
export function updateAnswer({ good_ms, bad_ms }) {
  /** @param {number | null} ms @returns {AnswerEffect<T>[]} */
  const again = (ms) => (ms === null ? [] : [after('due', ms, { is: 'due' })]);
  /** @type {Handlers<AnswerState<T>, AnswerEvent<T>, AnswerEffect<T>>} */
  const on = {
    due: (state) => [state, { do: 'read', name: 'read' }],
    // Nobody looks at the page: the server is left alone for as long as after a good answer.
    unseen: (state) => [state, ...again(good_ms)],
    answered: (_, { answer }) => [{ answer, problem: null }, ...again(good_ms)],
    failed: (state, { error }) => [{ ...state, problem: error }, ...again(bad_ms)],
    complain: (state, { error }) => [{ ...state, problem: error }],
    forgive: (state) => [{ ...state, problem: null }],
  };
  return byEvent(on);
}

/**
 * With an answer in hand the next one is read in time; without one it is read at once.
 * @template T
 * @param {T} first @param {Pace} pace @param {boolean} in_hand
 * @returns {Step<AnswerState<T>, AnswerEffect<T>>}
 */
export function beginAnswer(first, { good_ms }, in_hand) {
  /** @type {AnswerState<T>} */
  const state = { answer: first, problem: null };
  if (!in_hand) return [state, { do: 'read', name: 'read' }];
  return good_ms === null ? [state] : [state, after('due', good_ms, { is: 'due' })];
}
