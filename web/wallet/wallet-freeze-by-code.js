// Where a code on paper stops a wallet, for everybody. The code may stand behind the `#`, as the printed picture has it; opening the
// page does nothing, the press of the button does. Right and wrong look the same.

import { Refused, post, sentenceOf } from '/assets/api.js';
import { announce, el, whileBusy } from '/assets/elements.js';
import { icon, mark } from '/assets/icons.js';
import { t } from '/assets/i18n.js';

/** @import { WalletView } from '/assets/wallet.js' */

// It leaves the address bar at once, where it would be photographed, shared and kept in the history.
function takeCodeFromAddress() {
  const code = decodeURIComponent(location.hash.slice(1));
  if (location.hash !== '') history.replaceState(null, '', location.pathname);
  return code;
}

/** @returns {WalletView} */
export function freezeByCodeView() {
  const place = el('div', { class: 'permission-ask' });
  const brand = () => el('p', { class: 'permission-who' }, mark(), el('strong', {}, 'Mamori'));

  function drawDone() {
    const title = el('h1', { tabindex: '-1' }, t('stop_done'));
    place.replaceChildren(brand(), title,
      el('p', {}, t('stop_done_lead')), el('p', {}, t('stop_done_back')), el('p', { class: 'small soft' }, t('stop_done_unknown')),
      el('div', { class: 'top-up-buttons' },
        el('a', { class: 'button wide', href: '/' }, t('stop_to_wallet')),
        el('button', { type: 'button', class: 'button quiet wide', on: { click: () => drawQuestion('') } }, t('stop_again'))));
    announce(t('stop_done'), 'assertive');
    title.focus({ preventScroll: true });
  }

  /** @param {string} code */
  function drawQuestion(code) {
    const problem = el('p', { class: 'problem', role: 'alert' });
    const input = /** @type {HTMLInputElement} */ (el('input', {
      id: 'freeze-code', type: 'text', class: 'number', autocomplete: 'off', autocapitalize: 'characters', spellcheck: 'false', maxlength: 60,
      placeholder: 'XXXXX-XXXXX-XXXXX-XXXXX', 'aria-describedby': 'freeze-code-hint', value: code,
    }));
    /** @param {string} sentence */
    function complain(sentence) {
      problem.textContent = sentence;
      input.setAttribute('aria-invalid', 'true');
      input.focus();
    }
    async function send() {
      problem.textContent = '';
      input.removeAttribute('aria-invalid');
      if (input.value.trim() === '') {
        complain(t('stop_missing'));
        return;
      }
      try {
        await post('/api/freeze-by-code', { code: input.value });
        drawDone();
      } catch (error) {
        if (error instanceof Refused && error.field === 'code') complain(t('stop_mistyped'));
        else problem.textContent = sentenceOf(error);
      }
    }
    const yes = el('button', { type: 'submit', class: 'button danger wide' }, icon('lock'), t('stop_yes'));
    const form = el('form', { class: 'form', novalidate: true, on: {
      /** @param {SubmitEvent} event */
      submit(event) {
        event.preventDefault();
        whileBusy(yes, send);
      },
    } },
    el('div', { class: 'field' }, el('label', { for: 'freeze-code' }, t('stop_label')), input,
      el('p', { class: 'hint', id: 'freeze-code-hint' }, t('stop_hint'))),
    problem, yes);
    place.replaceChildren(brand(), el('h1', { tabindex: '-1' }, t('stop_title')), el('p', {}, t('stop_lead')), form,
      el('p', {}, el('a', { class: 'text-button', href: '/' }, t('stop_to_wallet'))));
  }

  drawQuestion(takeCodeFromAddress());
  return { element: [el('main', { class: 'permission-page' }, place)] };
}
