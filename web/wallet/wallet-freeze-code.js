// The freeze code of whoever is signed in: whether there is one, and a new one, shown once.

import { get, post, sentenceOf } from '/assets/api.js';
import { announce, el, focusIn, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { shortDateTime, t } from '/assets/i18n.js';
import { ceremonyProblem, nameOf } from '/assets/passkey.js';
import { answerStepUp } from '/assets/wallet-later.js';

/** @import { FreezeCode, FreezeCodeState } from '../types/answers.js' */
/** @import { App, WalletView } from '/assets/wallet.js' */

/** @param {App} app @returns {WalletView} */
export function freezeCodeView(app) {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const place = el('div', { class: 'paper-code' }, el('p', { class: 'soft nothing', role: 'status' }, t('loading')));

  /** @param {unknown} error */
  function tell(error) {
    const key = ceremonyProblem(error);
    if (key !== null) problem.textContent = t(key);
    else problem.textContent = nameOf(error) === 'AbortError' ? '' : sentenceOf(error);
  }

  /** @param {HTMLElement} button */
  const make = (button) => whileBusy(button, async () => {
    problem.textContent = '';
    try {
      const challenge = await post('/api/freeze-code');
      const answer = await answerStepUp(challenge);
      drawCode(await app.renewing(() => post('/api/freeze-code', answer)));
    } catch (error) {
      tell(error);
    }
  });

  /** @param {FreezeCodeState} state */
  function drawState({ made_at_ms, used_at_ms }) {
    const has = made_at_ms !== null;
    const button = el('button', { type: 'button', class: 'button wide', on: { click: () => make(button) } },
      icon('key'), t(has ? 'freeze_code_make_new' : 'freeze_code_make'));
    place.replaceChildren(
      el('p', {}, t('freeze_code_lead')),
      el('p', { class: 'small soft' }, t('freeze_code_only')),
      el('div', { class: 'setting-group' }, el('div', { class: 'setting' }, icon(has ? 'check' : 'alert'),
        el('span', { class: 'setting-words' },
          el('span', {}, has ? t('freeze_code_made', { when: shortDateTime(made_at_ms) }) : t('freeze_code_none')),
          used_at_ms !== null && el('span', { class: 'small' }, t('freeze_code_used', { when: shortDateTime(used_at_ms) }))))),
      used_at_ms !== null ? el('p', { class: 'small' }, t('freeze_code_used_lead')) : '',
      button,
      has ? el('p', { class: 'small soft' }, t('freeze_code_replaces')) : '');
  }

  /** @param {FreezeCode} made */
  function drawCode({ code, page, qr_svg }) {
    const copy = el('button', { type: 'button', class: 'button quiet wide', on: { async click() {
      try {
        await navigator.clipboard.writeText(code);
        announce(t('freeze_code_copied'));
      } catch { /* it stands there to be written down */ }
    } } }, icon('copy'), t('freeze_code_copy'));
    place.replaceChildren(
      el('h2', { tabindex: '-1' }, t('freeze_code_ready')),
      el('p', { class: 'paper-code-text number', translate: 'no' },
        // Two groups a line, on a small phone too.
        el('span', {}, code.slice(0, 12)), el('wbr', {}), el('span', {}, code.slice(12))),
      el('p', {}, t('freeze_code_once')),
      el('img', { class: 'codes-qr', alt: t('freeze_code_qr'), src: `data:image/svg+xml;base64,${btoa(qr_svg)}` }),
      el('p', { class: 'small soft' }, t('freeze_code_scan')),
      el('p', {}, el('span', { class: 'small soft' }, t('freeze_code_where')), el('br', {}), el('span', { class: 'number paper-code-page', translate: 'no' }, page)),
      el('div', { class: 'top-up-buttons' },
        el('button', { type: 'button', class: 'button wide', on: { click: () => window.print() } }, icon('receipt'), t('freeze_code_print')),
        copy,
        el('button', { type: 'button', class: 'button quiet wide', on: { click: () => { load(); } } }, icon('check'), t('freeze_code_kept'))));
    announce(t('freeze_code_done'));
    focusIn(place, 'h2');
  }

  async function load() {
    try {
      drawState(await get('/api/freeze-code'));
    } catch (error) {
      place.replaceChildren();
      tell(error);
    }
  }

  return {
    element: [el('main', { class: 'settings' },
      el('div', { class: 'page-head' },
        el('a', { class: 'round-button', href: '#settings', 'aria-label': t('back') }, icon('back')),
        el('h1', { tabindex: '-1' }, t('freeze_code_title'))),
      problem, place)],
    ready: () => { load(); },
  };
}
