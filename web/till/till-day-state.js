// The close of a day: which day, and what the store took on it.

import { byEvent } from '/assets/machine.js';
import { dayInJapan } from '/assets/till-search-state.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */
/** @import { Takings } from '../types/answers.js' */

/** @typedef {{ day: string, takings: Takings, at_ms: number, is_over: boolean }} Close as it stood when it was asked for */

/**
 * @typedef {object} DayState
 * @property {string} day as `2026-11-28`; '' while it is being chosen
 * @property {Close | null} close null until the answer
 * @property {unknown} problem why there is none
 */

/**
 * @typedef {{ is: 'chosen', day: string } | { is: 'read', day: string, takings: Takings, at_ms: number }
 *   | { is: 'not_read', error: unknown }} DayEvent
 */

/** @typedef {{ do: 'read', name: 'read', day: string } | After<DayEvent> | Cancel} DayEffect */

/** @param {string} day @returns {DayEffect} */
const asked = (day) => ({ do: 'read', name: 'read', day });

/** @type {Handlers<DayState, DayEvent, DayEffect>} */
const on = {
  chosen(state, { day }) {
    const next = { ...state, day, close: null, problem: null };
    return day === '' ? [next, { do: 'cancel', name: 'read' }] : [next, asked(day)];
  },
  read: (state, { day, takings, at_ms }) => [
    { ...state, close: { day, takings, at_ms, is_over: day < dayInJapan(at_ms) }, problem: null }],
  not_read: (state, { error }) => [{ ...state, problem: error }],
};

export const updateDay = byEvent(on);

/** @param {number} now_ms @returns {Step<DayState, DayEffect>} */
export function beginDay(now_ms) {
  const day = dayInJapan(now_ms);
  return [{ day, close: null, problem: null }, asked(day)];
}
