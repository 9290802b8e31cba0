// Help, terms and privacy: for whoever is about to sign up, and for a customer in trouble. Who runs this is asked of the
// server; where the operator has no page of its own for terms or privacy, a plain text stands here.

import { get, sentenceOf } from '/assets/api.js';
import { el } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { hasText, t } from '/assets/i18n.js';
import { languageChoice } from '/assets/language-choice.js';

/** @import { About } from '../types/answers.js' */
/** @import { App, WalletView } from '/assets/wallet.js' */

/** A way to reach the operator, as a link where it is one. @param {string} contact */
export function contactAddress(contact) {
  if (/^https:\/\/\S+$/.test(contact)) return contact;
  if (/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(contact)) return `mailto:${contact}`;
  const number = contact.normalize('NFKC').replace(/[\s()‐-]/g, '');
  return /^\+?\d{9,15}$/.test(number) ? `tel:${number}` : null;
}

/** @param {string} contact */
function contactWords(contact) {
  const href = contactAddress(contact);
  return href === null ? contact : el('a', { href }, contact);
}

/** Paragraphs `name_1`, `name_2` and so on, as many as there are. @param {string} name */
function paragraphs(name) {
  const found = [];
  for (let number = 1; hasText(`${name}_${number}`); number += 1) found.push(t(`${name}_${number}`));
  return found;
}

/** @param {string} page @param {string | null} own the operator's own page @param {string} words */
const paperLink = (page, own, words) => el('a', own === null ? { href: `#${page}` }
  : { href: own, target: '_blank', rel: 'noopener noreferrer' }, words);

/** Asked once for all that a page shows of it. @type {Promise<About> | null} */
let told = null;

/** @returns {Promise<About>} */
export function tellAbout() {
  told ??= get('/api/about').catch((error) => {
    told = null;
    throw error;
  });
  return /** @type {Promise<About>} */ (told);
}

/** The line at sign-up: who runs this, and where its papers are. It fills itself. */
export function operatorLine() {
  const element = el('p', { class: 'small soft operator-line' });
  /** @param {About | null} about */
  const draw = (about) => element.replaceChildren(...[
    ...(about?.operator_name ? [el('span', {}, t('operated_by', { name: about.operator_name }))] : []),
    el('a', { href: '#help' }, t('help_title')),
    paperLink('terms', about?.terms_url ?? null, t('terms_title')),
    paperLink('privacy', about?.privacy_url ?? null, t('privacy_title')),
    ...(about ? [el('span', { class: 'number' }, t('version', { version: about.version }))] : []),
  ]);
  draw(null);
  tellAbout().then(draw, () => { /* the links lead on all the same */ });
  return element;
}

/** A way in for each external ID that the operator offers; nothing where there is none. It fills itself. */
export function externalWays() {
  const element = el('div', { class: 'second-way' });
  tellAbout().then(({ external_ids }) => element.replaceChildren(...external_ids.map(({ name }) => (
    el('a', { class: 'text-button', href: '#external-sign-in' }, icon('person'), t('sign_in_by_external', { name }))))), () => { /* the other ways lead in */ });
  return element;
}

/** @param {About} about */
function operatorCard({ operator_name, operator_contact, terms_url, privacy_url, version }) {
  /** @param {string} word @param {Node | string | null} value */
  const row = (word, value) => value !== null && el('div', {}, el('dt', {}, t(word)), el('dd', {}, value));
  return el('div', { class: 'help-card' },
    el('h2', {}, t('help_operator')),
    el('dl', { class: 'rows' },
      row('operator_name', operator_name),
      row('operator_contact', operator_contact === null ? t('operator_contact_unknown') : contactWords(operator_contact)),
      row('version_word', version)),
    el('p', { class: 'help-links' },
      paperLink('terms', terms_url, t('terms_title')), paperLink('privacy', privacy_url, t('privacy_title'))));
}

/** @param {App} app @param {() => HTMLElement | string} contact */
function lostPhone(app, contact) {
  const isIn = app.home !== null;
  return el('section', { class: 'help-card help-lost', 'aria-labelledby': 'help-lost' },
    el('h2', { id: 'help-lost' }, t('help_lost')),
    el('ol', { class: 'help-steps' }, paragraphs('help_lost').map((words) => el('li', {}, words))),
    el('p', {}, contact()),
    el('a', { class: 'button danger-quiet wide', href: '/freeze' }, icon('lock'), t('lost_phone_button')),
    isIn && app.wallet.status === 'active' && el('button', { type: 'button', class: 'button danger wide', on: { click() {
      app.freeze();
      app.goHome();
    } } }, icon('lock'), t('freeze')));
}

/** @param {App} app */
function helpContent(app) {
  const operator = el('section', {}, el('p', { class: 'soft', role: 'status' }, t('loading')));
  const reach = el('span', {});
  get('/api/about').then((/** @type {About} */ about) => {
    operator.replaceChildren(operatorCard(about));
    const { operator_contact } = about;
    reach.replaceChildren(...(operator_contact === null ? [t('operator_contact_unknown')]
      : [t('help_contact'), contactWords(operator_contact)]));
  }, (error) => operator.replaceChildren(el('p', { class: 'problem', role: 'alert' }, sentenceOf(error))));
  return [
    lostPhone(app, () => reach),
    ['help_code', 'help_top_up', 'help_strange'].map((name) => el('section', { class: 'help-card' },
      el('h2', {}, t(name)), paragraphs(name).map((words) => el('p', {}, words)))),
    operator,
  ];
}

/** @param {string} name */
const plainText = (name) => el('div', { class: 'help-card' },
  el('p', { class: 'small soft' }, t('plain_text_lead')), paragraphs(name).map((words) => el('p', {}, words)));

/** @param {App} app @param {string} name `help`, `terms` or `privacy` @returns {WalletView} */
export function helpView(app, name) {
  const back = name === 'help' ? (app.home === null ? '#' : '#settings') : '#help';
  return {
    element: [el('main', { class: 'settings help' },
      el('div', { class: 'page-head' },
        el('a', { class: 'round-button', href: back, 'aria-label': t('back') }, icon('back')),
        el('h1', { tabindex: '-1' }, t(`${name}_title`))),
      name === 'help' ? helpContent(app) : plainText(name),
      app.home === null && languageChoice())],
  };
}
