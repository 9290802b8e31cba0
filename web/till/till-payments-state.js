// What the list of recent payments knows, and the steps of the sheet in which one of them is cancelled or refunded.

import { folded, typedYen } from '/assets/i18n.js';
import { after, byEvent } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */
/** @import { Payment } from '../types/answers.js' */

/** @typedef {{ key: string, amount: number }} Words The key of a text, and the amount in it. */

/**
 * @typedef {object} ListState
 * @property {Payment[] | null} payments null until the first answer
 * @property {unknown} problem why the list could not be read
 * @property {Words | null} told what was just given back, for the eye
 */

/**
 * @typedef {{ is: 'refresh' } | { is: 'listed', payments: Payment[] } | { is: 'not_listed', error: unknown }
 *   | { is: 'given_back', words: Words, payment: Payment } | { is: 'told_enough' }} ListEvent
 */

/** @typedef {{ do: 'list', name: 'list' } | { do: 'announce', words: Words } | After<ListEvent> | Cancel} ListEffect */

const TOLD_MS = 15_000;

/** What was given back never comes again: a list that was read a moment too early does not undo what this till was answered.
 * @param {Payment} one @param {Payment[]} known @returns {Payment} */
function furthest(one, known) {
  const here = known.find(({ payment_id }) => payment_id === one.payment_id);
  if (here === undefined) return one;
  const behind = one.status !== 'cancelled' && (here.status === 'cancelled' || here.refunded > one.refunded);
  return behind ? here : one;
}

/** @type {Handlers<ListState, ListEvent, ListEffect>} */
const onList = {
  refresh: (state) => [state, { do: 'list', name: 'list' }],
  listed: (state, { payments }) => [
    { ...state, payments: payments.map((one) => furthest(one, state.payments ?? [])), problem: null }],
  not_listed: (state, { error }) => [{ ...state, problem: error }],
  /** The row tells it at once: a cashier who opens it before the list is read again must not be offered the money twice. */
  given_back(state, { words, payment }) {
    const payments = state.payments?.map((one) => (one.payment_id === payment.payment_id ? payment : one)) ?? null;
    return [{ ...state, payments, told: words }, { do: 'announce', words }, after('told', TOLD_MS, { is: 'told_enough' })];
  },
  told_enough: (state) => [{ ...state, told: null }],
};

export const updateList = byEvent(onList);

/** @type {Step<ListState, ListEffect>} */
export const beginList = [{ payments: null, problem: null, told: null }];

/**
 * @typedef {object} SheetState
 * @property {Payment} payment
 * @property {number} refundable
 * @property {boolean} may_void whether the day of the sale is not over yet
 * @property {'overview' | 'void' | 'refund' | 'receipt' | 'pin'} step
 * @property {string} text the amount to refund, as typed
 * @property {string} reason
 * @property {string | null} key names the refund that was asked for last and not refused
 * @property {number} key_amount
 * @property {'void' | 'refund' | null} approving what waits for a supervisor's PIN
 * @property {string} pin as typed, and no longer than it is needed
 * @property {boolean} busy
 * @property {'wrong' | 'pin_form' | { error: unknown } | null} problem
 */

/**
 * @typedef {{ is: 'step', to: SheetState['step'] } | { is: 'typed', text: string } | { is: 'all', text: string }
 *   | { is: 'reason', reason: string } | { is: 'void' } | { is: 'refund', new_key: string }
 *   | { is: 'pin', text: string } | { is: 'approve' }
 *   | { is: 'done', words: Words } | { is: 'failed', error: unknown, refusal: string | null }} SheetEvent
 */

/**
 * @typedef {{ do: 'void', payment: Payment, pin?: string }
 *   | { do: 'refund', payment: Payment, amount: number, key: string, reason: string, pin?: string }
 *   | { do: 'focus', on: 'heading' | 'question' | 'amount' | 'amount_all' | 'pin' } | { do: 'finish', words: Words, payment: Payment }
 *   | After<SheetEvent> | Cancel} SheetEffect
 */

/** The amount that may be refunded as it is typed, or null. @param {SheetState} state */
export function wantedRefund({ text, refundable }) {
  const wanted = typedYen(text);
  return wanted >= 1 && wanted <= refundable ? wanted : null;
}

/** @type {Record<SheetState['step'], 'heading' | 'question' | 'amount_all' | 'pin'>} */
const FOCUS = { overview: 'heading', receipt: 'heading', void: 'question', refund: 'amount_all', pin: 'pin' };
/** Digits of a supervisor's PIN. */
const PIN = /^\d{6}$/u;

/** The refund as it was asked for. @param {SheetState} state */
const refundOf = ({ payment, key, key_amount, reason }) => /** @type {const} */ (
  { do: 'refund', payment, amount: key_amount, key: key ?? '', reason });

/** A payment after what was just given back of it. @param {Payment} payment @param {Words} words @returns {Payment} */
function givenBack(payment, { key, amount }) {
  if (key === 'voided') return { ...payment, status: 'cancelled' };
  const refunded = payment.refunded + amount;
  return { ...payment, refunded, status: refunded === payment.amount ? 'refunded' : 'part_refunded' };
}

/** @type {Handlers<SheetState, SheetEvent, SheetEffect>} */
const onSheet = {
  step: (state, { to }) => [{ ...state, step: to, pin: '', problem: null }, { do: 'focus', on: FOCUS[to] }],
  typed(state, { text }) {
    const next = { ...state, text };
    // A complaint about an amount that was mended is none any more.
    return [{ ...next, problem: wantedRefund(next) === null ? state.problem : null }];
  },
  all: (state, { text }) => [{ ...state, text, problem: null }],
  reason: (state, { reason }) => [{ ...state, reason }],
  void(state) {
    if (state.busy) return [state];
    return [{ ...state, busy: true, problem: null }, { do: 'void', payment: state.payment }];
  },
  refund(state, { new_key }) {
    if (state.busy) return [state];
    const amount = wantedRefund(state);
    if (amount === null) return [{ ...state, problem: 'wrong' }, { do: 'focus', on: 'amount' }];
    // One key per refund that the cashier means: asking again is safe, another amount is another refund.
    const key = state.key !== null && state.key_amount === amount ? state.key : new_key;
    const next = { ...state, key, key_amount: amount, busy: true, problem: null };
    return [next, refundOf(next)];
  },
  pin: (state, { text }) => [{ ...state, pin: text, problem: null }],
  /** The supervisor has typed the PIN: the same request again, with it. */
  approve(state) {
    if (state.busy || state.approving === null) return [state];
    const pin = folded(state.pin);
    if (!PIN.test(pin)) return [{ ...state, problem: 'pin_form' }, { do: 'focus', on: 'pin' }];
    const asked = state.approving === 'void' ? /** @type {const} */ ({ do: 'void', payment: state.payment }) : refundOf(state);
    return [{ ...state, busy: true, problem: null }, { ...asked, pin }];
  },
  done: (state, { words }) => [
    { ...state, busy: false }, { do: 'finish', words, payment: givenBack(state.payment, words) }],
  failed(state, { error, refusal }) {
    const failed = { ...state, busy: false };
    // Nothing was decided: the refund keeps its key, and a supervisor comes.
    if (refusal === 'approval_needed') {
      const approving = state.step === 'void' ? /** @type {const} */ ('void') : /** @type {const} */ ('refund');
      return [{ ...failed, step: 'pin', approving, pin: '', problem: null }, { do: 'focus', on: 'pin' }];
    }
    if (refusal?.startsWith('pin_')) return [{ ...failed, pin: '', problem: { error } }, { do: 'focus', on: 'pin' }];
    return [{ ...failed, problem: { error }, key: refusal === null || state.step === 'pin' ? state.key : null }];
  },
};

export const updateSheet = byEvent(onSheet);

const DAY_MS = 86_400_000;
const JAPAN_MS = 9 * 3_600_000;
const AFTER_MIDNIGHT_MS = 15 * 60_000;

/** Whether a sale can still be cancelled whole: until a quarter past midnight in Japan. The server has the last word. @param {Payment} payment @param {number} now_ms */
function mayVoid({ status, at_ms }, now_ms) {
  const midnight_ms = (Math.floor((at_ms + JAPAN_MS) / DAY_MS) + 1) * DAY_MS - JAPAN_MS;
  return status === 'paid' && now_ms < midnight_ms + AFTER_MIDNIGHT_MS;
}

/**
 * @param {Payment} payment @param {(amount: number) => string} written @param {number} now_ms @param {SheetState['step']} step
 * @returns {Step<SheetState, SheetEffect>}
 */
export function beginSheet(payment, written, now_ms, step = 'overview') {
  const refundable = payment.status === 'cancelled' ? 0 : payment.amount - payment.refunded;
  return [{
    payment, refundable, may_void: mayVoid(payment, now_ms), step, text: written(refundable), reason: 'return', key: null, key_amount: 0,
    approving: null, pin: '', busy: false, problem: null,
  }];
}
