// Closing the wallet: what it means, how the money is wanted, and thinking again.

import { get, post, sentenceOf } from '/assets/api.js';
import { announce, el, focusIn, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { shortDateTime, t, yen } from '/assets/i18n.js';
import { ceremonyProblem, nameOf } from '/assets/passkey.js';
import { answerStepUp } from '/assets/wallet-later.js';

/** @import { App, WalletView } from '/assets/wallet.js' */

const PAYOUT_MAX = 200;

/** @param {App} app @returns {WalletView} */
export function closingView(app) {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const place = el('div', { class: 'my-data' }, el('p', { class: 'soft nothing', role: 'status' }, t('loading')));

  /** @param {unknown} error */
  function tell(error) {
    const key = ceremonyProblem(error);
    if (key !== null) problem.textContent = t(key);
    else problem.textContent = nameOf(error) === 'AbortError' ? '' : sentenceOf(error);
  }

  /** @param {HTMLElement} button @param {() => Promise<void>} act */
  const trying = (button, act) => whileBusy(button, async () => {
    problem.textContent = '';
    try {
      await act();
    } catch (error) {
      tell(error);
    }
  });

  function drawQuestion() {
    const { balance, held } = app.wallet;
    const input = /** @type {HTMLTextAreaElement} */ (el('textarea', { id: 'payout', rows: 3, maxlength: PAYOUT_MAX, 'aria-describedby': 'payout-hint' }));
    const yes = el('button', { type: 'submit', class: 'button danger wide' }, icon('leave'), t('closing_yes'));
    const form = el('form', { class: 'form', novalidate: true, on: {
      /** @param {SubmitEvent} event */
      submit(event) {
        event.preventDefault();
        const payout = input.value.trim();
        if (payout === '') {
          problem.textContent = t('closing_missing');
          input.focus();
          return;
        }
        trying(yes, async () => {
          const answer = await answerStepUp(await post('/api/closing', { payout }));
          await app.renewing(() => post('/api/closing', { payout, ...answer }));
          app.setStatus('frozen');
          await load();
          announce(t('closing_asked'));
          focusIn(place, 'h2');
        });
      },
    } },
    el('div', { class: 'field' }, el('label', { for: 'payout' }, t('closing_payout')), input, el('p', { id: 'payout-hint', class: 'hint' }, t('closing_payout_hint'))),
    yes);
    place.replaceChildren(
      el('p', {}, t('closing_lead')),
      el('ol', { class: 'help-steps' }, ['closing_step_1', 'closing_step_2', 'closing_step_3'].map((key) => el('li', {}, t(key)))),
      el('p', {}, t('closing_left', { amount: yen(balance + held) })),
      el('p', {}, el('a', { class: 'text-button', href: '#my-data' }, t('closing_data_first'))),
      form);
  }

  /** @param {number} asked_at_ms */
  function drawAsked(asked_at_ms) {
    const keep = el('button', { type: 'button', class: 'button wide', on: { click: () => trying(keep, async () => {
      await post('/api/closing/withdraw');
      await load();
      announce(t('closing_kept'));
    }) } }, icon('undo'), t('closing_keep'));
    place.replaceChildren(
      el('h2', { tabindex: '-1' }, t('closing_asked')),
      el('p', {}, t('closing_since', { when: shortDateTime(asked_at_ms) })),
      el('p', {}, t('closing_next')), keep,
      el('p', { class: 'small soft' }, t('closing_keep_hint')));
  }

  async function load() {
    try {
      /** @type {{ asked_at_ms: number | null }} */
      const { asked_at_ms } = await get('/api/closing');
      if (asked_at_ms === null) drawQuestion();
      else drawAsked(asked_at_ms);
    } catch (error) {
      place.replaceChildren();
      tell(error);
    }
  }

  return {
    element: [el('main', { class: 'settings' },
      el('div', { class: 'page-head' },
        el('a', { class: 'round-button', href: '#settings', 'aria-label': t('back') }, icon('back')),
        el('h1', { tabindex: '-1' }, t('closing_title'))),
      problem, place)],
    ready: () => { load(); },
  };
}
