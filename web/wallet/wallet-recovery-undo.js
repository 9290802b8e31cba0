// The page of a letter that tells of a recovery: whoever has its secret stops it, signed in or not. Opening the page does nothing, for
// programs that look at mail open every link; the press of a button does.

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
export function recoveryUndoView() {
  takeSecretFromAddress();
  const place = el('div', { class: 'permission-ask' });
  const brand = () => el('p', { class: 'permission-who' }, mark(), el('strong', {}, 'Mamori'));
  /** @param {string} look */
  const wallet = (look) => el('a', { class: `button ${look} wide`, href: '/' }, t('undo_to_wallet'));

  function drawDone() {
    secret = '';
    const title = el('h1', { tabindex: '-1' }, t('undo_recovery_done'));
    place.replaceChildren(brand(), title, el('p', {}, t('undo_recovery_done_lead')), el('div', { class: 'top-up-buttons' }, wallet('')));
    announce(t('undo_recovery_done'), 'assertive');
    title.focus({ preventScroll: true });
  }

  function drawQuestion() {
    const problem = el('p', { class: 'problem', role: 'alert' });
    const yes = el('button', { type: 'button', class: 'button wide', on: { click: () => whileBusy(yes, async () => {
      problem.textContent = '';
      try {
        await post('/api/undo-recovery', { secret });
        drawDone();
      } catch (error) {
        problem.textContent = sentenceOf(error);
      }
    }) } }, icon('undo'), t('undo_recovery_yes'));
    place.replaceChildren(
      brand(),
      el('h1', { tabindex: '-1' }, t('undo_recovery_title')),
      el('p', {}, t('undo_recovery_lead')),
      el('p', { class: 'small soft' }, t('undo_recovery_safe')),
      problem,
      el('div', { class: 'top-up-buttons' }, yes, wallet('quiet')));
  }

  if (secret === '') {
    place.append(brand(), el('h1', { tabindex: '-1' }, t('undo_recovery_title')), el('p', { role: 'alert' }, t('undo_missing')),
      el('div', { class: 'top-up-buttons' }, wallet('')));
  } else drawQuestion();
  return { element: [el('main', { class: 'permission-page' }, place)] };
}
