// Customers: one wallet at a time, found by the number its owner reads out, notes on it, and the erasure of that person.

import { Refused, get, post } from '/assets/api.js';
import { h, patch } from '/assets/draw.js';
import { announce, el } from '/assets/elements.js';
import { actorWords } from '/assets/console-acts.js';
import { agree, askForName, card, consoleHead, drawing, postFresh, problemLine } from '/assets/console-frame.js';
import { beginCustomers, updateCustomers } from '/assets/console-customers-state.js';
import { dateTime, t, yen } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';

/** @import { Child, Machine, View } from '../types/pages.js' */
/** @import { CustomerWallet, WalletNote } from '../types/answers.js' */
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
    title: t('erase_title', { id: wallet_id }), danger: true, word: t('erase_word'), action: t('erase_now'),
    lead: [t('erase_lead'), ...(left === 0 ? [] : [h('span', { class: 'note' },
      drawing('alert'), h('span', {}, t('erase_despite', { amount: yen(left) })))])],
    async run() {
      await postFresh('/api/people/erase', { wallet_id, despite_balance: left !== 0 });
      announce(t('erased_now'), 'assertive');
      send(await look(wallet_id));
    },
  });
}

/** @param {CustomerWallet} wallet @param {CustomerWallet['holds'][number]} hold @param {Send} send */
const release = ({ wallet_id }, { hold_id, merchant, amount }, send) => agree({
  title: t('hold_release_title', { merchant: merchant ?? t('nobody'), amount: yen(amount) }),
  lead: [t('hold_release_lead')], action: t('hold_release_now'),
  async run() {
    await postFresh('/api/holds/release', { hold_id });
    announce(t('hold_released'), 'assertive');
    send(await look(wallet_id));
  },
});

/** What merchants have set aside of it. @param {CustomerWallet} wallet @param {Send} send @returns {Child} */
const holdsOf = (wallet, send) => wallet.holds.length > 0 && h('section', { 'aria-labelledby': 'holds' },
  h('h3', { id: 'holds' }, t('holds')),
  h('p', { class: 'small soft' }, t('holds_lead')),
  h('ul', { class: 'notes' }, wallet.holds.map((hold) => h('li', { key: hold.hold_id },
    h('span', {}, `${hold.merchant ?? t('nobody')} `, h('b', { class: 'number' }, yen(hold.amount))),
    h('span', { class: 'small soft number' }, t('hold_until', { when: dateTime(hold.expires_at_ms) })),
    h('button', {
      type: 'button', class: 'text-button', 'aria-label': `${t('hold_release')}: ${hold.merchant ?? t('nobody')} ${yen(hold.amount)}`,
      on: { click: () => release(wallet, hold, send) },
    }, t('hold_release'))))));

/** The customer has called: the phone is gone. @param {CustomerWallet} wallet @param {Send} send */
const freeze = ({ wallet_id }, send) => askForName({
  title: t('freeze_title', { id: wallet_id }), label: t('freeze_reason'), hint: t('freeze_hint'), chars: 200, danger: true,
  action: t('freeze_now'),
  async run(reason) {
    await post(`/api/wallets/${encodeURIComponent(wallet_id)}/freeze`, { reason });
    announce(t('frozen_now'), 'assertive');
    send(await look(wallet_id));
  },
});

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
    holdsOf(wallet, send),
    h('a', { class: 'text-button', href: `#acts/wallet-${wallet.wallet_id}` }, drawing('receipt'), t('acts_of_wallet')),
    erased_at_ms === null && wallet.name !== null && h('button', {
      type: 'button', class: 'button', on: { click: () => freeze(wallet, send) },
    }, drawing('lock'), t('freeze')),
    erased_at_ms === null && wallet.name !== null && h('button', {
      type: 'button', class: 'button danger-quiet', on: { click: () => erase(wallet, send) },
    }, t('erase')),
  ];
}

/** @param {WalletNote} note */
const noteRow = ({ note, at_ms, by, text }) => h('li', { key: note },
  text === null ? h('span', { class: 'soft' }, t('note_gone')) : h('span', { class: 'note-text' }, text),
  h('span', { class: 'small soft number' }, `${actorWords(by)} ${dateTime(at_ms)}`));

/** @param {CustomersState} state @param {Send} send */
function noteForm({ note, writing, note_problem }, send) {
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    send({ is: 'write' });
  };
  return h('form', { class: 'find-form', on: { submit } },
    h('div', { class: 'field' },
      h('label', { for: 'note-text' }, t('note_text')),
      h('textarea', {
        id: 'note-text', maxlength: '500', required: true, 'aria-describedby': 'note-hint', value: note,
        on: { input: (event) => send({ is: 'note_typed', text: event.target.value }) },
      }),
      h('span', { class: 'hint', id: 'note-hint' }, t('note_hint'))),
    problemLine(note_problem),
    h('button', { type: 'submit', class: 'button', 'aria-busy': writing && 'true' }, t('note_write')));
}

/** @param {CustomersState} state @param {Send} send @returns {Child} */
function notesCard(state, send) {
  const { wallet, notes } = state;
  if (wallet === null) return null;
  const rows = notes ?? [];
  return card(t('notes'), 'receipt', 'notes',
    h('p', { class: 'small soft' }, t('notes_lead')),
    notes !== null && notes.length === 0 && h('p', { class: 'soft' }, t('no_notes')),
    h('ol', { class: 'notes' }, rows.map(noteRow)),
    // Without an owner there is no key to seal it with.
    wallet.name === null ? problemLine(state.note_problem) : noteForm(state, send));
}

/** @param {string} id @returns {Promise<CustomersEvent>} */
async function readNotes(id) {
  try {
    const { notes } = await get(`/api/wallets/${encodeURIComponent(id)}/notes`);
    return { is: 'notes_read', notes };
  } catch (error) {
    return { is: 'note_failed', error };
  }
}

/** @param {{ id: string, text: string }} what @returns {Promise<CustomersEvent>} */
async function writeNote({ id, text }) {
  try {
    await post(`/api/wallets/${encodeURIComponent(id)}/note`, { text });
    return { is: 'written' };
  } catch (error) {
    return { is: 'note_failed', error };
  }
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
      h('div', { class: 'customer' }, state.wallet && facts(state.wallet, send))),
    notesCard(state, send)]),
    perform: {
      look: ({ id }) => look(id),
      read_notes: ({ id }) => readNotes(id),
      write_note: writeNote,
      announce_written: () => announce(t('note_written')),
    },
  });
  return { element: [consoleHead('customers', t('nav_customers'), null, tools), place], stop: view.stop };
}
