// The till's sums of today and its list of payments: when they are asked for.

import { after, byEvent } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */
/** @import { Till } from '../types/answers.js' */

/** @typedef {{ till: Till }} TillState */
/** @typedef {{ is: 'due' } | { is: 'changed' } | { is: 'again' } | { is: 'read', till: Till }} TillEvent */
/** @typedef {{ do: 'read', only_if_seen?: boolean } | { do: 'list' } | After<TillEvent> | Cancel} TillEffect */

const EVERY_MS = 30_000;
// Lists are read from views that follow the journal by a moment: what was just done is asked for once more.
const AGAIN_MS = 1_000;

const nextDue = after('due', EVERY_MS, /** @type {TillEvent} */ ({ is: 'due' }));

/** @type {Handlers<TillState, TillEvent, TillEffect>} */
const on = {
  due: (state) => [state, { do: 'read', only_if_seen: true }, nextDue],
  changed: (state) => [state, { do: 'read' }, after('again', AGAIN_MS, { is: 'again' })],
  again: (state) => [state, { do: 'read' }],
  read: (_, { till }) => [{ till }],
};

export const updateTill = byEvent(on);

/** @param {Till} till @returns {Step<TillState, TillEffect>} */
export const beginTill = (till) => [{ till }, { do: 'list' }, nextDue];
