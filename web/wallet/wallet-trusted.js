// An invitation to help somebody with a recovery: the link's page, for whoever is signed in.

import { post, sentenceOf } from '/assets/api.js';
import { announce, el, whileBusy } from '/assets/elements.js';
import { mark } from '/assets/icons.js';
import { t } from '/assets/i18n.js';

/** @import { WalletView } from '/assets/wallet.js' */

// Kept in this tab while its owner signs in.
const KEPT = 'mamori.invitation';
let secret = '';

function takeSecretFromAddress() {
  try {
    if (location.hash !== '') sessionStorage.setItem(KEPT, location.hash.slice(1));
    secret = sessionStorage.getItem(KEPT) ?? '';
  } catch {
    secret = location.hash.slice(1);
  }
  if (location.hash !== '') history.replaceState(null, '', location.pathname);
}

function forget() {
  secret = '';
  try {
    sessionStorage.removeItem(KEPT);
  } catch { /* it was never kept */ }
}

/** @returns {WalletView} */
export function trustedView() {
  takeSecretFromAddress();
  const place = el('div', { class: 'permission-ask' });
  const brand = () => el('p', { class: 'permission-who' }, mark(), el('strong', {}, 'Mamori'));
  const toWallet = () => el('a', { class: 'button wide', href: '/' }, t('trusted_to_wallet'));

  /** @param {string} sentence */
  function drawEnd(sentence) {
    const title = el('h1', { tabindex: '-1' }, t('trusted_title'));
    place.replaceChildren(brand(), title, el('p', { role: 'alert' }, sentence), el('div', { class: 'top-up-buttons' }, toWallet()));
    title.focus({ preventScroll: true });
  }

  /** @param {string} name */
  function drawQuestion(name) {
    const problem = el('p', { class: 'problem', role: 'alert' });
    const yes = el('button', { type: 'button', class: 'button wide', on: { click: () => whileBusy(yes, async () => {
      problem.textContent = '';
      try {
        await post('/api/recovery/trusted/accept', { invitation: secret });
        forget();
        drawEnd(t('trusted_done'));
        announce(t('trusted_done'));
      } catch (error) {
        problem.textContent = sentenceOf(error);
      }
    }) } }, t('trusted_yes'));
    const no = el('a', { class: 'button quiet wide', href: '/', on: { click: forget } }, t('trusted_no'));
    place.replaceChildren(brand(), el('h1', { tabindex: '-1' }, t('trusted_title')), el('p', {}, t('trusted_lead', { name })),
      el('p', { class: 'small soft' }, t('trusted_what', { name })), problem, el('div', { class: 'top-up-buttons' }, yes, no));
  }

  place.append(brand(), el('h1', { tabindex: '-1' }, t('trusted_title')), el('p', { class: 'soft', role: 'status' }, t('loading')));
  return {
    element: [el('main', { class: 'permission-page' }, place)],
    async ready() {
      try {
        const { name } = await post('/api/recovery/trusted/look', { invitation: secret });
        drawQuestion(name);
      } catch (error) {
        const isOut = error instanceof Error && 'status' in error && error.status === 401;
        drawEnd(isOut ? t('trusted_sign_in') : sentenceOf(error));
      }
    },
  };
}
