// The page that the link of a letter leads to, for everybody, signed in or not: what its button does, the button, and what it has done.
// Opening the page does nothing, for programs that look at mail open every link; the press of the button does.

import { post, sentenceOf } from '/assets/api.js';
import { announce, el, whileBusy } from '/assets/elements.js';
import { icon, mark } from '/assets/icons.js';
import { t } from '/assets/i18n.js';

/** @import { WalletView } from '/assets/wallet.js' */

/**
 * @typedef {object} Letter
 * @property {string} path what the secret of the link is posted to
 * @property {{ look: string, picture: string }} button
 * @property {{ title: string, lead: string, safe: string, yes: string, done: string, after: string[], missing: string, to_wallet: string }} words the names of its texts
 */

// By the path that it is posted to: a page that is drawn anew, in the other language, has it still.
/** @type {Map<string, string>} */
const secrets = new Map();

// It leaves the address bar at once, where it would be photographed, shared and kept in the history.
/** @param {string} path */
function takeSecretFromAddress(path) {
  if (location.hash === '') return;
  secrets.set(path, location.hash.slice(1));
  history.replaceState(null, '', location.pathname);
}

/** @param {Letter} letter @returns {WalletView} */
export function letterView({ path, button, words }) {
  takeSecretFromAddress(path);
  const place = el('div', { class: 'permission-ask' });
  const brand = () => el('p', { class: 'permission-who' }, mark(), el('strong', {}, 'Mamori'));
  const heading = (/** @type {string} */ key) => el('h1', { tabindex: '-1' }, t(key));
  const wallet = (/** @type {string} */ look) => el('a', { class: `button ${look} wide`, href: '/' }, t(words.to_wallet));

  function drawDone() {
    secrets.delete(path);
    const title = heading(words.done);
    place.replaceChildren(brand(), title, ...words.after.map((key) => el('p', {}, t(key))), el('div', { class: 'top-up-buttons' }, wallet('')));
    announce(t(words.done), 'assertive');
    title.focus({ preventScroll: true });
  }

  /** @param {string} secret */
  function drawQuestion(secret) {
    const problem = el('p', { class: 'problem', role: 'alert' });
    const yes = el('button', { type: 'button', class: `button ${button.look} wide`, on: { click: () => whileBusy(yes, async () => {
      problem.textContent = '';
      try {
        await post(path, { secret });
        drawDone();
      } catch (error) {
        problem.textContent = sentenceOf(error);
      }
    }) } }, icon(button.picture), t(words.yes));
    place.replaceChildren(brand(), heading(words.title), el('p', {}, t(words.lead)), el('p', { class: 'small soft' }, t(words.safe)),
      problem, el('div', { class: 'top-up-buttons' }, yes, wallet('quiet')));
  }

  const secret = secrets.get(path);
  if (secret === undefined) {
    place.append(brand(), heading(words.title), el('p', { role: 'alert' }, t(words.missing)), el('div', { class: 'top-up-buttons' }, wallet('')));
  } else drawQuestion(secret);
  return { element: [el('main', { class: 'permission-page' }, place)] };
}
