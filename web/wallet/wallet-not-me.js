// The page of a notice, for whoever says "this was not me": the button stops the wallet at once, signed in or not. Opening the page does
// nothing, for programs that look at mail open every link; the press of the button does.

import { post, sentenceOf } from '/assets/api.js';
import { announce, el, whileBusy } from '/assets/elements.js';
import { icon, mark } from '/assets/icons.js';
import { t } from '/assets/i18n.js';

/** @import { WalletView } from '/assets/wallet.js' */

let secret = '';

// It leaves the address bar at once, where it would be photographed, shared and kept in the history.
function takeSecretFromAddress() {
  if (location.hash === '') return;
  secret = location.hash.slice(1);
  history.replaceState(null, '', location.pathname);
}

/** @returns {WalletView} */
export function notMeView() {
  takeSecretFromAddress();
  const place = el('div', { class: 'permission-ask' });
  const brand = () => el('p', { class: 'permission-who' }, mark(), el('strong', {}, 'Mamori'));
  /** @param {string} look */
  const wallet = (look) => el('a', { class: `button ${look} wide`, href: '/' }, t('not_me_to_wallet'));

  function drawDone() {
    secret = '';
    const title = el('h1', { tabindex: '-1' }, t('not_me_done'));
    place.replaceChildren(brand(), title, el('p', {}, t('not_me_done_lead')),
      el('p', {}, t('not_me_done_next')), el('div', { class: 'top-up-buttons' }, wallet('')));
    announce(t('not_me_done'), 'assertive');
    title.focus({ preventScroll: true });
  }

  function drawQuestion() {
    const problem = el('p', { class: 'problem', role: 'alert' });
    const yes = el('button', { type: 'button', class: 'button danger wide', on: { click: () => whileBusy(yes, async () => {
      problem.textContent = '';
      try {
        await post('/api/not-me', { secret });
        drawDone();
      } catch (error) {
        problem.textContent = sentenceOf(error);
      }
    }) } }, icon('lock'), t('not_me_yes'));
    place.replaceChildren(brand(), el('h1', { tabindex: '-1' }, t('not_me_title')), el('p', {}, t('not_me_lead')),
      el('p', { class: 'small soft' }, t('not_me_safe')), problem,
      el('div', { class: 'top-up-buttons' }, yes, wallet('quiet')));
  }

  if (secret === '') {
    place.append(brand(), el('h1', { tabindex: '-1' }, t('not_me_title')), el('p', { role: 'alert' }, t('not_me_missing')),
      el('div', { class: 'top-up-buttons' }, wallet('')));
  } else drawQuestion();
  return { element: [el('main', { class: 'permission-page' }, place)] };
}
