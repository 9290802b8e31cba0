// The console: operators sign in with a passkey (the first one through a one-time link), see today, and look after
// merchants, each other and customers.

import { Refused, get, onSignedOut, post, sentenceOf } from '/assets/api.js';
import { announce, el, focusIn, prepareAnnouncements, viewPlace, whileBusy } from '/assets/elements.js';
import { icon, mark } from '/assets/icons.js';
import { onLanguageChange, t, useTexts } from '/assets/i18n.js';
import { languageChoice } from '/assets/language-choice.js';
import { ceremonyProblem, createPasskey, nameOf, usePasskey } from '/assets/passkey.js';
import { closeSheets } from '/assets/sheet.js';
import { consoleTexts } from '/assets/console-texts.js';
import { approvalsView } from '/assets/console-approvals.js';
import { actsView } from '/assets/console-acts.js';
import { mayOpen, titled } from '/assets/console-frame.js';
import { signedInAs } from '/assets/console-may.js';
import { customersView } from '/assets/console-customers.js';
import { merchantView } from '/assets/console-merchant.js';
import { merchantsView } from '/assets/console-merchants.js';
import { ownView } from '/assets/console-own.js';
import { operatorsView } from '/assets/console-operators.js';
import { paymentsView } from '/assets/console-payments.js';
import { templatesView } from '/assets/console-templates.js';
import { todayView } from '/assets/console-today.js';

/** @import { View } from '../types/pages.js' */
/** @import { Tools } from '/assets/console-frame.js' */

useTexts(consoleTexts);
prepareAnnouncements();

const place = viewPlace();
/** @type {View | null} */
let shown = null;
let signedIn = false;
let begun = 0;

/** @type {Tools} */
const tools = {
  signOut,
  /** Shows another page; the same one again reads it afresh. */
  go(page) {
    if (location.hash === `#${page}`) begin();
    else location.hash = page;
  },
};

/**
 * Each page by the first word behind `#`: what it asks the server for, and what it makes of the answer. `left` is how far its
 * reader was in the other language.
 * @type {Record<string, (id: string | undefined, left: any) => Promise<View>>}
 */
const pages = {
  today: async () => todayView(await get('/api/today'), tools),
  payments: async (id, left) => paymentsView(await get('/api/merchants'), id, tools, left),
  merchants: async (id) => (id ? merchantView(await get(`/api/merchants/${encodeURIComponent(id)}`), tools)
    : merchantsView(await get('/api/merchants'), tools)),
  customers: async (id, left) => customersView(tools, left, id),
  async acts(id, left) {
    const [{ operators }, { tills }] = await Promise.all([get('/api/operators'), get('/api/tills')]);
    return actsView({ operators, tills }, id, tools, left);
  },
  templates: async () => templatesView(await get('/api/templates'), tools),
  approvals: async () => approvalsView(await get('/api/approvals'), tools),
  own: async () => ownView(await get('/api/own-passkeys'), tools),
  operators: async () => operatorsView(await get('/api/operators'), tools),
};

/** @returns {{ name: string, id?: string }} */
function wanted() {
  const [name, id] = location.hash.slice(1).split('/');
  return name in pages ? { name, id } : { name: 'today' };
}

// The link is a secret that works once: it is taken from the address at once, so that neither history nor a copied
// address carries it on.
let link = new URLSearchParams(location.hash.slice(1)).get('link');
// Any other fragment names a page, and a reload or a bookmark stays on it.
if (link !== null) history.replaceState(null, '', location.pathname);

/** @param {string} name @param {View} view */
function show(name, view) {
  shown?.stop?.();
  shown = view;
  document.body.dataset.view = name;
  place.replaceChildren(...view.element);
  titled(place.querySelector('h1')?.textContent ?? '');
  view.ready?.();
}

async function signIn() {
  const { sign_in, request } = await post('/api/sign-in/start');
  const credential = await usePasskey(request);
  await post('/api/sign-in/finish', { sign_in, credential });
}

async function redeem() {
  const { creation } = await post('/api/operators/redeem', { link });
  const credential = await createPasskey(creation);
  await post('/api/operators/finish', { link, credential });
  link = null;
}

/** @param {unknown} error */
function problemText(error) {
  const key = ceremonyProblem(error);
  if (key !== null) return t(key);
  return nameOf(error) === 'AbortError' ? '' : sentenceOf(error);
}

/** @returns {View} */
function signInView() {
  const problem = el('p', { class: 'problem', role: 'alert' });
  /** @param {string} className @param {() => Promise<void>} ceremony @param {(Node | string)[]} words */
  const enterButton = (className, ceremony, ...words) => {
    const on = { click: () => whileBusy(button, enter) };
    const button = el('button', { type: 'button', class: className, on }, words);
    async function enter() {
      problem.textContent = '';
      try {
        await ceremony();
        await begin();
      } catch (error) {
        problem.textContent = problemText(error);
      }
    }
    return button;
  };
  const first = link !== null;
  return {
    element: [
      el('main', { class: 'sign-in' },
        el('div', { class: 'sign-in-card' },
          el('div', { class: 'brand' },
            mark(), el('span', {}, 'Mamori'), el('span', { class: 'kanji', lang: 'ja' }, '守り')),
          el('h1', { tabindex: '-1' }, t(first ? 'first_title' : 'sign_in_title')),
          el('p', { class: 'soft' }, t(first ? 'first_lead' : 'sign_in_lead')),
          problem,
          enterButton('button wide', first ? redeem : signIn, icon('key'), t(first ? 'first' : 'sign_in')),
          first && enterButton('button quiet wide', signIn, t('sign_in'))),
        languageChoice()),
    ],
  };
}

/** @param {string} problem @returns {View} */
const startingView = (problem) => ({
  element: [el('main', { class: 'console-starting on-deep' },
    mark('mark large-mark'),
    el('h1', { tabindex: '-1' }, t('page_title')),
    el('p', { role: 'alert' }, problem),
    el('button', { type: 'button', class: 'button', on: { click: () => begin() } }, icon('refresh'), t('try_again')))],
});

async function signOut() {
  try {
    await post('/api/sign-out');
    signedIn = false;
    // Whoever signs in next begins with today, not with what somebody else looked at last.
    history.replaceState(null, '', location.pathname);
    show('sign-in', signInView());
  } catch (error) {
    announce(sentenceOf(error), 'assertive');
  }
}

onSignedOut(() => {
  closeSheets();
  signedIn = false;
  if (document.body.dataset.view !== 'sign-in') show('sign-in', signInView());
});

onLanguageChange(() => {
  const { activeElement } = document;
  const focused = activeElement instanceof HTMLElement ? activeElement.lang : '';
  if (signedIn) begin(shown?.progress?.());
  else show('sign-in', signInView());
  if (focused) focusIn(place, `.language-choice [lang="${focused}"]`);
});

/** @param {unknown} left what was on the way when the language changed */
async function begin(left = undefined) {
  // An unredeemed link is the reason somebody came: it is offered before anything else.
  if (link !== null && !signedIn && shown === null) {
    show('sign-in', signInView());
    return;
  }
  begun += 1;
  const mine = begun;
  const moved = shown !== null && signedIn;
  const asked = wanted();
  const { id } = asked;
  let { name } = asked;
  try {
    signedInAs(await get('/api/me'));
    if (!mayOpen(name)) name = 'today';
    const view = await pages[name](id, left);
    // Another page was asked for meanwhile.
    if (mine !== begun) return;
    signedIn = true;
    show(name, view);
    if (moved) focusIn(place, 'h1');
  } catch (error) {
    if (mine !== begun || (error instanceof Refused && error.status === 401)) return;
    if (error instanceof Refused && error.status === 404 && id) {
      // What the address names is not there (any more): the list says what is.
      signedIn = true;
      tools.go(name);
    } else show('starting', startingView(sentenceOf(error)));
  }
}

addEventListener('hashchange', () => {
  // A link in a sheet leads to another page, and not behind it.
  closeSheets();
  if (signedIn) begin();
});

begin();
