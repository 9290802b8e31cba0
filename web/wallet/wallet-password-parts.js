// What the pages about passwords are made of: a field for a password that can be looked at, a field for a code, and the
// card that sets an authenticator app up. Paste and password managers are welcome in all of them.

import { announce, el } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { t } from '/assets/i18n.js';

/** @import { CodesToSetUp } from '../types/answers.js' */

/**
 * @typedef {object} Field
 * @property {HTMLElement} element
 * @property {HTMLInputElement} input
 * @property {(sentence: string) => void} complain says what is wrong with it, and moves there
 */

/**
 * @param {string} id @param {string} label @param {Record<string, unknown>} attributes
 * @param {string | null} hint @param {(input: HTMLInputElement) => HTMLElement | null} beside @returns {Field}
 */
function field(id, label, attributes, hint, beside = () => null) {
  const problem = el('p', { class: 'field-problem', id: `${id}-problem`, role: 'alert' });
  const described = [`${id}-problem`, hint !== null && `${id}-hint`].filter(Boolean).join(' ');
  const input = el('input', {
    id, name: id, autocapitalize: 'none', spellcheck: 'false', 'aria-describedby': described, ...attributes,
    on: { input: () => {
      input.removeAttribute('aria-invalid');
      problem.textContent = '';
    } },
  });
  const button = beside(input);
  return {
    input,
    element: el('div', { class: 'field' }, el('label', { for: id }, label),
      button === null ? input : el('div', { class: 'field-with-button' }, input, button),
      problem, hint !== null && el('p', { class: 'hint', id: `${id}-hint` }, hint)),
    complain(sentence) {
      input.setAttribute('aria-invalid', 'true');
      problem.textContent = sentence;
      input.focus();
    },
  };
}

/** A password: hidden at first, and shown to whoever wants to see it. @param {string} id @param {'new' | 'current'} which */
export function passwordField(id, which) {
  /** @param {HTMLInputElement} input */
  const showButton = (input) => {
    const button = el('button', { type: 'button', class: 'text-button', 'aria-controls': id, on: { click() {
      const shows = input.type === 'password';
      input.type = shows ? 'text' : 'password';
      say(shows);
    } } });
    /** @param {boolean} shows */
    const say = (shows) => {
      button.textContent = t(shows ? 'password_hide' : 'password_show');
      button.setAttribute('aria-label', t(shows ? 'password_hide_spoken' : 'password_show_spoken'));
    };
    say(false);
    return button;
  };
  const isNew = which === 'new';
  return field(id, t(isNew ? 'password_new' : 'password'),
    { type: 'password', autocomplete: `${which}-password` }, isNew ? t('password_hint') : null, showButton);
}

/** A code of the authenticator app. @param {string} id */
export const codeField = (id) => field(id, t('codes_label'), {
  type: 'text', inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: '24', class: 'code-input number',
}, t('codes_hint'));

/** Whom the password is for: browsers keep both together. @param {string} id @param {string} value */
export const contactField = (id, value) => field(id, t('password_sign_in_contact'), {
  type: 'text', inputmode: 'email', autocomplete: 'username', maxlength: '254', value,
}, null);

/** The digits that were typed, full width and spaces or not; null, and a complaint, for anything else. @param {Field} code */
export function readCode(code) {
  const digits = code.input.value.normalize('NFKC').replace(/[\s\p{Pd}ー−]/gu, '');
  if (/^\d{6}$/.test(digits)) return digits;
  code.complain(t('codes_wrong'));
  return null;
}

/** What was typed; null, and a complaint, where nothing was. @param {Field} password */
export function readPassword(password) {
  if (password.input.value !== '') return password.input.value;
  password.complain(t('password_missing'));
  return null;
}

/** The card that sets an app up: by camera from another screen, by one press on the same phone, or by hand. @param {CodesToSetUp} codes */
export function codesCard({ key, uri, qr_svg }) {
  const copy = el('button', { type: 'button', class: 'button quiet wide', on: { async click() {
    try {
      await navigator.clipboard.writeText(key.replaceAll(' ', ''));
      announce(t('codes_copied'));
    } catch { /* the key stands there to be typed */ }
  } } }, icon('copy'), t('codes_copy'));
  return el('section', { class: 'codes-card', 'aria-labelledby': 'codes-title' },
    el('h2', { id: 'codes-title' }, t('codes_title')),
    el('p', {}, t('codes_lead')),
    el('img', { class: 'codes-qr', alt: t('codes_qr'), src: `data:image/svg+xml;base64,${btoa(qr_svg)}` }),
    el('a', { class: 'button soft-fill wide', href: uri }, icon('phone'), t('codes_open')),
    el('p', { class: 'codes-key' }, el('span', { class: 'small soft' }, t('codes_key')), el('span', { class: 'number', translate: 'no' }, key)),
    copy,
    el('p', { class: 'small soft' }, t('codes_secret')));
}

/** Which field a refusal of the server is about. @param {string} code @returns {'password' | 'code' | null} */
export function refusedField(code) {
  if (code.startsWith('password_')) return 'password';
  return code === 'code_wrong' ? 'code' : null;
}
