// Standing permissions: which shops may take money without a code being shown, taking that back, and the answer to a shop
// that asks. A shop sends its customer to `/app/opa/user_authorization` with a signed request; the server judges it.

import { Refused, get, post, sentenceOf } from '/assets/api.js';
import { announce, el, focusIn, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { shortDateTime, t } from '/assets/i18n.js';
import { ceremonyProblem } from '/assets/passkey.js';
import { answerStepUp } from '/assets/wallet-later.js';

/** @import { AskedLink, Permission } from '../types/answers.js' */
/** @import { App, WalletView } from '/assets/wallet.js' */

/** @typedef {{ api_key: string, request_token: string }} Link A shop's request, as its address has it. */

const LINK_PATH = '/app/opa/user_authorization';
const KEPT = 'mamori.permission-link';

// The request leaves the address bar at once: it would be photographed, shared and kept in the history with the page. It is
// kept for this window instead, because signing in or a reload may come before the answer.
function takeLinkFromAddress() {
  const asked = new URLSearchParams(location.search);
  const request_token = asked.get('requestToken');
  if (location.pathname !== LINK_PATH || request_token === null) return;
  const link = { api_key: asked.get('apiKey') ?? '', request_token };
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(link));
  } catch { /* without storage the link is gone after a reload */ }
  kept = link;
  history.replaceState(null, '', LINK_PATH);
}

/** @type {Link | null} */
let kept = null;

function keptLink() {
  if (kept !== null) return kept;
  try {
    kept = JSON.parse(sessionStorage.getItem(KEPT) ?? 'null');
  } catch {
    kept = null;
  }
  return kept;
}

function forgetLink() {
  kept = null;
  try { sessionStorage.removeItem(KEPT); } catch { /* nothing was kept */ }
}

takeLinkFromAddress();

/** The line of the settings that leads to the list. */
export function permissionsSetting() {
  return el('a', { class: 'setting setting-button', href: '#permissions' }, icon('shop'),
    el('span', { class: 'setting-words' },
      el('span', {}, t('permissions')), el('span', { class: 'small soft' }, t('permissions_hint'))),
    icon('forward'));
}

const backLink = () => el('a', { class: 'text-button permission-back', href: '#settings' }, icon('back'), t('back'));

/** @returns {WalletView} */
export function permissionsView() {
  const title = el('h1', { tabindex: '-1' }, t('permissions'));
  const problem = el('p', { class: 'problem', role: 'alert' });
  const place = el('div', {}, el('p', { class: 'soft nothing', role: 'status' }, t('loading')));

  /** @param {Permission} permission */
  function row({ permission_id, merchant, since_ms }) {
    const name = merchant ?? t('permission_unnamed');
    const label = t('permission_revoke_named', { merchant: name });
    const since = since_ms === null ? t('permission_since_unknown') : t('permission_since', { when: shortDateTime(since_ms) });
    const ask = el('button', {
      type: 'button', class: 'text-button', 'aria-label': label, on: { click: () => drawQuestion() },
    }, t('permission_revoke'));
    const line = el('div', { class: 'setting' }, icon('shop'),
      el('span', { class: 'setting-words' },
        el('span', { class: 'permission-name' }, name), el('span', { class: 'small soft number' }, since)),
      ask);
    const item = el('li', {}, line);

    // Taking back needs no passkey, so one question stands before it: a slip of the thumb would end a subscription.
    function drawQuestion() {
      const yes = el('button', {
        type: 'button', class: 'button wide danger',
        on: { click: () => whileBusy(yes, () => revoke(permission_id, name)) },
      }, t('permission_revoke_yes'));
      const keep = () => {
        question.remove();
        line.hidden = false;
        ask.focus({ preventScroll: true });
      };
      const no = el('button', { type: 'button', class: 'button quiet wide', on: { click: keep } }, t('cancel'));
      const question = el('div', { class: 'permission-question', role: 'group', 'aria-label': label },
        el('p', {}, t('permission_revoke_question', { merchant: name })), yes, no);
      line.hidden = true;
      item.append(question);
      yes.focus({ preventScroll: true });
    }
    return item;
  }

  async function load() {
    try {
      /** @type {{ permissions: Permission[] }} */
      const { permissions } = await get('/api/permissions');
      place.replaceChildren(permissions.length === 0
        ? el('p', { class: 'soft nothing' }, t('permissions_none'))
        : el('ul', { class: 'setting-group permissions' }, permissions.map(row)));
    } catch (error) {
      place.replaceChildren();
      problem.textContent = sentenceOf(error);
    }
  }

  /** @param {string} permission_id @param {string} merchant */
  async function revoke(permission_id, merchant) {
    problem.textContent = '';
    try {
      await post('/api/permissions/revoke', { permission_id });
    } catch (error) {
      // It was taken back in another window meanwhile: what was wanted is so.
      if (!(error instanceof Refused && error.status === 404)) {
        problem.textContent = sentenceOf(error);
        return;
      }
    }
    await load();
    announce(t('permission_revoked', { merchant }));
    title.focus({ preventScroll: true });
  }

  load();
  return {
    element: [el('main', { class: 'settings' },
      el('div', { class: 'page-head' }, backLink(), title),
      el('p', { class: 'soft permission-lead' }, t('permissions_lead')), problem, place)],
  };
}

/** Whether an address from the server is one that a browser may be sent to. @param {string | null} address */
function wayBack(address) {
  if (address === null) return null;
  const url = new URL(address);
  return ['https:', 'http:'].includes(url.protocol) ? url.href : null;
}

/** @param {App} app @returns {WalletView} */
export function linkView(app) {
  const link = keptLink();
  const place = el('div', { class: 'permission-ask' });
  const leave = () => {
    forgetLink();
    app.goHome();
  };
  /** @param {string} look */
  const home = (look) => el('button', {
    type: 'button', class: `button ${look} wide`, on: { click: leave },
  }, t('to_home'));

  /** @param {string} heading @param {string} lead @param {string | null} address */
  function drawEnd(heading, lead, address) {
    forgetLink();
    const back = wayBack(address);
    const title = el('h1', { tabindex: '-1' }, heading);
    place.replaceChildren(title, el('p', {}, lead));
    if (back !== null) place.append(el('p', { class: 'soft' }, t('permission_going_back')));
    place.append(el('div', { class: 'top-up-buttons' },
      back !== null && el('a', { class: 'button wide', href: back }, t('permission_back_to_shop')),
      home(back === null ? '' : 'quiet')));
    announce([heading, lead].join(' '), 'assertive');
    title.focus({ preventScroll: true });
    if (back !== null) location.assign(back);
  }

  /** @param {AskedLink} asked */
  function drawQuestion(asked) {
    const merchant = asked.merchant ?? t('permission_unnamed');
    const problem = el('p', { class: 'problem', role: 'alert' });
    /** @param {HTMLElement} button @param {() => Promise<void>} action */
    const trying = (button, action) => whileBusy(button, async () => {
      problem.textContent = '';
      try {
        await action();
      } catch (error) {
        const key = ceremonyProblem(error);
        problem.textContent = key ? t(key) : sentenceOf(error);
      }
    });
    const allow = async () => {
      const proof = await answerStepUp(await post('/api/permissions/grant/start', link ?? {}));
      const answer = await app.renewing(() => post('/api/permissions/grant/finish', { ...link, ...proof }));
      drawEnd(t('permission_given', { merchant }), t('permission_given_lead'), answer.redirect_to);
    };
    const decline = async () => {
      const answer = await post('/api/permissions/decline', link ?? {});
      drawEnd(t('permission_declined'), t('permission_declined_lead'), answer.redirect_to);
    };
    const yes = el('button', {
      type: 'button', class: 'button wide', on: { click: () => trying(yes, allow) },
    }, icon('key'), t('permission_allow'));
    const no = el('button', {
      type: 'button', class: 'button quiet wide', on: { click: () => trying(no, decline) },
    }, t('permission_decline'));
    /** @param {string} drawing @param {string} words */
    const point = (drawing, words) => el('li', {}, icon(drawing), el('span', {}, words));
    /** @param {string} name @param {string} value */
    const fact = (name, value) => [el('dt', {}, name), el('dd', {}, value)];
    place.replaceChildren(...[
      el('p', { class: 'permission-who' }, el('span', { class: 'entry-picture', 'aria-hidden': 'true' }, icon('shop')), el('strong', {}, merchant)),
      el('h1', { tabindex: '-1' }, t('permission_title')),
      el('p', {}, t('permission_question', { merchant })),
      asked.is_allowed && el('p', { class: 'permission-note' }, t('permission_standing', { merchant })),
      el('ul', { class: 'permission-points' },
        point('card', t('permission_point_pay')), point('clock', t('permission_point_hold')),
        point('lock', t('permission_point_private')), point('undo', t('permission_point_revoke'))),
      el('dl', { class: 'permission-facts' },
        fact(t('permission_reference'), asked.reference_id),
        asked.redirect_host === null ? [] : fact(t('permission_returns_to'), asked.redirect_host)),
      el('p', { class: 'small soft' }, t('permission_reference_hint')),
      app.wallet.status === 'frozen' && el('p', { class: 'permission-note' }, t('permission_frozen')),
      problem,
      el('div', { class: 'top-up-buttons' }, yes, no),
    ].filter((one) => one !== false));
    focusIn(place, 'h1');
  }

  /** @param {string} sentence @param {boolean} mayAskAgain */
  function drawProblem(sentence, mayAskAgain) {
    const title = el('h1', { tabindex: '-1' }, t('permission_not_possible'));
    const again = el('button', {
      type: 'button', class: 'button wide', on: { click: () => whileBusy(again, load) },
    }, icon('refresh'), t('try_again'));
    place.replaceChildren(title, el('p', { role: 'alert', class: 'reason' }, sentence),
      el('div', { class: 'top-up-buttons' }, mayAskAgain && again, home(mayAskAgain ? 'quiet' : '')));
    title.focus({ preventScroll: true });
  }

  async function load() {
    if (link === null) {
      drawProblem(t('permission_link_gone'), false);
      return;
    }
    try {
      drawQuestion(await post('/api/permissions/link', link));
    } catch (error) {
      const isFinal = error instanceof Refused;
      if (isFinal && error.status !== 401) forgetLink();
      drawProblem(sentenceOf(error), !isFinal);
    }
  }

  place.append(el('h1', { tabindex: '-1' }, t('permission_title')),
    el('p', { class: 'soft', role: 'status' }, t('loading')));
  load();
  return { element: [el('main', { class: 'permission-page' }, place)] };
}
