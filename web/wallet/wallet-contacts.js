// How the owner of the wallet is reached: where notices and codes go, and what becomes of that (`wallet-contacts-state.js`).

import { Refused, get, post, sentenceOf } from '/assets/api.js';
import { h, own, patch } from '/assets/draw.js';
import { announce, el, focusIn } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { language, shortDateTime, t } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';
import { ceremonyProblem, nameOf } from '/assets/passkey.js';
import { answerStepUp } from '/assets/wallet-later.js';
import { beginContacts, confirmed, hasRoom, removed, updateContacts } from '/assets/wallet-contacts-state.js';

/** @import { Attributes, Child, Machine, Performers } from '../types/pages.js' */
/** @import { OwnContact } from '../types/answers.js' */
/** @import { App, WalletView } from '/assets/wallet.js' */
/** @import { ContactsEffect, ContactsEvent, ContactsState } from '/assets/wallet-contacts-state.js' */

/** @typedef {(event: ContactsEvent) => void} Send */

/** A contact as people write it: a Japanese mobile number in its three groups. @param {string} plain */
const shownContact = (plain) => plain
  .replace(/^\+81([5-9]0)(\d{4})(\d{4})$/, '0$1-$2-$3')
  .replace(/^(0[5-9]0)(\d{4})(\d{4})$/, '$1-$2-$3');

/** @param {ContactsState} state */
function problemText({ problem }) {
  if (problem === null) return '';
  if ('key' in problem) return t(problem.key);
  const words = ceremonyProblem(problem.error);
  if (words !== null) return t(words);
  return nameOf(problem.error) === 'AbortError' ? '' : sentenceOf(problem.error);
}

/** @param {string} name */
const drawing = (name) => own(name, () => icon(name));

/** @param {OwnContact} contact @param {ContactsState} state @param {Send} send */
function removalQuestion({ contact_id, contact, settled }, state, send) {
  const shown = shownContact(contact);
  return h('div', { class: 'contact-question', role: 'group', 'aria-labelledby': 'contact-question' },
    h('p', { id: 'contact-question', tabindex: '-1' }, h('strong', {}, t('contact_remove_question', { contact: shown }))),
    h('p', { class: 'small' }, t(settled ? 'contact_remove_lead' : 'contact_remove_lead_new')),
    h('button', {
      type: 'button', class: 'button wide danger', 'aria-busy': state.busy === contact_id && 'true',
      on: { click: () => send({ is: 'change', change: 'remove', contact_id }) },
    }, drawing('key'), t('contact_remove_yes')),
    h('button', { type: 'button', class: 'button quiet wide', on: { click: () => send({ is: 'keep' }) } }, t('cancel')));
}

/** @param {string} key @param {string} contact @param {boolean} busy @param {() => void} click */
const rowButton = (key, contact, busy, click) => h('button', {
  type: 'button', class: 'text-button', 'aria-label': `${t(key)}: ${contact}`, 'aria-busy': busy && 'true', on: { click },
}, t(key));

/** @param {OwnContact} contact @param {ContactsState} state @param {Send} send */
function row(contact, state, send) {
  const { contact_id, kind, preferred, since_ms, forgotten_at_ms, removed_at_ms } = contact;
  const shown = shownContact(contact.contact);
  const busy = state.busy === contact_id;
  const isLast = confirmed(state).length < 2;
  if (state.removing === contact_id) return h('li', { key: contact_id }, removalQuestion(contact, state, send));
  /** @param {'prefer' | 'put-back'} change */
  const change = (change) => () => send({ is: 'change', change, contact_id });
  const buttons = removed_at_ms === null
    ? [
      !preferred && rowButton('contact_prefer', shown, busy, change('prefer')),
      !isLast && rowButton('contact_remove', shown, false, () => send({ is: 'ask_removal', contact_id })),
    ]
    : [rowButton('contact_put_back', shown, busy, change('put-back'))];
  const words = removed_at_ms === null
    ? t('contact_since', { when: shortDateTime(since_ms) })
    : t('contact_removed', { until: shortDateTime(forgotten_at_ms ?? removed_at_ms) });
  return h('li', { key: contact_id, class: 'setting contact-row' }, drawing(kind === 'phone' ? 'phone' : 'mail'),
    h('span', { class: 'setting-words' },
      h('span', { class: 'contact-name number' }, shown),
      preferred && h('span', { class: 'contact-preferred small' }, drawing('check'), t('contact_preferred')),
      h('span', { class: 'small soft number' }, words),
      buttons.some(Boolean) && h('span', { class: 'contact-buttons' }, buttons)));
}

/** @param {Attributes} attributes @param {string} label @param {Child} hint */
const field = (attributes, label, hint = null) => h('div', { class: 'field' },
  h('label', { for: attributes.id }, label),
  h('input', { type: 'text', name: attributes.id, ...attributes }), hint);

/** @param {() => void} send */
const submitting = (send) => ({
  /** @param {SubmitEvent} event */
  submit(event) {
    event.preventDefault();
    send();
  },
});

/** @param {Send} send @param {'contact' | 'code'} name */
const typing = (send, name) => ({
  /** @param {Event & { target: HTMLInputElement }} event */
  input: (event) => send({ is: 'typed', field: name, text: event.target.value }),
});

/** @param {Send} send */
const giveUp = (send) => h('button', {
  type: 'button', class: 'button quiet wide', on: { click: () => send({ is: 'give_up' }) },
}, t('cancel'));

/** @param {ContactsState} state @param {Send} send @returns {Child[]} */
const contactStep = (state, send) => [
  h('form', { class: 'form', novalidate: true, on: submitting(() => send({ is: 'start' })) },
    field({
      id: 'new-contact', inputmode: 'email', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', maxlength: '254',
      'aria-describedby': 'new-contact-hint', 'aria-invalid': state.wrong === 'contact' && 'true', value: state.contact,
      on: typing(send, 'contact'),
    }, t('contact_label'), h('p', { class: 'hint', id: 'new-contact-hint' }, t('contact_hint'))),
    h('button', { type: 'submit', class: 'button wide', 'aria-busy': state.busy === 'start' && 'true' }, t('contact_send')),
    giveUp(send)),
];

/** @param {ContactsState} state @param {Send} send @returns {Child[]} */
const codeStep = (state, send) => [
  h('p', { id: 'new-code-lead' }, t('prove_lead', { contact: shownContact(state.contact) })),
  h('form', { class: 'form', novalidate: true, on: submitting(() => send({ is: 'prove' })) },
    field({
      id: 'new-code', inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: '24', class: 'code-input number',
      'aria-describedby': 'new-code-lead', 'aria-invalid': state.wrong === 'code' && 'true', value: state.code,
      on: typing(send, 'code'),
    }, t('code_label')),
    h('button', { type: 'submit', class: 'button wide', 'aria-busy': state.busy === 'prove' && 'true' }, t('contact_confirm')),
    h('button', {
      type: 'button', class: 'text-button', on: { click: () => send({ is: 'add' }) },
    }, drawing('back'), t('other_contact')),
    giveUp(send)),
];

/** @param {ContactsState} state @param {Send} send @returns {Child[]} */
const passkeyStep = (state, send) => [
  h('p', {}, t('contact_passkey_lead', { contact: shownContact(state.contact) })),
  h('button', {
    type: 'button', class: 'button wide', 'aria-busy': state.busy === 'passkey' && 'true', on: { click: () => send({ is: 'show_passkey' }) },
  }, drawing('key'), t('contact_passkey')),
  giveUp(send),
];

const STEPS = { contact: contactStep, code: codeStep, passkey: passkeyStep };

/** @param {ContactsState} state @param {Send} send @returns {Child} */
function adding(state, send) {
  if (state.contacts === null || state.removing !== null) return null;
  if (state.step !== 'none') {
    return h('section', { key: state.step, class: 'contact-adding', 'aria-labelledby': 'contact-adding' },
      h('h2', { id: 'contact-adding' }, t('contact_add')), problemLine(state), STEPS[state.step](state, send));
  }
  if (!hasRoom(state)) return h('p', { key: 'full', class: 'small soft contact-lead' }, t('contacts_full', { max: state.contacts_max }));
  return h('button', { key: 'add', id: 'contact-add', type: 'button', class: 'button wide', on: { click: () => send({ is: 'add' }) } },
    drawing('plus'), t('contact_add'));
}

/** @param {ContactsState} state */
const problemLine = (state) => h('p', { class: 'problem', role: 'alert' }, problemText(state));

/** @param {ContactsState} state @param {Send} send @returns {Child[]} */
const drawContacts = (state, send) => [
  h('div', { class: 'page-head' },
    h('a', { class: 'round-button', href: '#settings', 'aria-label': t('back') }, own('back', () => icon('back'))),
    h('h1', { tabindex: '-1' }, t('contacts_title'))),
  h('p', { class: 'small soft contact-lead' }, t('contacts_lead')),
  state.step === 'none' && problemLine(state),
  state.contacts === null && h('p', { class: 'soft nothing', role: 'status' }, state.problem === null && t('loading')),
  state.contacts === null && state.problem !== null && h('button', {
    type: 'button', class: 'button quiet wide', on: { click: () => send({ is: 'again' }) },
  }, t('try_again')),
  state.contacts !== null && confirmed(state).length === 0 && h('p', { class: 'soft nothing' }, t('contacts_none')),
  h('ul', { class: 'setting-group contacts', hidden: confirmed(state).length === 0 },
    confirmed(state).map((contact) => row(contact, state, send))),
  removed(state).length > 0 && h('section', { class: 'setting-group', 'aria-labelledby': 'contacts-removed' },
    h('h2', { id: 'contacts-removed', class: 'setting-title' }, t('contacts_removed')),
    h('ul', { class: 'contacts' }, removed(state).map((contact) => row(contact, state, send)))),
  adding(state, send),
];

const PLACES = {
  contact: '#new-contact', code: '#new-code', heading: 'h1', add: '#contact-add', question: '#contact-question',
};

/** @param {() => Promise<ContactsEvent>} ask @returns {Promise<ContactsEvent>} */
async function answerOf(ask) {
  try {
    return await ask();
  } catch (error) {
    const field = error instanceof Refused ? error.field : undefined;
    const isCode = error instanceof Refused && (error.code.startsWith('code_') || field === 'code');
    const wrong = isCode ? 'code' : field === 'contact' ? 'contact' : null;
    return { is: 'failed', error, wrong };
  }
}

/** @param {App} app @param {HTMLElement} place @returns {Performers<ContactsEvent, ContactsEffect>} */
const performers = (app, place) => ({
  read: () => answerOf(async () => {
    const { contacts, contacts_max } = await get('/api/contacts');
    return { is: 'read', contacts, contacts_max };
  }),
  start: ({ contact }) => answerOf(async () => {
    const { addition } = await post('/api/contacts/add/start', { contact, locale: language() });
    return { is: 'started', contact, addition };
  }),
  prove: ({ addition, code }) => answerOf(async () => {
    return { is: 'proved', challenge: await post('/api/contacts/add/prove', { addition, code }) };
  }),
  finish: ({ contact, challenge }) => answerOf(async () => {
    const proof = await answerStepUp(challenge);
    try {
      await app.renewing(() => post('/api/contacts/add/finish', { contact, ...proof }));
    } catch (error) {
      if (error instanceof Refused) return { is: 'gone', error };
      throw error;
    }
    return { is: 'added' };
  }),
  change: ({ change, contact_id }) => answerOf(async () => {
    const path = `/api/contacts/${change}`;
    const proof = await answerStepUp(await post(path, { contact_id }));
    await app.renewing(() => post(path, { contact_id, ...proof }));
    return { is: 'changed', change };
  }),
  tell: ({ key }) => announce(t(key)),
  focus: ({ on }) => focusIn(place, PLACES[on]),
});

/** @param {App} app @returns {WalletView} */
export function contactsView(app) {
  const place = el('main', { class: 'settings' });
  /** @type {Send} */
  const send = (event) => view.send(event);
  /** @type {Machine<ContactsState, ContactsEvent>} */
  const view = machine({
    begin: beginContacts,
    update: updateContacts,
    draw: (state) => patch(place, drawContacts(state, send)),
    perform: performers(app, place),
  });
  return { element: [place], ready: view.start, stop: view.stop };
}
