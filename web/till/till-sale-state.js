// One sale after another, without a page: empty -> ready to scan -> asking -> paid, refused, or unknown until it is
// known. A sale has one key from the scan to the final answer; while the outcome is unknown the same question is asked
// again with the same key, so that nobody pays twice and nobody is lost.

import { after, byEvent, cancel } from '/assets/machine.js';
import { AMOUNT_DIGITS, customerCode, isDoubleScan, isWholeCode, splitRun } from '/assets/wedge.js';

/** @import { After, Cancel, Handlers, Refusal, Step } from '../types/pages.js' */
/** @import { Payment } from '../types/answers.js' */
/** @import { Run, Scan } from '/assets/wedge.js' */

/**
 * @typedef {{ key: string, amount: number, code: string, categories?: string[], tries: number, given_up?: boolean }} Sale A
 *   sale without a final answer. Asked about again, it is the same in all of this; given up, it is cancelled and never charged again.
 */
/** @typedef {{ key: string, amount?: number }} Words The key of a text, and the amount in it. */

/**
 * @typedef {{ is: 'entry' } | { is: 'asking', sale: Sale } | { is: 'unknown', sale: Sale }
 *   | { is: 'giving_up', sale: Sale } | { is: 'given_up', amount: number, was_paid: boolean }
 *   | { is: 'paid', paid: Payment } | { is: 'refused', amount: number, refusal: Refusal }} Phase
 */

/**
 * @typedef {object} SaleState
 * @property {Phase} phase
 * @property {string} amount digits, as entered
 * @property {string[]} categories of the goods, as far as the cashier says them
 * @property {string} code what stands in the code's field
 * @property {'amount' | 'code'} field the field that the keys on the screen write into
 * @property {number} answered_at_ms when the answer came that is shown
 * @property {Words | null} status the sentence below the entry
 * @property {Run} run digits typed into the amount so far: an amount, or the beginning of a scan
 * @property {string} amount_before_run
 * @property {string} result_run digits that arrive while an answer is shown
 * @property {Sale[]} pending all sales without a final answer, the one that is shown included
 * @property {Scan | null} last_scan the last one that a question was asked for
 */

/**
 * @typedef {{ is: 'amount_typed', text: string, at_ms: number, new_key: string } | { is: 'amount_entered' }
 *   | { is: 'field', field: 'amount' | 'code' } | { is: 'code_whole', new_key: string, at_ms: number }
 *   | { is: 'pad', digits: string, at_ms: number, new_key: string } | { is: 'category', name: string } | { is: 'delete_digit' } | { is: 'clear' } | { is: 'code_typed', text: string, at_ms: number, new_key: string }
 *   | { is: 'scanned', text: string, at_ms: number, new_key: string } | { is: 'page_key', key: string, at_ms: number }
 *   | { is: 'result_run_over' } | { is: 'camera' } | { is: 'paid', key: string, paid: Payment, at_ms: number }
 *   | { is: 'refused', key: string, refusal: Refusal, at_ms: number } | { is: 'no_answer', key: string } | { is: 'ask_again' }
 *   | { is: 'give_up', key: string } | { is: 'given_up', key: string, was_paid: boolean, at_ms: number }
 *   | { is: 'not_given_up', key: string, refusal: Refusal } | { is: 'reachable' }
 *   | { is: 'receipt' } | { is: 'park' } | { is: 'next' } | { is: 'same_amount' } | { is: 'change_amount' }
 *   | { is: 'parked_due' }} SaleEvent
 */

/**
 * @typedef {{ do: 'charge', sale: Sale } | { do: 'give_up', sale: Sale } | { do: 'store', pending: Sale[] } | { do: 'done' }
 *   | { do: 'focus', on: 'amount' | 'amount_all' | 'code' | 'answer' } | { do: 'announce_phase', phase: Phase }
 *   | { do: 'announce', words: Words } | { do: 'chime', paid: boolean } | { do: 'open_camera' } | { do: 'receipt', paid: Payment }
 *   | After<SaleEvent> | Cancel} SaleEffect
 */

/** @typedef {Step<SaleState, SaleEffect>} SaleStep */

export const RETRY_MS = [800, 1_500, 3_000, 5_000];
export const PARKED_RETRY_MS = 10_000;
const OFFER_PARKING_AFTER = 4;
const RUN_ENDS_AFTER_MS = 1_500;
const RESULT_RUN_ENDS_AFTER_MS = 300;
// A whole code goes by itself when nothing follows it: a longer bar code is read to its end first.
export const WHOLE_CODE_MS = 200;

// Refusals of a cancel that only a payment gets. Any other leaves open whether there is one, and then nothing may be charged.
const WAS_PAID = ['already_refunded', 'cancel_window_over', 'refund_limit', 'approval_needed'];

/** Digits of any width, separators and leading zeros gone. @param {string} text */
const plainDigits = (text) => text.normalize('NFKC').replace(/\D/g, '').replace(/^0+/, '');

/** @param {string} key */
const isDigit = (key) => /^\d$/.test(key);

/** @param {SaleState} state The amount as a number. */
export const amountOf = (state) => Number(state.amount || '0');

/** @param {SaleState} state Sales whose result is waited for behind the scenes. */
export function parked({ phase, pending }) {
  const shown = 'sale' in phase ? phase.sale.key : null;
  return pending.filter((sale) => sale.key !== shown);
}

/** @param {Sale} sale Whether the cashier may go on before the result is known. */
export const mayPark = (sale) => sale.given_up === true || sale.tries >= OFFER_PARKING_AFTER;

/** What is asked of the server about a sale without an answer. @param {Sale} sale @returns {SaleEffect} */
const question = (sale) => (sale.given_up ? { do: 'give_up', sale } : { do: 'charge', sale });

/** @param {Sale} sale @returns {Phase} */
const unanswered = (sale) => (sale.given_up ? { is: 'giving_up', sale } : { is: 'unknown', sale });

/** @param {Run} run @param {number} at_ms */
const isOver = (run, at_ms) => run.length > 0 && at_ms - run[run.length - 1].at_ms > RUN_ENDS_AFTER_MS;

/** Whether the last word on a sale is shown. @param {Phase} phase */
export const isAnswer = ({ is }) => is === 'paid' || is === 'refused' || is === 'given_up';

/** Whether a terminator that arrives now ends a second read of the scanner. @param {SaleState} state */
export const isSecondRead = ({ result_run }) => result_run.length > AMOUNT_DIGITS;

/** An amount that is there is not asked for any more. @param {SaleState} state @param {string} text @returns {SaleState} */
function withAmount(state, text) {
  const next = { ...state, amount: plainDigits(text).slice(0, AMOUNT_DIGITS) };
  return next.status?.key === 'scan_needs_amount' && amountOf(next) > 0 ? { ...next, status: null } : next;
}

/** @param {SaleState} state @param {string} key @returns {SaleState} */
const saying = (state, key) => ({ ...state, status: { key } });

/** @param {SaleState} state @param {string} amount @returns {SaleState} */
const entry = (state, amount) => withAmount(
  { ...state, phase: { is: 'entry' }, run: [], result_run: '', code: '', field: 'amount', status: null }, amount);

/** Another sale has other goods. @param {SaleState} state @returns {SaleState} */
const withoutGoods = (state) => ({ ...state, categories: [] });

/** @param {SaleState} state @param {string} amount @param {'amount' | 'amount_all' | 'code'} on @returns {SaleStep} */
const toEntry = (state, amount, on = 'amount') => [entry(state, amount), cancel('result_run'), { do: 'focus', on }];

/**
 * Asks the server about the sale that is shown: first of all, or once more.
 * @param {SaleState} state @param {Sale} last @returns {SaleStep}
 */
function ask(state, last) {
  const sale = { ...last, tries: last.tries + 1 };
  const pending = state.pending.map((one) => (one.key === sale.key ? sale : one));
  /** @type {Phase} */
  const phase = sale.tries === 1 ? { is: 'asking', sale } : unanswered(sale);
  return show({ ...state, pending }, phase, cancel('retry'), question(sale));
}

/**
 * Shows `phase`, and tells of it where it is new.
 * @param {SaleState} state @param {Phase} phase @param {SaleEffect[]} effects @returns {SaleStep}
 */
function show(state, phase, ...effects) {
  /** @type {SaleEffect[]} */
  const told = state.phase.is === phase.is ? [] : [{ do: 'announce_phase', phase }];
  if (told.length > 0 && phase.is !== 'asking') told.push({ do: 'focus', on: 'answer' });
  return [{ ...state, phase }, ...effects, ...told];
}

/** @param {SaleState} state @param {string} key */
function isShown({ phase }, key) {
  return 'sale' in phase && phase.sale.key === key;
}

/** The answer to `sale` is final: nothing asks about it any more. @param {SaleState} state @param {string} key */
const settled = (state, key) => ({ ...state, pending: state.pending.filter((sale) => sale.key !== key) });

/** The sale that still waits for an answer under this key. @param {SaleState} state @param {string} key */
const waiting = ({ pending }, key) => pending.find((sale) => sale.key === key);

/** The server answers: what waits for it is asked about now and not in ten seconds. @param {SaleState} state @returns {SaleEffect[]} */
const askParked = (state) => (parked(state).length === 0 ? [] : [after('parked', 0, { is: 'parked_due' })]);

/**
 * A parked sale has its result: the cashier is told, whatever is shown.
 * @param {SaleState} state @param {Words} words @returns {SaleStep}
 */
const tellParked = (state, words) => [{ ...state, status: words }, { do: 'announce', words }];

/**
 * What was put into the amount, whatever put it there: keys, an input method, an Alt code, the clipboard, a scanner that types or inserts.
 * Told by value, rhythm and length: a run of digits too long for an amount is a scan that landed there. It moves to where it belongs, and
 * the amount becomes what it was before.
 * @param {SaleState} state @param {{ text: string, at_ms: number, new_key: string }} typed @returns {SaleStep}
 */
function intoAmount(state, { text, at_ms, new_key }) {
  const identifier = /\][A-Za-z](\d)/.exec(text.normalize('NFKC'));
  // The identifier's own digit is none of the code's.
  const typed = plainDigits(identifier === null ? text : text.normalize('NFKC').replace(identifier[0], ''));
  if (!typed.startsWith(state.amount)) {
    // Written over, or something taken out in the middle: no run goes on.
    if (typed.length > AMOUNT_DIGITS) return asScan({ ...state, run: [] }, typed, at_ms, new_key);
    return [{ ...withAmount(state, typed), run: [] }];
  }
  const added = typed.slice(state.amount.length);
  if (added === '') return [state];
  // All at once: no hand types so.
  if (added.length > AMOUNT_DIGITS) return asScan({ ...state, run: [] }, added, at_ms, new_key);
  const begins = state.run.length === 0 || isOver(state.run, at_ms);
  const run = [...(begins ? [] : state.run), ...[...added].map((digit) => ({ digit, at_ms }))];
  const amount_before_run = begins ? state.amount : state.amount_before_run;
  if (run.length <= AMOUNT_DIGITS) return [{ ...withAmount(state, typed), run, amount_before_run }];
  const parts = splitRun(run);
  const restored = withAmount(state, amount_before_run + parts.amount);
  return asScan({ ...restored, run: [] }, parts.code, at_ms, new_key);
}

/** Digits that are no amount stand in the code's field from now on. @param {SaleState} state @param {string} text @param {number} at_ms @param {string} new_key @returns {SaleStep} */
function asScan(state, text, at_ms, new_key) {
  const [moved, ...effects] = intoCode(state, { text, at_ms, new_key });
  return [{ ...moved, field: 'code' }, { do: 'focus', on: 'code' }, ...effects];
}

/** @param {SaleState} state @param {{ text: string, at_ms: number, new_key: string }} typed @returns {SaleStep} */
function intoCode(state, { text, at_ms, new_key }) {
  const next = { ...state, code: text };
  if (!isWholeCode(text)) return [next, cancel('whole_code')];
  return [next, after('whole_code', WHOLE_CODE_MS, { is: 'code_whole', new_key, at_ms })];
}

/** @param {SaleState} state @returns {SaleStep} */
const wantsAmount = (state) => [
  saying(state, 'scan_needs_amount'), { do: 'chime', paid: false }, { do: 'focus', on: 'amount' }];

/** @type {Handlers<SaleState, SaleEvent, SaleEffect>} */
const on = {
  amount_typed: intoAmount,
  amount_entered(state) {
    const ended = { ...state, run: [] };
    return amountOf(state) > 0 ? [ended, { do: 'focus', on: 'code' }] : [saying(ended, 'scan_needs_amount')];
  },
  field: (state, { field }) => [{ ...state, field }],
  pad(state, { digits, at_ms, new_key }) {
    if (state.field === 'code') return intoCode(state, { text: state.code + digits, at_ms, new_key });
    const fits = state.amount.length + digits.length <= AMOUNT_DIGITS;
    return [{ ...withAmount(state, fits ? state.amount + digits : state.amount), run: [] }];
  },
  delete_digit: (state) => [state.field === 'code'
    ? { ...state, code: state.code.trimEnd().slice(0, -1) } : withAmount(state, state.amount.slice(0, -1)), cancel('whole_code')],
  clear: (state) => [{ ...withAmount(state, ''), code: '' }, cancel('whole_code'), { do: 'focus', on: 'amount' }],
  category(state, { name }) {
    const without = state.categories.filter((one) => one !== name);
    const had = without.length < state.categories.length;
    return [{ ...state, categories: had ? without : [...without, name] }];
  },
  code_typed: intoCode,
  code_whole: (state, { new_key, at_ms }) => on.scanned(state, { is: 'scanned', text: state.code, at_ms, new_key }),
  scanned(before, { text, at_ms, new_key }) {
    const state = { ...before, code: '' };
    const code = customerCode(text);
    if (code === null) return [saying(state, 'scan_not_a_code'), { do: 'chime', paid: false }];
    // Only what was asked about can have been paid: a scan before the amount is none of it.
    if (isDoubleScan(state.last_scan, { code, at_ms })) return [saying(state, 'scan_double')];
    if (state.phase.is !== 'entry') return [state];
    if (amountOf(state) === 0) return wantsAmount(state);
    // What was said of another sale is none of this one.
    const counted = { ...state, last_scan: { code, at_ms }, status: null };
    const sale = { key: new_key, amount: amountOf(state), code, categories: state.categories, tries: 0 };
    const [asked, ...effects] = ask({ ...counted, pending: [...state.pending, sale] }, sale);
    return [asked, cancel('whole_code'), { do: 'store', pending: asked.pending }, ...effects];
  },
  /** A key while no field has the focus: a scanner must work without anybody clicking first. */
  page_key(state, { key }) {
    if (isAnswer(state.phase)) return keyBesideAnswer(state, key);
    if (state.phase.is !== 'entry' || !isDigit(key)) return [state];
    // The digit's own character follows the focus into the field.
    return [state, { do: 'focus', on: amountOf(state) > 0 ? 'code' : 'amount' }];
  },
  /** A short run of digits beside an answer begins the next sale; a long one was a second read of the scanner. */
  result_run_over(state) {
    const typed = state.result_run;
    const begins = typed.length > 0 && typed.length <= AMOUNT_DIGITS;
    return begins ? toEntry(withoutGoods(state), typed) : [{ ...state, result_run: '' }];
  },
  camera(state) {
    if (amountOf(state) > 0) return [state, { do: 'open_camera' }];
    return [saying(state, 'scan_needs_amount'), { do: 'focus', on: 'amount' }];
  },
  paid(before, { key, paid, at_ms }) {
    // A charge that was under way when the sale was given up: what counts is the answer to the cancel behind it.
    if (waiting(before, key)?.given_up) return [before];
    const state = { ...settled(before, key), answered_at_ms: at_ms };
    /** @type {SaleEffect[]} */
    const always = [{ do: 'store', pending: state.pending }, { do: 'done' }];
    if (isShown(before, key)) {
      return show(state, { is: 'paid', paid }, cancel('retry'), ...always, { do: 'chime', paid: true }, ...askParked(state));
    }
    if (state.pending.length === before.pending.length) return [before];
    const [told, ...effects] = tellParked(state, { key: 'parked_paid', amount: paid.amount });
    return [told, ...always, ...effects];
  },
  refused(before, { key, refusal, at_ms }) {
    const sale = waiting(before, key);
    // Nobody is signed in here any more: the sale is asked about again when the till is enrolled.
    if (sale === undefined || sale.given_up || refusal.status === 401) return [before];
    const state = { ...settled(before, key), answered_at_ms: at_ms };
    /** @type {SaleEffect} */
    const store = { do: 'store', pending: state.pending };
    if (isShown(before, key)) {
      const phase = /** @type {const} */ ({ is: 'refused', amount: sale.amount, refusal });
      return show(state, phase, cancel('retry'), store, { do: 'chime', paid: false }, ...askParked(state));
    }
    const [told, ...effects] = tellParked(state, { key: 'parked_refused', amount: sale.amount });
    return [told, store, ...effects];
  },
  no_answer(state, { key }) {
    const { phase } = state;
    if (!('sale' in phase) || phase.sale.key !== key) return [state];
    const wait_ms = RETRY_MS[Math.min(phase.sale.tries - 1, RETRY_MS.length - 1)];
    return show(state, unanswered(phase.sale), after('retry', wait_ms, { is: 'ask_again' }));
  },
  /** From here on the sale is cancelled, also by a till that is loaded again before the server has heard of it. */
  give_up(before, { key }) {
    const known = waiting(before, key);
    if (known === undefined || known.given_up) return [before];
    const sale = { ...known, given_up: true };
    const state = { ...before, pending: before.pending.map((one) => (one.key === key ? sale : one)) };
    /** @type {SaleEffect[]} */
    const effects = [{ do: 'store', pending: state.pending }, { do: 'give_up', sale }];
    return isShown(before, key) ? show(state, unanswered(sale), cancel('retry'), ...effects) : [state, ...effects];
  },
  given_up(before, { key, was_paid, at_ms }) {
    const sale = waiting(before, key);
    if (sale === undefined) return [before];
    const state = { ...settled(before, key), answered_at_ms: at_ms };
    /** @type {SaleEffect[]} */
    const always = [{ do: 'store', pending: state.pending }, ...(was_paid ? [/** @type {const} */ ({ do: 'done' })] : [])];
    if (isShown(before, key)) {
      return show(state, { is: 'given_up', amount: sale.amount, was_paid }, cancel('retry'), ...always, ...askParked(state));
    }
    const [told, ...effects] = tellParked(state, { key: was_paid ? 'parked_given_back' : 'parked_never_paid', amount: sale.amount });
    return [told, ...always, ...effects];
  },
  /** Refunded already, for instance: then the sale is asked about and told as it stands. */
  not_given_up(before, { key, refusal }) {
    const known = waiting(before, key);
    if (known === undefined) return [before];
    if (!WAS_PAID.includes(refusal.code)) return on.no_answer(before, { is: 'no_answer', key });
    const sale = { ...known, given_up: false };
    const pending = before.pending.map((one) => (one.key === key ? sale : one));
    const words = { key: 'give_up_refused', amount: sale.amount };
    const state = { ...before, pending, status: words };
    /** @type {SaleEffect[]} */
    const effects = [{ do: 'store', pending }, { do: 'announce', words }];
    if (!isShown(before, key)) return [state, ...effects, question(sale)];
    const [next, ...asked] = ask(state, sale);
    return [next, ...effects, ...asked];
  },
  /** The network is back. A question that is under way is not asked twice. */
  reachable(state) {
    const { phase } = state;
    const asks = phase.is === 'unknown' || phase.is === 'giving_up';
    const [next, ...effects] = asks ? ask(state, phase.sale) : /** @type {SaleStep} */ ([state]);
    return [next, ...effects, ...askParked(next)];
  },
  ask_again: (state) => ('sale' in state.phase ? ask(state, state.phase.sale) : [state]),
  park(state) {
    const [next, ...effects] = toEntry(withoutGoods(state), '');
    return [next, cancel('retry'), ...effects];
  },
  receipt: (state) => (state.phase.is === 'paid' ? [state, { do: 'receipt', paid: state.phase.paid }] : [state]),
  next: (state) => toEntry(withoutGoods(state), ''),
  same_amount: (state) => toEntry(state, refusedAmount(state), 'code'),
  change_amount: (state) => toEntry(state, refusedAmount(state), 'amount_all'),
  parked_due: (state) => [
    state,
    ...parked(state).map(question),
    after('parked', PARKED_RETRY_MS, { is: 'parked_due' }),
  ],
};

/** @param {SaleState} state */
const refusedAmount = ({ phase }) => (phase.is === 'refused' ? String(phase.amount) : '');

/** @param {SaleState} state @param {string} key @returns {SaleStep} */
function keyBesideAnswer(state, key) {
  if (isDigit(key)) {
    const ends = after('result_run', RESULT_RUN_ENDS_AFTER_MS, /** @type {SaleEvent} */ ({ is: 'result_run_over' }));
    return [{ ...state, result_run: state.result_run + key }, ends];
  }
  const terminator = key === 'Enter' || key === 'Tab';
  if (!terminator || !isSecondRead(state)) return [state];
  return [{ ...state, result_run: '' }, { do: 'announce', words: { key: 'scan_needs_amount' } }];
}

export const updateSale = byEvent(on);

/**
 * The till's first state; a sale that a reload interrupted is asked about first.
 * @param {Sale[]} pending @returns {SaleStep}
 */
export function beginSale(pending) {
  /** @type {SaleState} */
  const state = {
    phase: { is: 'entry' }, amount: '', categories: [], code: '', field: 'amount', answered_at_ms: 0, status: null, run: [], amount_before_run: '', result_run: '',
    pending, last_scan: null,
  };
  const due = after('parked', PARKED_RETRY_MS, /** @type {SaleEvent} */ ({ is: 'parked_due' }));
  const interrupted = pending.at(-1);
  if (interrupted === undefined) return [state, { do: 'focus', on: 'amount' }, due];
  const [next, ...effects] = ask(state, { ...interrupted, tries: Math.max(1, interrupted.tries) });
  return [next, ...effects, ...(parked(next).length > 0 ? askParked(next) : [due])];
}
