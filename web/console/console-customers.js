// Customers: one wallet at a time, found by the number its owner reads out, and the erasure of that person.

import { Refused, get } from '/assets/api.js';
import { h, patch } from '/assets/draw.js';
import { announce, el } from '/assets/elements.js';
import { agree, card, consoleHead, drawing, postFresh, problemLine } from '/assets/console-frame.js';
import { beginCustomers, updateCustomers } from '/assets/console-customers-state.js';
import { dateTime, t, yen } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';

/** @import { Child, Machine, View } from '../types/pages.js' */
/** @import { CustomerWallet } from '../types/answers.js' */
/** @import { Tools } from '/assets/console-frame.js' */
/** @import { CustomersEvent, CustomersState } from '/assets/console-customers-state.js' */

/** @typedef {(event: CustomersEvent) => void} Send */

/** @param {string} id @returns {Promise<CustomersEvent>} */
async function look(id) {
  try {
    return { is: 'found', wallet: await get(`/api/wallets/${encodeURIComponent(id)}`) };
  } catch (error) {
    return error instanceof Refused && error.status === 404 ? { is: 'not_found' } : { is: 'failed', error };
  }
}

/** @param {CustomerWallet} wallet @param {Send} send */
function erase({ wallet_id, balance, held }, send) {
  const left = balance + held;
  agree({
    title: t('erase_title', { id: wallet_id }), danger: true, action: t('erase_now'),
    lead: [t('erase_lead'), ...(left === 0 ? [] : [h('span', { class: 'note' },
      drawing('alert'), h('span', {}, t('erase_despite', { amount: yen(left) })))])],
    async run() {
      await postFresh('/api/people/erase', { wallet_id, despite_balance: left !== 0 });
      announce(t('erased_now'), 'assertive');
      send(await look(wallet_id));
    },
  });
}

/** @param {CustomerWallet} wallet */
function stateWord({ erased_at_ms, frozen }) {
  if (erased_at_ms !== null) return 'state_erased';
  return frozen ? 'state_frozen' : 'state_active';
}

/** @param {CustomerWallet} wallet @param {Send} send @returns {Child[]} */
function facts(wallet, send) {
  /** @param {string} word @param {string} value */
  const row = (word, value) => h('div', {}, h('dt', {}, t(word)), h('dd', { class: 'number' }, value));
  const { erased_at_ms } = wallet;
  return [
    h('dl', { class: 'rows' },
      row('wallet_number', wallet.wallet_id),
      row('customer_name', wallet.name ?? t('nobody')),
      row('contact', wallet.contact ?? t('nobody')),
      row('balance', yen(wallet.balance)),
      row('account_held', yen(wallet.held)),
      row('state', t(stateWord(wallet))),
      erased_at_ms !== null && row('erased_at', dateTime(erased_at_ms))),
    erased_at_ms === null && wallet.name !== null && h('button', {
      type: 'button', class: 'button danger-quiet', on: { click: () => erase(wallet, send) },
    }, t('erase')),
  ];
}

/** @param {CustomersState} state @param {Send} send */
function findForm({ text, busy }, send) {
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    send({ is: 'find' });
  };
  return h('form', { class: 'find-form', on: { submit } },
    h('div', { class: 'field' },
      h('label', { for: 'wallet-number' }, t('wallet_number')),
      h('input', {
        id: 'wallet-number', type: 'text', inputmode: 'numeric', autocomplete: 'off', required: true, maxlength: '20',
        'aria-describedby': 'wallet-number-hint', value: text,
        on: { input: (event) => send({ is: 'typed', text: event.target.value }) },
      }),
      h('span', { class: 'hint', id: 'wallet-number-hint' }, t('wallet_number_hint'))),
    h('button', { type: 'submit', class: 'button', 'aria-busy': busy && 'true' }, t('find')));
}

/** @param {CustomersState['problem']} problem */
const complaint = (problem) => (problem === 'not_found'
  ? h('p', { class: 'problem', role: 'alert' }, t('no_such_wallet'))
  : problemLine(problem === null ? null : problem.error));

/** @param {Tools} tools @returns {View} */
export function customersView(tools) {
  const place = el('main', { class: 'dashboard narrow' });
  /** @type {Send} */
  const send = (event) => view.send(event);
  /** @type {Machine<CustomersState, CustomersEvent>} */
  const view = machine({
    begin: beginCustomers,
    update: updateCustomers,
    draw: (state) => patch(place, [card(t('find_customer'), 'person', 'customer',
      h('p', { class: 'small soft' }, t('find_customer_lead')),
      findForm(state, send),
      complaint(state.problem),
      h('div', { class: 'customer' }, state.wallet && facts(state.wallet, send)))]),
    perform: { look: ({ id }) => look(id) },
  });
  return { element: [consoleHead('customers', t('nav_customers'), null, tools), place], stop: view.stop };
}
