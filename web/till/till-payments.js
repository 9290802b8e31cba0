// The till's recent payments, and what can be done with one of them: cancel it, refund it in full or in part.

import { Refused, get, post, sentenceOf } from '/assets/api.js';
import { h, own, patch } from '/assets/draw.js';
import { announce, el } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { clockTime, dateTime, digits, hasText, language, t, yen } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';
import { openSheet } from '/assets/sheet.js';
import { openDay } from '/assets/till-day.js';
import { paper, paperLine, printButton } from '/assets/till-paper.js';
import { openSearch } from '/assets/till-search.js';
import {
  beginList, beginSheet, updateList, updateSheet, wantedRefund,
} from '/assets/till-payments-state.js';

/** @import { Child, Machine } from '../types/pages.js' */
/** @import { Payment, Till } from '../types/answers.js' */
/** @import { ListEvent, ListState, SheetEvent, SheetState, Words } from '/assets/till-payments-state.js' */

const REASONS = ['return', 'wrong_amount', 'other'];
const PICTURES = { paid: 'check', cancelled: 'cross', refunded: 'undo', part_refunded: 'undo' };

/** @param {string} name */
const drawing = (name) => own(name, () => icon(name));

/** @param {Words} words */
const sentence = ({ key, amount }) => t(key, { amount: yen(amount) });

/** @param {Payment} payment */
const statusChip = ({ status }) => h('span', { class: `chip-status chip-${status}` },
  drawing(PICTURES[status] ?? 'receipt'), hasText(`status_${status}`) ? t(`status_${status}`) : status);

/** @param {Payment} payment */
const goodsWords = ({ categories }) => categories
  .map((name) => (hasText(`category_${name}`) ? t(`category_${name}`) : name)).join(language() === 'ja' ? '・' : ', ');

/** @param {Payment} payment @param {(payment: Payment) => void} open @param {string} time */
function row(payment, open, time = clockTime(payment.at_ms)) {
  const struck = payment.status === 'cancelled' ? ' payment-struck' : '';
  return h('li', { key: payment.payment_id },
    h('button', { type: 'button', class: 'payment', on: { click: () => open(payment) } },
      h('span', { class: 'payment-time number' }, time),
      h('span', { class: 'payment-words' },
        h('span', { class: 'payment-customer' }, payment.customer),
        h('span', { class: 'small soft number' }, [payment.receipt_number, payment.till].filter(Boolean).join(language() === 'ja' ? '・' : ' · ')),
        payment.categories.length > 0 && h('span', { class: 'small soft' }, goodsWords(payment))),
      h('span', { class: 'payment-money' },
        h('span', { class: `payment-amount number${struck}` }, yen(payment.amount)), statusChip(payment))));
}

/** @param {ListState} state */
function listStatus({ payments, problem }) {
  if (problem !== null) return sentenceOf(problem);
  if (payments === null) return t('loading');
  return payments.length === 0 ? t('no_payments') : '';
}

/** @param {ListState} state @param {(payment: Payment) => void} open @param {Child} tools @returns {Child[]} */
const drawList = (state, open, tools) => [
  h('div', { class: 'payments-head' }, h('h2', { id: 'recent-payments-title' }, t('recent')), tools),
  // For the eye; the ear is told by `announce`.
  h('p', { class: 'payments-told', 'aria-hidden': 'true' }, state.told && [drawing('check'), sentence(state.told)]),
  h('p', { class: 'soft payments-status', role: 'status' }, listStatus(state)),
  h('ul', { class: 'payments' }, (state.payments ?? []).map((payment) => row(payment, open))),
];

/** @returns {Promise<ListEvent>} */
async function list() {
  try {
    const { payments } = await get('/api/payments?limit=50');
    return { is: 'listed', payments };
  } catch (error) {
    return { is: 'not_listed', error };
  }
}

/** `changed` is called after a cancel or a refund. @param {Till} till @param {{ changed: () => void }} tools */
export function paymentList(till, { changed }) {
  const element = el('section', { class: 'recent-payments', 'aria-labelledby': 'recent-payments-title' });
  /** @param {Words} words @param {Payment} payment */
  const givenBack = (words, payment) => {
    view.send({ is: 'given_back', words, payment });
    changed();
  };
  /** @param {Payment} payment @param {SheetState['step']} step */
  const open = (payment, step = 'overview') => openPayment(till, payment, givenBack, step);
  // A sale that was found goes on as one of the list; the search is told as well, for it stays open behind.
  const search = () => openSearch((tell) => (payment, time) => row(payment, () => openPayment(till, payment, (words, after) => {
    givenBack(words, after);
    tell(words, after);
  }), time), sentence);
  const tools = h('div', { class: 'payments-tools' },
    h('button', { type: 'button', class: 'text-button', on: { click: search } }, t('search_title')),
    h('button', { type: 'button', class: 'text-button', on: { click: () => openDay(till) } }, t('day_close')));
  /** @type {Machine<ListState, ListEvent>} */
  const view = machine({
    begin: beginList,
    update: updateList,
    draw: (state) => patch(element, drawList(state, (payment) => open(payment), tools)),
    perform: { list, announce: ({ words }) => announce(sentence(words), 'assertive') },
  });
  return {
    element,
    /** @param {Payment} payment */
    receipt: (payment) => open(payment, 'receipt'),
    refresh: () => view.send({ is: 'refresh' }),
    stop: view.stop,
  };
}

/** @typedef {(event: SheetEvent) => void} Send */

/** @param {SheetState} state */
function problemText({ problem, refundable }) {
  if (problem === null) return '';
  if (problem === 'wrong') return t('refund_wrong', { max: yen(refundable) });
  if (problem === 'pin_form') return t('pin_form');
  return problem.error instanceof Refused ? sentenceOf(problem.error) : t('unknown_press_again');
}

/** @param {SheetState} state */
const problemLine = (state) => h('p', { class: 'problem', role: 'alert' }, problemText(state));

/** @param {string} className @param {() => void} press @param {Child[]} content */
const wideButton = (className, press, ...content) => h('button', {
  type: 'button', class: `button ${className} wide`.replace('  ', ' '), on: { click: press },
}, content);

/** @param {Send} send */
const backButton = (send) => wideButton('quiet', () => send({ is: 'step', to: 'overview' }), t('back'));

/** @param {SheetState} state @param {Send} send @returns {Child[]} */
function overview({ payment, refundable, may_void }, send) {
  /** @param {string} word @param {Child} value */
  const fact = (word, value) => h('div', {}, h('dt', {}, t(word)), h('dd', { class: 'number' }, value));
  return [
    h('p', { class: 'sheet-amount number' }, yen(payment.amount)),
    h('dl', { class: 'rows' },
      fact('customer', payment.customer), fact('receipt_number', String(payment.receipt_number)),
      fact('when', dateTime(payment.at_ms)), fact('status', statusChip(payment)),
      payment.categories.length > 0 && fact('goods', goodsWords(payment)),
      payment.refunded > 0 && fact('refunded', yen(payment.refunded)),
      refundable > 0 && payment.refunded > 0 && fact('refundable', yen(refundable))),
    h('div', { class: 'sheet-buttons' },
      refundable > 0 && wideButton('', () => send({ is: 'step', to: 'refund' }), drawing('undo'), t('refund')),
      wideButton('quiet', () => send({ is: 'step', to: 'receipt' }), drawing('receipt'), t('receipt')),
      may_void && wideButton('danger-quiet', () => send({ is: 'step', to: 'void' }), drawing('cross'), t('void'))),
  ];
}

/** @param {SheetState} state @param {Send} send @returns {Child[]} */
function voidForm(state, send) {
  const amount = yen(state.payment.amount);
  return [
    h('p', { class: 'sheet-question', tabindex: '-1' }, t('void_confirm', { amount })),
    problemLine(state),
    h('div', { class: 'sheet-buttons' },
      h('button', {
        type: 'button', class: 'button danger wide', 'aria-busy': state.busy && 'true',
        on: { click: () => send({ is: 'void' }) },
      }, t('void_go', { amount })),
      backButton(send)),
  ];
}

/** @param {SheetState} state @param {Send} send */
function refundFields(state, send) {
  const all = digits(state.refundable);
  return [
    h('div', { class: 'field' },
      h('label', { for: 'refund-amount' }, t('refund_amount')),
      h('input', {
        id: 'refund-amount', class: 'number', type: 'text', inputmode: 'numeric', autocomplete: 'off', maxlength: '12',
        'aria-invalid': String(state.problem === 'wrong'), value: state.text,
        on: { input: (event) => send({ is: 'typed', text: event.target.value }) },
      }),
      h('button', { type: 'button', class: 'text-button', on: { click: () => send({ is: 'all', text: all }) } },
        `${t('refund_all')} ${yen(state.refundable)}`)),
    h('div', { class: 'field' },
      h('label', { for: 'refund-reason' }, t('refund_reason')),
      h('select', {
        id: 'refund-reason', value: state.reason,
        on: { change: (event) => send({ is: 'reason', reason: event.target.value }) },
      }, REASONS.map((name) => h('option', { key: name, value: name }, t(`reason_${name}`))))),
  ];
}

/** @param {SheetState} state @param {Send} send @returns {Child[]} */
function refundForm(state, send) {
  const wanted = wantedRefund(state);
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    send({ is: 'refund', new_key: crypto.randomUUID() });
  };
  return [h('form', { class: 'form', novalidate: true, on: { submit } },
    refundFields(state, send),
    problemLine(state),
    h('div', { class: 'sheet-buttons' },
      h('button', { type: 'submit', class: 'button danger wide', 'aria-busy': state.busy && 'true' },
        drawing('undo'), wanted === null ? t('refund') : t('refund_go', { amount: yen(wanted) })),
      backButton(send)))];
}

/** A supervisor says yes. @param {SheetState} state @param {Send} send @returns {Child[]} */
function pinForm(state, send) {
  const amount = yen(state.approving === 'void' ? state.payment.amount : state.key_amount);
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    send({ is: 'approve' });
  };
  return [h('form', { class: 'form', novalidate: true, on: { submit } },
    h('p', { class: 'sheet-question' }, t(`pin_${state.approving}`, { amount })),
    h('div', { class: 'field' },
      h('label', { for: 'supervisor-pin' }, t('pin_label')),
      h('input', {
        id: 'supervisor-pin', class: 'number', type: 'password', inputmode: 'numeric', autocomplete: 'off', maxlength: '12',
        'aria-describedby': 'supervisor-pin-hint', 'aria-invalid': state.problem !== null && 'true', value: state.pin,
        on: { input: (event) => send({ is: 'pin', text: event.target.value }) },
      }),
      h('p', { id: 'supervisor-pin-hint', class: 'small soft' }, t('pin_hint'))),
    problemLine(state),
    h('div', { class: 'sheet-buttons' },
      h('button', { type: 'submit', class: 'button danger wide', 'aria-busy': state.busy && 'true' },
        t(`pin_go_${state.approving}`, { amount })),
      backButton(send)))];
}

/** What was sold, on paper; the customer's name is no business of who finds it. @param {SheetState} state @param {Send} send @param {Till} till @returns {Child[]} */
const receipt = ({ payment }, send, till) => [
  paper(till, t('receipt'),
    h('dl', { class: 'rows' },
      paperLine(t('receipt_number'), payment.receipt_number), paperLine(t('when'), dateTime(payment.at_ms)),
      payment.till && paperLine(t('till'), payment.till), payment.categories.length > 0 && paperLine(t('goods'), goodsWords(payment)),
      paperLine(t('paid_with'), t('paid_with_mamori')), paperLine(t('amount'), yen(payment.amount), 'paper-total'),
      payment.status !== 'paid' && paperLine(t('status'), t(`status_${payment.status}`)),
      payment.refunded > 0 && paperLine(t('refunded'), yen(payment.refunded)))),
  h('div', { class: 'sheet-buttons' }, printButton(), backButton(send)),
];

/** @type {Record<SheetState['step'], (state: SheetState, send: Send, till: Till) => Child[]>} */
const STEPS = { overview, void: voidForm, refund: refundForm, receipt, pin: pinForm };
const PLACES = { heading: 'h2', question: '.sheet-question', amount: '#refund-amount', amount_all: '#refund-amount', pin: '#supervisor-pin' };

/** @param {() => Promise<unknown>} ask @param {Words} words @returns {Promise<SheetEvent>} */
async function answerOf(ask, words) {
  try {
    await ask();
    return { is: 'done', words };
  } catch (error) {
    return { is: 'failed', error, refusal: error instanceof Refused ? error.code : null };
  }
}

/**
 * @param {Till} till @param {Payment} payment @param {(words: Words, payment: Payment) => void} givenBack
 * @param {SheetState['step']} step
 */
function openPayment(till, payment, givenBack, step = 'overview') {
  const place = el('div', {});
  /** @type {Machine<SheetState, SheetEvent>} */
  const view = machine({
    begin: beginSheet(payment, digits, Date.now(), step),
    update: updateSheet,
    draw: (state) => patch(place, [h('div', { key: state.step, class: 'payment-sheet-body' },
      STEPS[state.step](state, (event) => view.send(event), till))]),
    perform: {
      void: (effect) => answerOf(() => post('/api/void', { payment_id: effect.payment.payment_id, pin: effect.pin }),
        { key: 'voided', amount: effect.payment.amount }),
      refund: ({ payment: { payment_id }, amount, key, reason, pin }) => answerOf(
        () => post('/api/refund', { payment_id, amount, key, reason, pin }), { key: 'refunded_now', amount }),
      focus({ on }) {
        /** @type {HTMLInputElement | null} */
        const found = sheet.dialog.querySelector(PLACES[on]);
        found?.focus();
        if (on === 'amount_all') found?.select();
      },
      finish({ words, payment: after }) {
        sheet.close();
        givenBack(words, after);
      },
    },
  });
  const sheet = openSheet(t('payment'), place);
  sheet.closed.then(view.stop);
}
