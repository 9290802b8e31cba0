// Payments: found by shop, day, amount, state or a number that somebody reads out; and all that is found as a file.

import { get } from '/assets/api.js';
import { h, patch } from '/assets/draw.js';
import { announce, el, focusIn } from '/assets/elements.js';
import { card, consoleHead, drawing, problemLine } from '/assets/console-frame.js';
import { csvOf, inShiftJis, inUtf8 } from '/assets/console-csv.js';
import { beginPayments, updatePayments } from '/assets/console-payments-state.js';
import { counted, dateTime, dayInJapan, shortDateTime, t, yen } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';

/** @import { Child, Machine, View } from '../types/pages.js' */
/** @import { ConsolePayment, MerchantRow } from '../types/answers.js' */
/** @import { Tools } from '/assets/console-frame.js' */
/** @import { Encoding, FieldName, PaymentsEvent, PaymentsState } from '/assets/console-payments-state.js' */

/** @typedef {(event: PaymentsEvent) => void} Send */

const STATES = ['paid', 'refunded', 'voided'];
const DAY_MS = 86_400_000;
const READING_MS = 30_000;

/** @param {PaymentsState} state @param {FieldName} name */
const wrongWords = ({ wrong }, name) => wrong === name && h('span', {
  class: 'problem', id: `payments-${name}-wrong`, role: 'alert',
}, t(name === 'amount' ? 'amount_wrong' : 'days_wrong'));

/**
 * @param {PaymentsState} state @param {Send} send @param {FieldName} name @param {Record<string, unknown>} more
 */
const input = (state, send, name, more) => h('div', { class: `field payments-${name}` },
  h('label', { for: `payments-${name}` }, t(`payments_${name}`)),
  h('input', {
    id: `payments-${name}`, type: 'text', autocomplete: 'off', maxlength: '64', ...more, value: state.fields[name],
    'aria-invalid': state.wrong === name && 'true', 'aria-describedby': state.wrong === name && `payments-${name}-wrong`,
    on: { input: (event) => send({ is: 'field', name, value: event.target.value }) },
  }),
  wrongWords(state, name));

/**
 * @param {PaymentsState} state @param {Send} send @param {FieldName} name @param {string[][]} options value and words
 */
const choice = (state, send, name, options) => h('div', { class: `field payments-${name}` },
  h('label', { for: `payments-${name}` }, t(`payments_${name}`)),
  h('select', {
    id: `payments-${name}`, value: state.fields[name],
    on: { change: (event) => send({ is: 'field', name, value: event.target.value }) },
  }, h('option', { key: '', value: '' }, t('payments_any')),
  options.map(([value, words]) => h('option', { key: value, value }, words))));

/** Today and yesterday with one press. @param {Send} send */
const dayButtons = (send) => [['today', 0], ['yesterday', 1]].map(([name, back]) => {
  const day = dayInJapan(Date.now() - Number(back) * DAY_MS);
  return h('button', {
    type: 'button', class: 'text-button', on: { click: () => send({ is: 'day', from: day, to: day }) },
  }, t(String(name)));
});

/** @param {PaymentsState} state @param {MerchantRow[]} merchants @param {Send} send */
function searchForm(state, merchants, send) {
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    send({ is: 'find' });
  };
  return h('form', { class: 'payments-form', novalidate: true, on: { submit } },
    input(state, send, 'id', { inputmode: 'text' }),
    choice(state, send, 'merchant', merchants.map(({ merchant_id, name }) => [String(merchant_id), name])),
    input(state, send, 'store', {}),
    input(state, send, 'from', { type: 'date' }),
    input(state, send, 'to', { type: 'date' }),
    input(state, send, 'amount', { inputmode: 'numeric', maxlength: '14' }),
    choice(state, send, 'state', STATES.map((one) => [one, t(`payments_${one}`)])),
    h('div', { class: 'payments-go' },
      h('button', { type: 'submit', class: 'button', 'aria-busy': state.busy && 'true' }, t('find')), dayButtons(send)));
}

/** @param {ConsolePayment} one */
const where = ({ merchant, store, till }) => [merchant, store, till].filter(Boolean).join(' ');

/** @param {ConsolePayment} one */
function stateWords({ status, refunded }) {
  if (status === 'part_refunded') return t('payments_part_refunded', { amount: yen(refunded) });
  return t(`payments_${status === 'cancelled' ? 'voided' : status}`);
}

/** @param {ConsolePayment} one */
const row = (one) => h('li', { key: one.payment_id, class: 'payment-row' },
  h('span', { class: 'payment-words' },
    h('strong', { class: 'number' }, yen(one.amount)),
    h('span', {}, where(one)),
    h('span', { class: 'small soft number' }, t('receipt_short', { number: one.receipt_number }),
      one.merchant_payment_id !== null && ` · ${one.merchant_payment_id}`)),
  h('span', { class: one.status === 'paid' ? 'state state-good' : 'state' },
    drawing(one.status === 'paid' ? 'check' : 'undo'), stateWords(one)),
  h('time', { class: 'small soft number', datetime: new Date(one.at_ms).toISOString() }, dateTime(one.at_ms)));

/** @param {PaymentsState} state */
function statusWords({ payments, problem, next, reached_ms, query }) {
  if (problem !== null) return '';
  if (payments === null) return t('loading');
  const through = query !== '' && next !== null && reached_ms !== null ? t('looked_through', { time: shortDateTime(reached_ms) }) : '';
  if (payments.length === 0) return through || t(query === '' ? 'no_payments_yet' : 'no_payments_found');
  return counted('payments_shown', payments.length) + through;
}

/** @param {PaymentsState} state @param {Send} send @returns {Child} */
function exportPart({ exporting, payments }, send) {
  if (payments === null || payments.length === 0) return null;
  if (exporting !== null) {
    const { payments: so_far, reached_ms } = exporting;
    return h('div', { class: 'payments-export', key: 'running' },
      h('progress', { 'aria-label': t('exporting') }),
      h('p', { class: 'small', role: 'status' }, counted('exported_so_far', so_far.length),
        reached_ms !== null && t('looked_through', { time: shortDateTime(reached_ms) })),
      h('button', { type: 'button', class: 'button quiet small-button', on: { click: () => send({ is: 'export_stop' }) } }, t('do_not')));
  }
  /** @param {Encoding} encoding @param {string} words */
  const press = (encoding, words) => h('button', {
    type: 'button', class: 'button soft-fill small-button', on: { click: () => send({ is: 'export', encoding }) },
  }, t(words));
  return h('div', { class: 'payments-export', key: 'waiting' },
    press('utf-8', 'export_utf8'), press('shift_jis', 'export_shift_jis'));
}

const COLUMNS = ['at', 'payment_id', 'receipt', 'merchant_payment_id', 'merchant', 'store', 'till', 'amount', 'refunded', 'state'];

/** `2026-11-28 14:05:09`, as spreadsheets read it, in Japan's time. @param {number} at_ms */
const tableTime = (at_ms) => `${dayInJapan(at_ms)} ${new Date(at_ms + 9 * 3_600_000).toISOString().slice(11, 19)}`;

/** @param {ConsolePayment[]} payments */
const table = (payments) => csvOf([COLUMNS.map((name) => t(`column_${name}`)), ...payments.map((one) => [
  tableTime(one.at_ms), one.payment_id, one.receipt_number, one.merchant_payment_id ?? '', one.merchant ?? '', one.store ?? '',
  one.till ?? '', one.amount, one.refunded, t(`payments_${{ cancelled: 'voided', part_refunded: 'refunded' }[String(one.status)] ?? one.status}`),
])]);

/** @param {{ encoding: Encoding, payments: ConsolePayment[] }} what */
function save({ encoding, payments }) {
  const text = table(payments);
  const type = encoding === 'utf-8' ? 'text/csv;charset=utf-8' : 'text/csv;charset=shift_jis';
  const address = URL.createObjectURL(new Blob([encoding === 'utf-8' ? inUtf8(text) : inShiftJis(text)], { type }));
  el('a', { href: address, download: `mamori-payments-${dayInJapan(Date.now())}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(address), READING_MS);
  announce(counted('exported', payments.length));
}

/** @param {{ query: string, more: boolean }} what @returns {Promise<PaymentsEvent>} */
async function read({ query, more }) {
  try {
    return { is: 'read', page: await get(`/api/payments?${query}`, READING_MS), more };
  } catch (error) {
    return { is: 'failed', error };
  }
}

/** @param {{ query: string }} what @returns {Promise<PaymentsEvent>} */
async function exportRead({ query }) {
  try {
    return { is: 'export_read', page: await get(`/api/payments?${query}`, READING_MS) };
  } catch (error) {
    return { is: 'export_failed', error };
  }
}

/**
 * @param {{ merchants: MerchantRow[] }} answer @param {string | undefined} named @param {Tools} tools @param {PaymentsState} [left]
 * @returns {View}
 */
export function paymentsView({ merchants }, named, tools, left) {
  const place = el('main', { class: 'dashboard narrow' });
  /** @type {Send} */
  const send = (event) => view.send(event);
  /** @type {Machine<PaymentsState, PaymentsEvent>} */
  const view = machine({
    begin: beginPayments(named, dayInJapan(Date.now()), left),
    update: updatePayments,
    draw: (state) => patch(place, [card(t('payments'), 'coins', 'payments',
      h('p', { class: 'small soft' }, t('payments_lead')),
      searchForm(state, merchants, send),
      problemLine(state.problem),
      h('p', { class: 'small soft', role: 'status' }, statusWords(state)),
      exportPart(state, send),
      h('ol', { class: 'payments' }, (state.payments ?? []).map(row)),
      state.next !== null && h('button', {
        type: 'button', class: 'button quiet wide', 'aria-busy': state.busy && 'true', on: { click: () => send({ is: 'more' }) },
      }, t('more_acts')))]),
    perform: { read, export_read: exportRead, save, focus: ({ on }) => focusIn(place, `#payments-${on}`) },
  });
  return {
    element: [consoleHead('payments', t('nav_payments'), null, tools), place], ready: view.start, stop: view.stop,
    progress: view.state,
  };
}
