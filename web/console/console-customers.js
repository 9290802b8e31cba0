// Customers: one wallet at a time, found by the number its owner reads out, or for a reason by contact or receipt; its notes, its
// history for a reason, and the erasure of its owner.

import { Refused, get, post } from '/assets/api.js';
import { h, own, patch } from '/assets/draw.js';
import { announce, el } from '/assets/elements.js';
import { actorWords } from '/assets/console-acts.js';
import { closingRequests } from '/assets/console-closings.js';
import {
  agree, askForName, card, consoleHead, drawing, postFresh, problemLine, submitting, titled, workSheet,
} from '/assets/console-frame.js';
import { may } from '/assets/console-may.js';
import { beginCustomers, updateCustomers } from '/assets/console-customers-state.js';
import { dateTime, hasText, t, yen } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';

/** @import { Child, Machine, View } from '../types/pages.js' */
/** @import { CustomerWallet, Entry, WalletNote } from '../types/answers.js' */
/** @import { Tools } from '/assets/console-frame.js' */
/** @import { CustomersEvent, CustomersState, FindBy } from '/assets/console-customers-state.js' */

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
  propose({
    title: t('erase_title', { id: wallet_id }), action: t('erase_now'),
    lead: [t('erase_lead'), ...(left === 0 ? [] : [h('span', { class: 'note' },
      drawing('alert'), h('span', {}, t('erase_despite', { amount: yen(left) })))])],
    async run(reason) {
      await postFresh('/api/people/erase', { wallet_id, despite_balance: left !== 0, reason });
      announce(t('proposed_now'), 'assertive');
      send(await look(wallet_id));
      return [h('p', {}, t('proposed_now')), h('a', { class: 'button wide', href: '#approvals' }, t('approvals_show'))];
    },
  });
}

/**
 * Asks for the reason of what another operator is to approve.
 * @param {{ title: string, lead: Child[], action: string, run(reason: string): Promise<Child[]> }} sheet
 */
const propose = ({ title, lead, action, run }) => workSheet(title, run, (state, fire) => [h('form', { class: 'form', on: submitting(fire) },
  lead.map((text) => h('p', {}, text)),
  h('div', { class: 'field' },
    h('label', { for: 'proposal-reason' }, t('proposal_reason')),
    h('textarea', {
      id: 'proposal-reason', required: true, maxlength: '500', 'aria-describedby': 'proposal-reason-hint', value: state.text,
      on: { input: (event) => fire({ is: 'typed', text: event.target.value }) },
    }),
    h('span', { class: 'hint', id: 'proposal-reason-hint' }, t('proposal_reason_hint'))),
  problemLine(state.problem),
  h('button', { type: 'submit', class: 'button wide danger', 'aria-busy': state.busy && 'true' }, drawing('key'), action))],
'#proposal-reason');

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
    may('release_holds') && h('button', {
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

/** @param {{ by: string, text: string, reason: string }} what @returns {Promise<CustomersEvent>} */
async function locate({ by, text, reason }) {
  try {
    const asked = by === 'contact' ? { contact: text, reason } : { receipt_number: text, reason };
    const { wallet_id } = await post('/api/customers/find', asked);
    return { is: 'located', id: wallet_id };
  } catch (error) {
    return error instanceof Refused && error.status === 404 ? { is: 'not_found' } : { is: 'failed', error };
  }
}

/** @param {CustomerWallet} wallet @param {Send} send */
const openHistory = ({ wallet_id }, send) => askForName({
  title: t('open_history_title', { id: wallet_id }), label: t('look_reason'), hint: t('look_reason_hint'), chars: 200,
  action: t('open_history'),
  async run(reason) {
    const page = await post(`/api/wallets/${encodeURIComponent(wallet_id)}/history`, { reason });
    send({ is: 'history_read', page, reason, more: false });
  },
});

/** @param {{ id: string, reason: string, before: string }} what @returns {Promise<CustomersEvent>} */
async function readHistory({ id, reason, before }) {
  try {
    const page = await post(`/api/wallets/${encodeURIComponent(id)}/history`, { reason, before });
    return { is: 'history_read', page, reason, more: true };
  } catch (error) {
    return { is: 'history_failed', error };
  }
}

/** @param {Entry} entry */
const entryRow = ({ id, kind, amount, balance_after, at_ms, merchant, store, till, receipt_number }) => h('li', {
  key: id, class: 'payment-row',
},
h('span', { class: 'payment-words' },
  h('strong', {}, hasText(`kind_${kind}`) ? t(`kind_${kind}`) : kind),
  h('span', {}, [merchant, store, till].filter(Boolean).join(' ')),
  h('span', { class: 'small soft number' }, t('receipt_short', { number: receipt_number ?? id }))),
h('span', { class: 'number' }, h('strong', {}, yen(amount)), ' ',
  h('span', { class: 'small soft' }, t('entry_balance', { amount: yen(balance_after) }))),
h('time', { class: 'small soft number', datetime: new Date(at_ms).toISOString() }, dateTime(at_ms)));

/** What moved in the wallet: shut until somebody has said why. @param {CustomersState} state @param {Send} send @returns {Child} */
function historyCard({ wallet, entries, next, history_busy, history_problem }, send) {
  if (wallet === null || wallet.name === null || !may('open_histories')) return null;
  return card(t('history'), 'coins', 'history',
    h('p', { class: 'small soft' }, t('history_lead')),
    problemLine(history_problem),
    entries === null ? h('button', { type: 'button', class: 'button', on: { click: () => openHistory(wallet, send) } }, t('open_history'))
      : entries.length === 0 && h('p', { class: 'soft' }, t('no_entries')),
    h('ol', { class: 'payments' }, (entries ?? []).map(entryRow)),
    next !== null && h('button', {
      type: 'button', class: 'button quiet wide', 'aria-busy': history_busy && 'true', on: { click: () => send({ is: 'history_more' }) },
    }, t('more_acts')));
}

/** @param {CustomerWallet} wallet */
function stateWord({ erased_at_ms, frozen }) {
  if (erased_at_ms !== null) return 'state_erased';
  return frozen ? 'state_frozen' : 'state_active';
}

/** Where the customer is reached, masked, and where notices go. @param {CustomerWallet} wallet @returns {Child} */
function contactsOf({ contacts }) {
  if (contacts.length === 0) return t('nobody');
  return h('ul', { class: 'customer-contacts' }, contacts.map(({ masked, preferred, removed_at_ms, forgotten_at_ms }) => h('li', { key: masked },
    h('span', { class: 'number' }, masked),
    preferred && h('span', { class: 'small soft' }, t('contact_preferred')),
    removed_at_ms !== null && forgotten_at_ms !== null && h('span', { class: 'small soft' },
      t('contact_removed', { when: dateTime(removed_at_ms), until: dateTime(forgotten_at_ms) })))));
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
      h('div', {}, h('dt', {}, t('contact')), h('dd', {}, contactsOf(wallet))),
      row('passkeys', String(wallet.passkeys)),
      row('balance', yen(wallet.balance)),
      row('account_held', yen(wallet.held)),
      row('state', t(stateWord(wallet))),
      erased_at_ms !== null && row('erased_at', dateTime(erased_at_ms))),
    holdsOf(wallet, send),
    h('a', { class: 'text-button', href: `#acts/wallet-${wallet.wallet_id}` }, drawing('receipt'), t('acts_of_wallet')),
    erased_at_ms === null && wallet.name !== null && may('freeze_wallets') && h('button', {
      type: 'button', class: 'button', on: { click: () => freeze(wallet, send) },
    }, drawing('lock'), t('freeze')),
    erased_at_ms === null && wallet.name !== null && may('propose_erasure') && h('button', {
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
    wallet.name === null || !may('write_notes') ? problemLine(state.note_problem) : noteForm(state, send));
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

/** @type {Record<FindBy, Record<string, string>>} How each kind of search is typed. */
const WAYS = {
  number: { label: 'wallet_number', hint: 'wallet_number_hint', inputmode: 'numeric', chars: '20' },
  contact: { label: 'contact', hint: 'contact_hint', inputmode: 'email', chars: '254' },
  receipt: { label: 'receipt_number', hint: 'receipt_number_hint', inputmode: 'text', chars: '32' },
};

/** @param {CustomersState} state @param {Send} send */
function findForm({ by, text, reason, busy }, send) {
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    send({ is: 'find' });
  };
  const { label, hint, inputmode, chars } = WAYS[by];
  return h('form', { class: 'find-form', on: { submit } },
    h('div', { class: 'field' },
      h('label', { for: 'find-by' }, t('search_acts_by')),
      h('select', { id: 'find-by', value: by, on: { change: (event) => send({ is: 'by', by: event.target.value }) } },
        Object.entries(WAYS).filter(([way]) => way === 'number' || may('find_customers')).map(([way, { label: words }]) => h('option', { key: way, value: way }, t(words))))),
    h('div', { class: 'field', key: by },
      h('label', { for: 'wallet-number' }, t(label)),
      h('input', {
        id: 'wallet-number', type: 'text', inputmode, autocomplete: 'off', required: true, maxlength: chars,
        'aria-describedby': 'wallet-number-hint', value: text,
        on: { input: (event) => send({ is: 'typed', text: event.target.value }) },
      }),
      h('span', { class: 'hint', id: 'wallet-number-hint' }, t(hint))),
    by !== 'number' && h('div', { class: 'field', key: 'reason' },
      h('label', { for: 'find-reason' }, t('look_reason')),
      h('input', {
        id: 'find-reason', type: 'text', autocomplete: 'off', required: true, maxlength: '200',
        'aria-describedby': 'find-reason-hint', value: reason,
        on: { input: (event) => send({ is: 'reason_typed', text: event.target.value }) },
      }),
      h('span', { class: 'hint', id: 'find-reason-hint' }, t('look_reason_hint'))),
    h('button', { type: 'submit', class: 'button', 'aria-busy': busy && 'true' }, t('find')));
}

/** @param {CustomersState} state */
const complaint = ({ by, problem }) => (problem === 'not_found'
  ? h('p', { class: 'problem', role: 'alert' }, t(by === 'number' ? 'no_such_wallet' : `no_such_${by}`))
  : problemLine(problem === null ? null : problem.error));

/** @param {CustomersState} state @param {Send} send @param {HTMLElement} requests @returns {Child[]} */
const drawCustomers = (state, send, requests) => [
  own('closings', () => requests),
  card(t('find_customer'), 'person', 'customer',
    h('p', { class: 'small soft' }, t('find_customer_lead')),
    findForm(state, send),
    complaint(state),
    h('div', { class: 'customer' }, state.wallet && facts(state.wallet, send))),
  historyCard(state, send),
  notesCard(state, send),
];

/**
 * `id`: the wallet that is looked at at once, where another page led here.
 * @param {Tools} tools @param {CustomersState} [left] @param {string} [id] @returns {View}
 */
export function customersView(tools, left, id) {
  const place = el('main', { class: 'dashboard narrow' });
  /** @type {Send} */
  const send = (event) => view.send(event);
  const requests = closingRequests(async (wallet) => send(await look(wallet)));
  /** @type {Machine<CustomersState, CustomersEvent>} */
  const view = machine({
    begin: beginCustomers(left),
    update: updateCustomers,
    draw(state) {
      titled(state.wallet === null ? t('nav_customers') : t('number_alone', {
        what: t('nav_customers'), id: state.wallet.wallet_id }));
      patch(place, drawCustomers(state, send, requests.element));
    },
    perform: {
      look: ({ id }) => look(id),
      locate,
      read_history: readHistory,
      read_notes: ({ id }) => readNotes(id),
      write_note: writeNote,
      announce_written: () => announce(t('note_written')),
    },
  });
  return {
    element: [consoleHead('customers', t('nav_customers'), null, tools), place],
    ready() {
      view.start();
      requests.start();
      if (id !== undefined && left === undefined) {
        send({ is: 'typed', text: id });
        send({ is: 'find' });
      }
    },
    stop() {
      requests.stop();
      view.stop();
    },
    progress: view.state,
  };
}
