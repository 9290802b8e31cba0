// Home: the balance, the code to show at the till, the last few entries, and the button that stops everything.

import { get, post, sentenceOf } from '/assets/api.js';
import { h, own, patch } from '/assets/draw.js';
import { announce, el, focusIn, webAddress } from '/assets/elements.js';
import { icon, mark } from '/assets/icons.js';
import { digits, language, shortDateTime, t, yen } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';
import { ceremonyProblem, nameOf } from '/assets/passkey.js';
import { codeCard } from '/assets/wallet-code.js';
import { entryRow, fateOf, fates } from '/assets/wallet-entry.js';
import { beginHome, updateHome } from '/assets/wallet-home-state.js';
import { answerStepUp } from '/assets/wallet-later.js';

/** @import { Child, Machine } from '../types/pages.js' */
/** @import { Entry, OpenTopUp } from '../types/answers.js' */
/** @import { App } from '/assets/wallet.js' */
/** @import { HomeEvent, HomeState } from '/assets/wallet-home-state.js' */

/** @typedef {(event: HomeEvent) => void} Send */

const DISMISSED = 'mamori.install-dismissed';

/** @param {string} name */
const drawing = (name) => own(name, () => icon(name));

/** @param {number} amount */
function balanceFigure(amount) {
  /** @param {string} text */
  const unit = (text) => h('span', { class: 'balance-unit' }, text);
  return h('span', { class: 'balance-figure number' },
    language() === 'ja' ? [digits(amount), unit('円')] : [unit('¥'), digits(amount)]);
}

/** @param {HomeState} state @param {Send} send @param {App} app @returns {Child[]} */
const drawTop = ({ balance, status, stopping }, send, app) => [
  h('div', { class: 'brand' },
    own('mark', () => mark()), h('span', {}, 'Mamori'), h('span', { class: 'kanji', lang: 'ja' }, '守り'),
    h('span', { class: 'top-name', title: app.wallet.display_name }, app.wallet.display_name),
    status === 'frozen' ? h('span', { class: 'stopped-sign' }, drawing('lock'), t('frozen_short')) : stopButton(stopping, send)),
  h('div', { class: 'balance-row' },
    h('p', { class: 'balance' }, h('span', { class: 'balance-label' }, t('balance')), balanceFigure(balance)),
    h('button', { type: 'button', class: 'button top-up-button', on: { click: () => app.openTopUp() } },
      drawing('plus'), t('top_up'))),
  h('p', { class: 'balance-hint', hidden: balance > 0 }, t('first_top_up')),
];

/** @param {HomeState} state @param {Send} send */
const frozenCard = ({ busy }, send) => h('section', { class: 'frozen-card', 'aria-labelledby': 'frozen-title' },
  h('span', { class: 'frozen-picture', 'aria-hidden': 'true' }, drawing('lock')),
  h('h2', { id: 'frozen-title' }, t('frozen_title')),
  h('p', { class: 'frozen-lead' }, t('frozen_lead')),
  h('ul', { class: 'frozen-points' },
    h('li', {}, drawing('key'), h('p', {}, t('frozen_point_passkey'))),
    h('li', {}, drawing('plus'), h('p', {}, t('frozen_point_money')))),
  h('button', {
    type: 'button', class: 'button wide', 'aria-busy': busy && 'true',
    on: { click: () => send({ is: 'unfreeze' }) },
  }, drawing('unlock'), t('unfreeze')));

/** Another device shows the codes: how this one takes over. @param {App} app */
const elsewhereCard = (app) => h('section', { class: 'frozen-card device-card', 'aria-labelledby': 'device-title' },
  h('span', { class: 'frozen-picture', 'aria-hidden': 'true' }, drawing('phone')),
  h('h2', { id: 'device-title' }, t('device_elsewhere')),
  h('p', { class: 'frozen-lead' }, t('device_elsewhere_lead')),
  h('button', { type: 'button', class: 'button wide', on: { click: () => app.takeOver() } }, t('device_take_over')));

/** In the head: one press away, and not where the thumb rests beside the code. @param {boolean} stopping @param {Send} send */
const stopButton = (stopping, send) => h('button', {
  type: 'button', class: 'stop-button', 'aria-label': t('freeze'), title: t('freeze_hint'), 'aria-busy': stopping && 'true',
  on: { click: () => send({ is: 'freeze' }) },
}, drawing('lock'), h('span', {}, t('freeze_short')));

/** @param {Send} send */
const installCard = (send) => h('aside', { class: 'install', 'aria-label': t('install') },
  own('mark', () => mark()),
  h('p', {}, h('strong', {}, t('install')), h('span', { class: 'small soft' }, t('install_hint'))),
  h('div', { class: 'install-buttons' },
    h('button', { type: 'button', class: 'text-button', on: { click: () => send({ is: 'dismiss_install' }) } },
      t('not_now')),
    h('button', { type: 'button', class: 'button soft-fill', on: { click: () => send({ is: 'install_now' }) } },
      t('install'))));

/**
 * Its row is made anew when its time reads differently, such as from tomorrow on.
 * @param {Entry} entry @param {string} fate
 */
const recentRow = (entry, fate) => h('li', { key: entry.id },
  own(`${entry.id} ${shortDateTime(entry.at_ms)} ${fate}`, () => entryRow(entry, { fate })));

/** @param {HomeState['recent']} recent */
function recentList(recent) {
  if (recent === null) return null;
  if (!Array.isArray(recent)) return h('p', { class: 'soft nothing' }, sentenceOf(recent.error));
  if (recent.length === 0) return h('p', { class: 'soft nothing' }, t('nothing_yet'));
  const known = fates(recent);
  return h('ul', { class: 'entries' }, recent.map((entry) => recentRow(entry, fateOf(entry, known))));
}

/**
 * A top-up that was begun and neither paid nor called off: go on at the card company, or give it up.
 * @param {App} app @param {OpenTopUp} topUp
 */
function openTopUpCard(app, { top_up_id, amount, redirect_url }) {
  const id = `open-top-up-${top_up_id}`;
  const page = redirect_url === null ? null : webAddress(redirect_url);
  return h('section', { key: top_up_id, class: 'open-top-up', 'aria-labelledby': id },
    h('h2', { id }, t('top_up_open', { amount: yen(amount) })),
    h('p', {}, t('top_up_open_lead')),
    h('div', { class: 'open-top-up-buttons' },
      page !== null && h('a', { class: 'button wide', href: page }, t('top_up_go_on')),
      h('button', {
        type: 'button', class: 'button quiet wide', on: { click: () => app.callOffTopUp(top_up_id) },
      }, t('top_up_give_up'))));
}

/** @param {unknown} error */
function problemText(error) {
  if (error === null) return '';
  const key = ceremonyProblem(error);
  if (key !== null) return t(key);
  return nameOf(error) === 'AbortError' ? '' : sentenceOf(error);
}

/**
 * @param {HomeState} state @param {Send} send @param {App} app @param {() => Element} codeElement @returns {Child[]}
 */
function drawMain(state, send, app, codeElement) {
  const frozen = state.status === 'frozen';
  return [
    h('h1', { class: 'spoken-only', tabindex: '-1' }, t('home_title')),
    h('div', { class: 'code-place' }, frozen ? frozenCard(state, send) : state.elsewhere ? elsewhereCard(app) : own('code', codeElement)),
    h('div', { class: 'open-top-ups' }, state.open.map((topUp) => openTopUpCard(app, topUp))),
    h('p', { class: 'problem', role: 'alert' }, problemText(state.problem)),
    h('div', { class: 'install-place' }, state.may_install && installCard(send)),
    h('section', { class: 'recent', 'aria-labelledby': 'recent-title' },
      h('div', { class: 'section-head' },
        h('h2', { id: 'recent-title' }, t('recent')),
        h('a', { class: 'text-button', href: '#history' }, t('see_all'), drawing('forward'))),
      h('div', { class: 'recent-list' }, recentList(state.recent))),
  ];
}

/** @param {App} app */
function mayInstall(app) {
  try {
    return app.installPrompt !== null && localStorage.getItem(DISMISSED) !== 'yes';
  } catch {
    return app.installPrompt !== null;
  }
}

function dismissInstall() {
  try {
    localStorage.setItem(DISMISSED, 'yes');
  } catch { /* shown again next time */ }
}

/** @returns {Promise<HomeEvent>} */
async function readRecent() {
  try {
    const { entries } = await get('/api/history?limit=3');
    return { is: 'recent', recent: entries };
  } catch (error) {
    return { is: 'recent', recent: { error } };
  }
}

/**
 * Whoever leaves the card page by the browser's Back comes home without a link that tells.
 * @returns {Promise<HomeEvent>}
 */
async function readOpen() {
  try {
    const { top_ups } = await get('/api/top-ups');
    return { is: 'open', open: top_ups };
  } catch {
    // Asked again with the next event or visit; what is open ends by itself.
    return { is: 'open', open: [] };
  }
}

/** @param {App} app @returns {Promise<HomeEvent>} */
async function unfreeze(app) {
  try {
    const answer = await answerStepUp(await post('/api/unfreeze/start'));
    await app.unfreeze(() => post('/api/unfreeze/finish', answer));
    return { is: 'unfrozen' };
  } catch (error) {
    return { is: 'failed', error };
  }
}

/**
 * What the home page's effects do.
 * @param {App} app @param {HTMLElement} main @param {() => ReturnType<typeof codeCard> | null} code
 */
const performers = (app, main, code) => ({
  read_recent: readRecent,
  read_open: readOpen,
  start_code: () => code()?.start(),
  stop_code: () => code()?.stop(),
  renew_code: () => code()?.renew(),
  freeze: () => app.freeze(),
  unfreeze: () => unfreeze(app),
  show_unfreeze() {
    focusIn(main, '.frozen-card button');
    window.scrollTo({ top: 0 });
  },
  announce_unfrozen: () => announce(t('unfroze_now'), 'assertive'),
  dismiss_install: dismissInstall,
  install: () => { app.installPrompt?.prompt(); },
});

/** @param {App} app */
export function homeView(app) {
  const top = el('header', { class: 'top on-deep' });
  const main = el('main', { class: 'home' });
  /** @type {ReturnType<typeof codeCard> | null} */
  let code = null;
  const codeElement = () => {
    code = codeCard(app.settled);
    return code.element;
  };
  /** @type {Machine<HomeState, HomeEvent>} */
  const view = machine({
    begin: beginHome(app.wallet, mayInstall(app), app.stopping),
    update: updateHome,
    draw(state) {
      top.classList.toggle('top-frozen', state.status === 'frozen');
      patch(top, drawTop(state, (event) => view.send(event), app));
      patch(main, drawMain(state, (event) => view.send(event), app, codeElement));
    },
    perform: performers(app, main, () => code),
  });
  return {
    element: [top, main],
    ready() {
      view.start();
      // A wallet that stands still shows no code to wait for.
      if (app.wallet.status === 'frozen' || app.wallet.pays_from === 'elsewhere') app.settled();
    },
    stop() {
      view.stop();
      code?.stop();
    },
    /** @param {import('/assets/wallet.js').Change} what */
    changed(what) {
      if (what === 'balance') view.send({ is: 'balance', balance: app.wallet.balance });
      if (what === 'top-ups') view.send({ is: 'top_ups' });
      if (what === 'status') view.send({ is: 'status', status: app.wallet.status });
      if (what === 'device') view.send({ is: 'pays', elsewhere: app.wallet.pays_from === 'elsewhere' });
      if (what === 'stop') view.send({ is: 'stop', stopping: app.stopping });
      if (what === 'install') view.send({ is: 'install', may: mayInstall(app) });
    },
    spent() { code?.spent(); },
    shownAgain() { code?.renew(); },
  };
}
