// Topping up without a page: choosing an amount, and the waiting for what became of it. Coming back from the card
// company's page proves nothing; the money counts only when the server says so.

import { typedYen } from '/assets/i18n.js';
import { after, byEvent } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */
/** @import { Home, TopUpState } from '../types/answers.js' */

/** @typedef {{ key: string, amounts?: Record<string, number> }} Problem The key of a text, and the amounts in it. */

/**
 * @typedef {object} ChoiceState
 * @property {Pick<Home, 'balance' | 'balance_cap' | 'card_top_up'>} home
 * @property {string} text the amount, as typed
 * @property {number | null} amount null while nothing is typed, NaN while it is no amount
 * @property {string | null} key names the wish to top up that was sent last and not refused
 * @property {number} key_amount
 * @property {boolean} busy
 * @property {Problem | { error: unknown } | null} problem
 */

/**
 * @typedef {{ is: 'typed', text: string } | { is: 'left' } | { is: 'chip', amount: number, text: string }
 *   | { is: 'submit', new_key: string } | { is: 'started', top_up_id: string, redirect_url: string | null }
 *   | { is: 'failed', error: unknown, refused: boolean } | { is: 'not_left' }} ChoiceEvent
 */

/**
 * @typedef {{ do: 'begin_top_up', amount: number, key: string } | { do: 'leave', url: string }
 *   | { do: 'show', top_up_id: string } | { do: 'focus' } | After<ChoiceEvent> | Cancel} ChoiceEffect
 */

// The page is on its way out; the button stays busy so long, so that nobody presses it twice.
const LEAVING_MS = 8_000;

/**
 * Why this amount cannot be topped up now; null when it can.
 * @param {number} amount @param {ChoiceState['home']} home @returns {Problem | null}
 */
export function amountProblem(amount, { balance, balance_cap, card_top_up: { min, max } }) {
  const room = balance_cap - balance;
  if (!Number.isSafeInteger(amount)) return { key: 'top_up_not_number' };
  if (amount < min) return { key: 'top_up_too_small', amounts: { min } };
  if (amount > max) return { key: 'top_up_too_big', amounts: { max } };
  if (amount <= room) return null;
  return room < min ? { key: 'top_up_full' } : { key: 'top_up_over_cap', amounts: { room } };
}

const CHIPS = [1_000, 3_000, 5_000, 10_000];

/**
 * The amounts that one press chooses: none that would be refused. Where the balance's limit leaves no room for the largest, the
 * room itself is one of them.
 * @param {ChoiceState['home']} home
 */
export function offered({ balance, balance_cap, card_top_up: { min, max } }) {
  const room = balance_cap - balance;
  const amounts = CHIPS.filter((amount) => amount >= min && amount <= max && amount <= room);
  const full = room >= min && room <= max && room < CHIPS[CHIPS.length - 1] && !amounts.includes(room);
  return { amounts, full: full ? room : null };
}

/** Whether the amount as it stands can be topped up. @param {ChoiceState} state */
export const isReady = ({ amount, home }) => amount !== null && amountProblem(amount, home) === null;

/** @param {ChoiceState} state @returns {ChoiceState} */
const judged = (state) => (
  { ...state, problem: state.amount === null ? null : amountProblem(state.amount, state.home) });

/** @type {Handlers<ChoiceState, ChoiceEvent, ChoiceEffect>} */
const onChoice = {
  /** The 5 of 5,000 is no mistake: what is typed is judged when its owner has left the field, or wants to go on. */
  typed: (state, { text }) => [{ ...state, text, amount: text.trim() === '' ? null : typedYen(text), problem: null }],
  left: (state) => (state.busy ? [state] : [judged(state)]),
  chip: (state, { amount, text }) => [judged({ ...state, text, amount })],
  submit(state, { new_key }) {
    const { amount, home } = state;
    if (state.busy) return [state];
    if (amount === null) return [{ ...state, problem: { key: 'top_up_choose' } }, { do: 'focus' }];
    const problem = amountProblem(amount, home);
    if (problem !== null) return [{ ...state, problem }, { do: 'focus' }];
    // One key per wish to top up: pressing again after a lost answer must not start a second one.
    const key = state.key !== null && state.key_amount === amount ? state.key : new_key;
    return [{ ...state, key, key_amount: amount, busy: true, problem: null }, { do: 'begin_top_up', amount, key }];
  },
  started(state, { top_up_id, redirect_url }) {
    // Asked again with the same key after it was settled: there is nothing to pay any more, only a result to show.
    if (redirect_url === null) return [state, { do: 'show', top_up_id }];
    return [state, { do: 'leave', url: redirect_url }, after('leaving', LEAVING_MS, { is: 'not_left' })];
  },
  failed: (state, { error, refused }) => [
    { ...state, busy: false, problem: { error }, key: refused ? null : state.key }],
  not_left: (state) => [{ ...state, busy: false }],
};

export const updateChoice = byEvent(onChoice);

/** @param {ChoiceState['home']} home @returns {Step<ChoiceState, ChoiceEffect>} */
export const beginChoice = (home) => [
  { home, text: '', amount: null, key: null, key_amount: 0, busy: false, problem: null }];

/** @typedef {'succeeded' | 'failed' | 'expired' | 'left' | 'unknown'} End */

/**
 * @typedef {{ is: 'waiting', words: { key: string } | { error: unknown }, offer_home: boolean }
 *   | { is: 'over', end: End, amount: number, balance: number }} ReturnState
 */

/**
 * @typedef {{ is: 'ask' } | { is: 'pending', waited_ms: number }
 *   | { is: 'settled', top_up: TopUpState, balance: number } | { is: 'refused', status: number }
 *   | { is: 'no_answer', error: unknown, waited_ms: number }} ReturnEvent
 */

/**
 * @typedef {{ do: 'ask', name: 'ask' } | { do: 'tell', end: End, amount: number }
 *   | After<ReturnEvent> | Cancel} ReturnEffect
 */

const LONG_MS = 20_000;
// From then on a waiting customer is shown the way home; the money finds its own way.
const OFFER_HOME_AFTER_MS = 5_000;
const AFTER_SILENCE_MS = 3_000;

/** @param {number} ms @returns {ReturnEffect} */
const askAfter = (ms) => after('again', ms, { is: 'ask' });

/** @param {End} end @param {number} amount @param {number} balance @returns {Step<ReturnState, ReturnEffect>} */
const over = (end, amount, balance) => [{ is: 'over', end, amount, balance }, { do: 'tell', end, amount }];

/** @param {string} word @returns {End} */
const known = (word) => (word === 'succeeded' || word === 'failed' || word === 'expired' ? word : 'unknown');

/** `left` says that the customer chose not to pay. @param {boolean} left */
export function updateReturn(left) {
  /** @type {Handlers<ReturnState, ReturnEvent, ReturnEffect>} */
  const on = {
    ask: (state) => [state, { do: 'ask', name: 'ask' }],
    pending: (_, { waited_ms }) => [
      {
        is: 'waiting', offer_home: waited_ms > OFFER_HOME_AFTER_MS,
        words: { key: waited_ms > LONG_MS ? 'top_up_waiting_long' : 'top_up_waiting_lead' },
      },
      askAfter(waited_ms > LONG_MS ? 4_000 : 1_000)],
    settled(_, { top_up: { state, amount }, balance }) {
      // Called off is told as what it is: the customer's own choice. But what was paid all the same is paid.
      const end = known(state);
      return over(left && end !== 'succeeded' ? 'left' : end, amount, balance);
    },
    // Signed out is told by the page around this one.
    refused: (state, { status }) => (status === 401 ? [state] : over('unknown', 0, 0)),
    no_answer: (_, { error, waited_ms }) => [
      { is: 'waiting', words: { error }, offer_home: waited_ms > OFFER_HOME_AFTER_MS }, askAfter(AFTER_SILENCE_MS)],
  };
  return byEvent(on);
}

/** @type {Step<ReturnState, ReturnEffect>} */
export const beginReturn = [
  { is: 'waiting', words: { key: 'top_up_waiting_lead' }, offer_home: false }, { do: 'ask', name: 'ask' }];
