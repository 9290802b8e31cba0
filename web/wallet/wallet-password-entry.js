// The way in for a phone that knows no passkeys: signing up with a password and an authenticator app, and signing in with
// them. What was wrong with a sign-in the server never says, and neither does this page.

import { Refused, post, sentenceOf } from '/assets/api.js';
import { announce, el, focusIn, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { t } from '/assets/i18n.js';
import { languageChoice } from '/assets/language-choice.js';
import { tellAbout } from '/assets/wallet-help.js';
import { later } from '/assets/wallet-later.js';
import { keepSignUp, keptIn } from '/assets/wallet-memory.js';
import {
  codeField, codesCard, contactField, passwordField, readCode, readPassword, refusedField,
} from '/assets/wallet-password-parts.js';

/** @import { Content } from '../types/pages.js' */
/** @import { CodesToSetUp, ExternalProvider } from '../types/answers.js' */
/** @import { App, WalletView } from '/assets/wallet.js' */

const CODES = 'mamori.codes';
// As long as the server takes them.
const CODES_LIFE_MS = 15 * 60_000;

/**
 * A phone drops the page while its owner is in the authenticator app; a new secret would not be the one that was typed there. Kept
 * in this tab alone, until the sign-up is done.
 * @param {string} sign_up @returns {CodesToSetUp | null}
 */
function keptCodes(sign_up) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(CODES) ?? 'null');
    return kept?.sign_up === sign_up && Math.abs(Date.now() - kept.at_ms) < CODES_LIFE_MS ? kept.codes : null;
  } catch {
    return null;
  }
}

/** @param {string} sign_up @param {CodesToSetUp | null} codes */
function keepCodes(sign_up, codes) {
  try {
    if (codes === null) sessionStorage.removeItem(CODES);
    else sessionStorage.setItem(CODES, JSON.stringify({ sign_up, codes, at_ms: Date.now() }));
  } catch { /* then a page that was dropped begins with a new secret */ }
}

/** @param {string} title @param {Content[]} content */
const page = (title, ...content) => [
  el('main', { class: 'password-entry' },
    el('div', { class: 'page-head' }, el('h1', { tabindex: '-1' }, title)),
    content,
    languageChoice()),
];

/** @param {HTMLElement} form @param {() => Promise<void>} send @param {HTMLElement} button */
function onSubmit(form, button, send) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    whileBusy(button, send);
  });
}

/** The third screen's second way. @param {App} app @returns {WalletView} */
export function passwordSignUpView(app) {
  const begun = keptIn('sessionStorage') ?? keptIn('localStorage');
  const sign_up = typeof begun?.sign_up === 'string' ? begun.sign_up : '';
  const problem = el('p', { class: 'problem', role: 'alert' });
  const place = el('div', { class: 'password-panel' });

  /** What was begun is over: the first step is all that is left. @param {string} sentence */
  function drawGone(sentence) {
    keepCodes(sign_up, null);
    keepSignUp(null);
    problem.textContent = sentence;
    place.replaceChildren(el('button', { type: 'button', class: 'button wide', on: { click: () => app.goHome() } }, t('password_begin_again')));
  }

  /** @param {unknown} error */
  function tell(error) {
    if (error instanceof Refused && error.code === 'code_expired') drawGone(t('password_sign_up_gone'));
    else problem.textContent = sentenceOf(error);
  }

  /** @param {CodesToSetUp} codes */
  function drawForm(codes) {
    const contact = contactField('password-contact', String(begun?.contact ?? ''));
    contact.input.readOnly = true;
    const password = passwordField('new-password', 'new');
    const code = codeField('totp');
    const go = el('button', { type: 'submit', class: 'button wide' }, icon('check'), t('password_sign_up_go'));
    const form = el('form', { class: 'form', novalidate: true }, contact.element, password.element, codesCard(codes), code.element, go);
    onSubmit(form, go, async () => {
      problem.textContent = '';
      const typed = readPassword(password);
      const digits = typed === null ? null : readCode(code);
      if (typed === null || digits === null) return;
      try {
        await post('/api/sign-up/password/finish', { enrolment: codes.enrolment, password: typed, code: digits });
        keepCodes(sign_up, null);
        await app.enter();
      } catch (error) {
        const wrong = error instanceof Refused ? refusedField(error.code) : null;
        if (wrong === null) tell(error);
        else (wrong === 'password' ? password : code).complain(sentenceOf(error));
      }
    });
    place.replaceChildren(form, externalWays(),
      el('a', { class: 'text-button', href: '#' }, icon('key'), t('password_to_passkey')));
  }

  /** An account at another provider in place of the password, where the operator offers one. */
  function externalWays() {
    const ways = el('div', { class: 'second-way' });
    /** @param {ExternalProvider} offered */
    const way = ({ provider, name }) => {
      const button = el('button', { type: 'button', class: 'text-button', on: { click: () => whileBusy(button, async () => {
        problem.textContent = '';
        try {
          const { address } = await post('/api/sign-up/external-id/start', { sign_up, provider });
          const { leaveFor } = await later.external_id();
          leaveFor('sign-up', address);
        } catch (error) {
          tell(error);
        }
      }) } }, icon('person'), t('external_sign_up', { name }));
      return button;
    };
    tellAbout().then(({ external_ids }) => ways.replaceChildren(...external_ids.map(way)), () => { /* the other ways lead on */ });
    return ways;
  }

  async function load() {
    const kept = keptCodes(sign_up);
    if (kept !== null) {
      drawForm(kept);
      return;
    }
    try {
      /** @type {CodesToSetUp} */
      const codes = await post('/api/sign-up/password/start', { sign_up });
      keepCodes(sign_up, codes);
      drawForm(codes);
    } catch (error) {
      tell(error);
    }
  }

  return {
    element: page(t('password_sign_up_title'),
      el('p', { class: 'panel-lead' }, t('password_lead')),
      el('p', { class: 'small soft' }, t('password_phishing')), problem, place),
    ready() {
      if (sign_up === '') drawGone(t('password_sign_up_gone'));
      else load();
    },
  };
}

/** @param {App} app @returns {WalletView} */
export function passwordSignInView(app) {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const place = el('div', { class: 'password-panel' });

  /** @param {unknown} error */
  const tell = (error) => {
    problem.textContent = sentenceOf(error);
  };

  /** @param {string} typed */
  function drawPassword(typed) {
    const contact = contactField('sign-in-contact', typed);
    const password = passwordField('current-password', 'current');
    const go = el('button', { type: 'submit', class: 'button wide' }, t('password_sign_in_next'));
    const form = el('form', { class: 'form', novalidate: true }, el('p', { class: 'panel-lead' }, t('password_sign_in_lead')), contact.element, password.element, go);
    onSubmit(form, go, async () => {
      problem.textContent = '';
      const name = contact.input.value.trim();
      if (name === '') {
        contact.complain(t('password_sign_in_contact_missing'));
        return;
      }
      const words = readPassword(password);
      if (words === null) return;
      try {
        const { sign_in } = await post('/api/password/sign-in/start', { contact: name, password: words });
        drawCode(sign_in, name);
      } catch (error) {
        if (error instanceof Refused && error.field === 'contact') contact.complain(sentenceOf(error));
        else tell(error);
      }
    });
    place.replaceChildren(form, el('a', { class: 'text-button', href: '#' }, icon('key'), t('password_to_passkey_sign_in')));
  }

  /** The same for everybody, known or not. @param {string} sign_in @param {string} contact */
  function drawCode(sign_in, contact) {
    const code = codeField('totp');
    const go = el('button', { type: 'submit', class: 'button wide' }, t('password_sign_in_go'));
    const form = el('form', { class: 'form', novalidate: true },
      el('h2', { tabindex: '-1' }, t('password_code_title')), el('p', { class: 'panel-lead' }, t('password_code_lead')), code.element, go);
    const again = () => {
      problem.textContent = '';
      drawPassword(contact);
      focusIn(place, '#current-password');
    };
    onSubmit(form, go, async () => {
      problem.textContent = '';
      const digits = readCode(code);
      if (digits === null) return;
      try {
        await post('/api/password/sign-in/finish', { sign_in, code: digits });
        await app.enter({ withPassword: true });
      } catch (error) {
        if (error instanceof Refused && error.code === 'sign_in_expired') again();
        tell(error);
        code.input.value = '';
      }
    });
    place.replaceChildren(form,
      el('button', { type: 'button', class: 'text-button', on: { click: again } }, icon('back'), t('password_other')));
    announce(t('password_code_title'));
    code.input.focus();
  }

  drawPassword('');
  return { element: page(t('password_sign_in_title'), problem, place) };
}
