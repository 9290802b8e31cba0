// Password and authenticator app of whoever is signed in: set up, changed, switched, removed. Each of these asks for the
// passkey, or for a code where there is none.

import { Refused, get, post, sentenceOf } from '/assets/api.js';
import { announce, el, focusIn, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { shortDateTime, t } from '/assets/i18n.js';
import { ceremonyProblem, nameOf } from '/assets/passkey.js';
import { answerStepUp } from '/assets/wallet-later.js';
import {
  codeField, codesCard, passwordField, readCode, readPassword, refusedField,
} from '/assets/wallet-password-parts.js';

/** @import { CodesToSetUp, PasswordState } from '../types/answers.js' */
/** @import { App, WalletView } from '/assets/wallet.js' */
/** @import { Field } from '/assets/wallet-password-parts.js' */

/** @param {App} app @returns {WalletView} */
export function passwordView(app) {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const place = el('div', { class: 'password-panel' }, el('p', { class: 'small soft' }, t('loading')));

  /** @param {unknown} error */
  function tell(error) {
    const key = ceremonyProblem(error);
    if (key !== null) problem.textContent = t(key);
    else problem.textContent = nameOf(error) === 'AbortError' ? '' : sentenceOf(error);
  }

  /** An act with its step-up: asked twice with the same fields. @param {string} path @param {object} body */
  async function proven(path, body) {
    const challenge = await post(path, body);
    const answer = await answerStepUp(challenge);
    await app.renewing(() => post(path, { ...body, ...answer }));
  }

  /** @param {HTMLElement} button @param {() => Promise<void>} act @param {string} done */
  const acting = (button, act, done) => whileBusy(button, async () => {
    problem.textContent = '';
    try {
      await act();
      await load();
      announce(t(done));
      focusIn(place, 'h2');
    } catch (error) {
      tell(error);
    }
  });

  /**
   * A form for a new password, a new app, or both.
   * @param {{ title: string, go: string, done: string, password: boolean, codes: CodesToSetUp | null }} what
   */
  function drawForm({ title, go, done, password, codes }) {
    const words = password ? passwordField('new-password', 'new') : null;
    const code = codes === null ? null : codeField('totp');
    const button = el('button', { type: 'submit', class: 'button wide' }, icon('key'), t(go));
    const form = el('form', { class: 'form', novalidate: true, on: {
      /** @param {SubmitEvent} event */
      submit(event) {
        event.preventDefault();
        whileBusy(button, send);
      },
    } },
    el('h2', { tabindex: '-1' }, t(title)),
    words?.element, codes !== null && codesCard(codes), code?.element, button,
    el('button', { type: 'button', class: 'button quiet wide', on: { click: () => { load(); } } }, t('cancel')));

    async function send() {
      problem.textContent = '';
      /** @type {Record<string, string>} */
      const body = {};
      if (words !== null) {
        const typed = readPassword(words);
        if (typed === null) return;
        body.password = typed;
      }
      if (code !== null && codes !== null) {
        const digits = readCode(code);
        if (digits === null) return;
        Object.assign(body, { enrolment: codes.enrolment, code: digits });
      }
      try {
        await proven('/api/password/set', body);
        await load();
        announce(t(done));
        focusIn(place, 'h2');
      } catch (error) {
        const wrong = error instanceof Refused ? refusedField(error.code) : null;
        /** @type {Field | null} */
        const named = wrong === 'password' ? words : wrong === 'code' ? code : null;
        if (named === null) tell(error);
        else named.complain(sentenceOf(error));
      }
    }

    place.replaceChildren(form);
    focusIn(place, 'input');
  }

  /** @param {HTMLElement} button @param {(codes: CodesToSetUp) => void} draw */
  const withCodes = (button, draw) => whileBusy(button, async () => {
    problem.textContent = '';
    try {
      draw(await post('/api/password/codes'));
    } catch (error) {
      tell(error);
    }
  });

  /** @param {string} drawing @param {string} words @param {string | null} hint @param {(button: HTMLElement) => void} act */
  function row(drawing, words, hint, act, look = '') {
    const button = el('button', { type: 'button', class: `setting setting-button ${look}`, on: { click: () => act(button) } },
      icon(drawing), el('span', { class: 'setting-words' }, el('span', {}, t(words)), hint !== null && el('span', { class: 'small soft' }, hint)), icon('forward'));
    return button;
  }

  function drawOff() {
    const button = el('button', { type: 'button', class: 'button wide', on: { click: () => withCodes(button, (codes) => drawForm({
      title: 'password_set_up', go: 'password_set_up', done: 'password_set', password: true, codes,
    })) } }, t('password_set_up'));
    place.replaceChildren(el('h2', { tabindex: '-1' }, t('password_off')), el('p', {}, t('password_off_lead')),
      el('p', { class: 'small soft' }, t('password_phishing')), button);
  }

  /** @param {PasswordState} state */
  function drawOn({ beside_passkeys, passkeys, made_at_ms, used_at_ms, codes_made_at_ms }) {
    const beside = el('button', {
      type: 'button', role: 'switch', class: 'switch', 'aria-checked': String(beside_passkeys),
      'aria-labelledby': 'beside-name', 'aria-describedby': 'beside-hint',
      on: { click: () => acting(beside, () => proven('/api/password/beside-passkeys', { on: !beside_passkeys }),
        beside_passkeys ? 'password_beside_off' : 'password_beside_on') },
    }, el('span', { class: 'switch-knob', 'aria-hidden': 'true' }));
    const used = used_at_ms === null ? t('password_never_used') : t('password_used', { when: shortDateTime(used_at_ms) });
    place.replaceChildren(
      el('h2', { tabindex: '-1' }, t('password_since', { when: shortDateTime(made_at_ms ?? 0) })),
      el('p', { class: 'small soft' }, used),
      el('div', { class: 'setting-group' },
        row('key', 'password_change', null, () => drawForm({
          title: 'password_change', go: 'password_change_go', done: 'password_changed', password: true, codes: null,
        })),
        row('phone', 'codes_again', t('codes_again_hint', { when: shortDateTime(codes_made_at_ms ?? 0) }), (button) => withCodes(button, (codes) => drawForm({
          title: 'codes_again', go: 'codes_again_go', done: 'codes_changed', password: false, codes,
        }))),
        passkeys > 0 && el('div', { class: 'setting' }, icon('unlock'),
          el('span', { class: 'setting-words' }, el('span', { id: 'beside-name' }, t('password_beside')), el('span', { id: 'beside-hint', class: 'small soft' }, t('password_beside_hint'))), beside),
        passkeys > 0 && row('cross', 'password_remove', null, (button) => {
          acting(button, () => proven('/api/password/remove', {}), 'password_removed');
        }, 'setting-danger')),
      ...(passkeys === 0 ? [el('p', { class: 'small soft' }, t('password_only_way'))] : []));
  }

  async function load() {
    try {
      /** @type {PasswordState} */
      const state = await get('/api/password');
      if (state.set) drawOn(state);
      else drawOff();
    } catch (error) {
      tell(error);
    }
  }

  return {
    element: [el('main', { class: 'settings password-entry' },
      el('div', { class: 'page-head' },
        el('a', { class: 'round-button', href: '#settings', 'aria-label': t('back') }, icon('back')),
        el('h1', { tabindex: '-1' }, t('password_title'))),
      el('p', { class: 'panel-lead' }, t('password_lead')), problem, place)],
    ready: load,
  };
}
