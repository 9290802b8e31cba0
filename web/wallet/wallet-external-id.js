// External IDs: signing in with an account at another provider and a code, the page to which the provider sends the browser back, and
// the page in the settings where one is linked and unlinked. Coming back does nothing by itself but send what the provider said by POST.

import { get, post, sentenceOf } from '/assets/api.js';
import { announce, el, focusIn, whileBusy } from '/assets/elements.js';
import { icon, mark } from '/assets/icons.js';
import { shortDateTime, t } from '/assets/i18n.js';
import { languageChoice } from '/assets/language-choice.js';
import { ceremonyProblem, nameOf } from '/assets/passkey.js';
import { answerStepUp } from '/assets/wallet-later.js';
import { keepSignUp, keptIn } from '/assets/wallet-memory.js';
import { codeField, codesCard, readCode } from '/assets/wallet-password-parts.js';

/** @import { About, CodesToSetUp, ExternalIdState, ExternalProvider } from '../types/answers.js' */
/** @import { App, WalletView } from '/assets/wallet.js' */

const BEGUN = 'mamori.external';

/** What the provider said, once it was taken out of the address. @type {URLSearchParams | null} */
let brought = null;
/** The sign-in that waits for its code. */
let proven = '';
/** The codes of a sign-up. @type {CodesToSetUp | null} */
let setUp = null;

// It leaves the address bar at once, where it would be kept in the history.
function takeFromAddress() {
  if (location.search === '') return;
  brought = new URLSearchParams(location.search);
  history.replaceState(null, '', location.pathname);
}

/** What a tab goes to a provider for. @typedef {'sign-in' | 'link' | 'sign-up'} Purpose */

/** @type {Purpose[]} */
const PURPOSES = ['sign-in', 'link', 'sign-up'];

/** What this tab went there for. @returns {Purpose | null} */
function begunFor() {
  try {
    const kept = sessionStorage.getItem(BEGUN);
    return PURPOSES.find((purpose) => purpose === kept) ?? null;
  } catch {
    return null;
  }
}

/** @param {Purpose} purpose @param {string} address */
export function leaveFor(purpose, address) {
  const url = new URL(address);
  // The server has checked it; a script's address must not get here by any way.
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return;
  sessionStorage.setItem(BEGUN, purpose);
  location.assign(url.href);
}

/** @param {unknown} error */
function wordsOf(error) {
  const key = ceremonyProblem(error);
  if (key !== null) return t(key);
  return nameOf(error) === 'AbortError' ? '' : sentenceOf(error);
}

/** @param {HTMLElement} problem @param {HTMLElement} button @param {() => Promise<void>} act */
const acting = (problem, button, act) => whileBusy(button, async () => {
  problem.textContent = '';
  try {
    await act();
  } catch (error) {
    problem.textContent = wordsOf(error);
  }
});

/** @returns {WalletView} */
export function externalSignInView() {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const place = el('div', { class: 'password-panel' }, el('p', { class: 'small soft' }, t('loading')));

  /** @param {ExternalProvider} provider */
  function choice({ provider, name }) {
    const button = el('button', { type: 'button', class: 'button wide', on: { click: () => acting(problem, button, async () => {
      const { address } = await post('/api/external-id/sign-in/start', { provider });
      leaveFor('sign-in', address);
    }) } }, t('external_go', { name }));
    return button;
  }

  return {
    element: [el('main', { class: 'password-entry' },
      el('div', { class: 'page-head' }, el('h1', { tabindex: '-1' }, t('external_sign_in_title'))),
      el('p', { class: 'panel-lead' }, t('external_sign_in_lead')),
      problem, place,
      el('a', { class: 'text-button', href: '#' }, icon('key'), t('external_to_passkey')),
      languageChoice())],
    async ready() {
      try {
        /** @type {About} */
        const { external_ids } = await get('/api/about');
        place.replaceChildren(...external_ids.length > 0 ? external_ids.map(choice) : [el('p', {}, t('external_none'))]);
      } catch (error) {
        place.replaceChildren();
        problem.textContent = sentenceOf(error);
      }
    },
  };
}

/** Where a provider sends the browser back to. @returns {WalletView} */
export function externalReturnView() {
  takeFromAddress();
  const purpose = begunFor();
  const problem = el('p', { class: 'problem', role: 'alert' });
  const place = el('div', {});

  /** @param {string} sentence */
  function drawOver(sentence) {
    brought = null;
    problem.textContent = sentence;
    const again = purpose === 'link' ? '/#external-id' : purpose === 'sign-up' ? '/#password-sign-up' : '/#external-sign-in';
    place.replaceChildren(el('div', { class: 'top-up-buttons' },
      el('a', { class: 'button wide', href: again }, t('external_again')),
      el('a', { class: 'button quiet wide', href: '/' }, t('external_to_wallet'))));
  }

  function drawCode() {
    const code = codeField('totp');
    const go = el('button', { type: 'submit', class: 'button wide' }, t('external_sign_in_go'));
    const form = el('form', { class: 'form', novalidate: true, on: {
      /** @param {SubmitEvent} event */
      submit(event) {
        event.preventDefault();
        acting(problem, go, async () => {
          const digits = readCode(code);
          if (digits === null) return;
          await post('/api/external-id/sign-in/finish', { sign_in: proven, code: digits });
          location.replace('/');
        });
      },
    } },
    el('h2', { tabindex: '-1' }, t('external_code_title')), el('p', { class: 'panel-lead' }, t('external_code_lead')), code.element, go);
    place.replaceChildren(form, el('a', { class: 'text-button', href: '/#external-sign-in' }, t('external_again')));
    code.input.focus();
  }

  /** The last step of a sign-up: the app whose codes stand beside the account. @param {CodesToSetUp} codes */
  function drawSignUp(codes) {
    const code = codeField('totp');
    const go = el('button', { type: 'submit', class: 'button wide' }, icon('check'), t('external_sign_up_go'));
    const form = el('form', { class: 'form', novalidate: true, on: {
      /** @param {SubmitEvent} event */
      submit(event) {
        event.preventDefault();
        acting(problem, go, async () => {
          const digits = readCode(code);
          if (digits === null) return;
          await post('/api/sign-up/external-id/finish', { enrolment: codes.enrolment, code: digits });
          keepSignUp(null);
          location.replace('/');
        });
      },
    } }, el('p', { class: 'panel-lead' }, t('external_sign_up_lead')), codesCard(codes), code.element, go);
    place.replaceChildren(form);
    focusIn(place, 'h2');
  }

  function drawLinked() {
    const title = el('h2', { tabindex: '-1' }, t('external_linked'));
    place.replaceChildren(title, el('p', {}, t('external_linked_lead')),
      el('div', { class: 'top-up-buttons' }, el('a', { class: 'button wide', href: '/#external-id' }, t('external_to_settings'))));
    announce(t('external_linked'), 'assertive');
    title.focus({ preventScroll: true });
  }

  async function send() {
    const body = { state: brought?.get('state'), code: brought?.get('code'), iss: brought?.get('iss') };
    brought = null;
    try {
      if (purpose === 'link') {
        await post('/api/external-id/link/finish', body);
        sessionStorage.removeItem(BEGUN);
        drawLinked();
      } else if (purpose === 'sign-up') {
        const begun = keptIn('sessionStorage') ?? keptIn('localStorage');
        setUp = await post('/api/sign-up/external-id/prove', { ...body, sign_up: begun?.sign_up });
        if (setUp !== null) drawSignUp(setUp);
      } else {
        ({ sign_in: proven } = await post('/api/external-id/sign-in/prove', body));
        drawCode();
      }
    } catch (error) {
      drawOver(sentenceOf(error));
    }
  }

  return {
    element: [el('main', { class: 'permission-page' },
      el('div', { class: 'permission-ask' },
        el('p', { class: 'permission-who' }, mark(), el('strong', {}, 'Mamori')),
        el('h1', { tabindex: '-1' }, t('external_title')), problem, place),
      languageChoice())],
    ready() {
      if (brought !== null && purpose !== null && brought.get('state')) send();
      else if (setUp !== null) drawSignUp(setUp);
      else if (proven !== '') drawCode();
      else drawOver(t('external_nothing'));
    },
  };
}

/** The page in the settings. @param {App} app @returns {WalletView} */
export function externalIdView(app) {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const place = el('div', { class: 'password-panel' }, el('p', { class: 'small soft' }, t('loading')));

  /** An act with its step-up: asked twice with the same fields. @param {string} path @param {object} body */
  async function shown(path, body) {
    const answer = await answerStepUp(await post(path, body));
    return app.renewing(() => post(path, { ...body, ...answer }));
  }

  /** @param {ExternalIdState['linked'][number]} link @param {boolean} stays */
  function linkedRow({ id, name, made_at_ms, used_at_ms }, stays) {
    const used = used_at_ms === null ? t('external_never_used') : t('external_used', { when: shortDateTime(used_at_ms) });
    const button = el('button', { type: 'button', class: 'setting setting-button setting-danger', on: { click: () => acting(problem, button, async () => {
      const { signed_out } = await shown('/api/external-id/unlink', { id });
      if (signed_out) {
        app.leave(t('external_unlinked'));
        return;
      }
      await load();
      announce(t('external_unlinked'));
      focusIn(place, 'h2');
    }) } }, icon('cross'), el('span', { class: 'setting-words' }, el('span', {}, t('external_unlink', { name }))), icon('forward'));
    return [
      el('div', { class: 'setting' }, icon('person'),
        el('span', { class: 'setting-words' }, el('span', {}, name),
          el('span', { class: 'small soft' }, t('external_since', { when: shortDateTime(made_at_ms) })), el('span', { class: 'small soft' }, used))),
      !stays && button,
    ];
  }

  /** @param {ExternalProvider} offered */
  function linkRow({ provider, name }) {
    const button = el('button', { type: 'button', class: 'setting setting-button', on: { click: () => acting(problem, button, async () => {
      const { address } = await shown('/api/external-id/link/start', { provider });
      leaveFor('link', address);
    }) } }, icon('person'), el('span', { class: 'setting-words' }, el('span', {}, t('external_link', { name }))), icon('forward'));
    return button;
  }

  /** @param {ExternalIdState} state */
  function draw({ providers, linked, codes, signs_in, only_way }) {
    const free = providers.filter(({ provider }) => !linked.some((link) => link.provider === provider));
    const hint = !codes ? 'external_needs_codes' : linked.length > 0 && !signs_in ? 'external_off' : null;
    place.replaceChildren(
      el('h2', { tabindex: '-1' }, t(linked.length > 0 ? 'external_is_linked' : 'external_not_linked')),
      ...hint === null ? [] : [el('p', {}, t(hint)), el('p', {}, el('a', { href: '#password' }, t('password_setting')))],
      ...linked.length === 0 ? [] : [el('div', { class: 'setting-group' }, linked.map((link) => linkedRow(link, only_way)))],
      ...only_way && linked.length > 0 ? [el('p', { class: 'small soft' }, t('external_only_way'))] : [],
      ...codes && free.length > 0 ? [el('div', { class: 'setting-group' }, free.map(linkRow))] : [],
      ...providers.length === 0 && linked.length === 0 ? [el('p', {}, t('external_none'))] : []);
  }

  async function load() {
    try {
      draw(await get('/api/external-id'));
    } catch (error) {
      problem.textContent = wordsOf(error);
    }
  }

  return {
    element: [el('main', { class: 'settings password-entry' },
      el('div', { class: 'page-head' },
        el('a', { class: 'round-button', href: '#settings', 'aria-label': t('back') }, icon('back')),
        el('h1', { tabindex: '-1' }, t('external_title'))),
      el('p', { class: 'panel-lead' }, t('external_lead')), problem, place)],
    ready: load,
  };
}
