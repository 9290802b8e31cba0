// Home: the balance, the code to show at the till, the last few entries, and the button that stops everything.

import { get, post, sentenceOf } from '/assets/api.js';
import { announce, el, whileBusy } from '/assets/elements.js';
import { icon, mark } from '/assets/icons.js';
import { digits, language, t } from '/assets/i18n.js';
import { ceremonyProblem, usePasskey } from '/assets/passkey.js';
import { codeCard } from '/assets/wallet-code.js';
import { entryRow } from '/assets/wallet-history.js';
import { openTopUpCard } from '/assets/wallet-top-up.js';

const DISMISSED = 'mamori.install-dismissed';

function balanceFigure(amount) {
  const figure = el('span', { class: 'balance-figure number' });
  if (language() === 'ja') figure.append(digits(amount), el('span', { class: 'balance-unit' }, '円'));
  else figure.append(el('span', { class: 'balance-unit' }, '¥'), digits(amount));
  return figure;
}

export function homeView(app) {
  const balancePlace = el('p', { class: 'balance' });
  const firstPlace = el('p', { class: 'balance-hint', hidden: true }, t('first_top_up'));
  const codePlace = el('div', { class: 'code-place' });
  const problem = el('p', { class: 'problem', role: 'alert' });
  const openPlace = el('div', { class: 'open-top-ups' });
  const recentPlace = el('div', { class: 'recent-list' });
  const installPlace = el('div', { class: 'install-place' });
  const stopPlace = el('div', { class: 'stop-place' });
  let card = null;

  function drawBalance() {
    balancePlace.replaceChildren(el('span', { class: 'balance-label' }, t('balance')), balanceFigure(app.home.balance));
    firstPlace.hidden = app.home.balance > 0;
  }

  function drawCode() {
    card?.stop();
    card = null;
    problem.textContent = '';
    if (app.home.status === 'frozen') {
      const button = el('button', { type: 'button', class: 'button wide', on: { click: () => whileBusy(button, unfreeze) } }, icon('unlock'), t('unfreeze'));
      codePlace.replaceChildren(el('section', { class: 'frozen-card', 'aria-labelledby': 'frozen-title' },
        el('span', { class: 'frozen-picture', 'aria-hidden': 'true' }, icon('lock')),
        el('h2', { id: 'frozen-title' }, t('frozen_title')),
        el('p', {}, t('frozen_lead')),
        button,
      ));
      stopPlace.replaceChildren();
      return;
    }
    card = codeCard();
    codePlace.replaceChildren(card.element);
    card.start();
    const button = el('button', { type: 'button', class: 'stop-button', on: { click: () => whileBusy(button, freeze) } },
      icon('lock'), el('span', {}, el('strong', {}, t('freeze')), el('span', { class: 'small' }, t('freeze_hint'))));
    stopPlace.replaceChildren(button);
  }

  async function freeze() {
    problem.textContent = '';
    try {
      await app.freeze();
      codePlace.querySelector('button')?.focus({ preventScroll: true });
      window.scrollTo({ top: 0 });
    } catch (error) {
      problem.textContent = sentenceOf(error);
    }
  }

  async function unfreeze() {
    problem.textContent = '';
    try {
      const { step_up, request } = await post('/api/unfreeze/start');
      const credential = await usePasskey(request);
      await app.unfreeze(() => post('/api/unfreeze/finish', { step_up, credential }));
      announce(t('unfroze_now'), 'assertive');
    } catch (error) {
      const key = ceremonyProblem(error);
      problem.textContent = key ? t(key) : sentenceOf(error);
    }
  }

  async function drawRecent() {
    try {
      const { entries } = await get('/api/history?limit=3');
      if (entries.length === 0) {
        recentPlace.replaceChildren(el('p', { class: 'soft nothing' }, t('nothing_yet')));
      } else {
        recentPlace.replaceChildren(el('ul', { class: 'entries' }, entries.map((entry) => el('li', {}, entryRow(entry)))));
      }
    } catch (error) {
      recentPlace.replaceChildren(el('p', { class: 'soft nothing' }, sentenceOf(error)));
    }
  }

  // Whoever leaves the card page by the browser's Back comes to this view, and no link has told anybody.
  async function drawOpenTopUps() {
    let open = [];
    try {
      open = (await get('/api/top-ups')).top_ups;
    } catch { /* asked again with the next event or visit; what is open ends by itself */ }
    openPlace.replaceChildren(...open.map((topUp) => openTopUpCard(app, topUp)));
  }

  function drawInstall() {
    let dismissed = false;
    try { dismissed = localStorage.getItem(DISMISSED) === 'yes'; } catch { /* shown again next time */ }
    if (app.installPrompt === null || dismissed) {
      installPlace.replaceChildren();
      return;
    }
    installPlace.replaceChildren(el('aside', { class: 'install', 'aria-label': t('install') },
      mark(), el('p', {}, el('strong', {}, t('install')), el('span', { class: 'small soft' }, t('install_hint'))),
      el('div', { class: 'install-buttons' },
        el('button', { type: 'button', class: 'text-button', on: { click: () => {
          try { localStorage.setItem(DISMISSED, 'yes'); } catch { /* see above */ }
          installPlace.replaceChildren();
        } } }, t('not_now')),
        el('button', { type: 'button', class: 'button soft-fill', on: { click: () => app.installPrompt?.prompt() } }, t('install')),
      )));
  }

  drawBalance();
  drawRecent();
  drawOpenTopUps();
  drawInstall();
  // The card measures the width it has; it must stand in the page before it draws.
  queueMicrotask(drawCode);

  return {
    element: [
      el('header', { class: 'top on-deep' },
        el('div', { class: 'brand' }, mark(), el('span', {}, 'Mamori'), el('span', { class: 'kanji', lang: 'ja' }, '守り'), el('span', { class: 'top-name' }, app.home.display_name)),
        el('div', { class: 'balance-row' }, balancePlace,
          el('button', { type: 'button', class: 'button top-up-button', on: { click: () => app.openTopUp() } }, icon('plus'), t('top_up'))),
        firstPlace,
      ),
      el('main', { class: 'home' },
        el('h1', { class: 'spoken-only', tabindex: '-1' }, t('home_title')),
        codePlace,
        openPlace,
        problem,
        stopPlace,
        installPlace,
        el('section', { class: 'recent', 'aria-labelledby': 'recent-title' },
          el('div', { class: 'section-head' }, el('h2', { id: 'recent-title' }, t('recent')), el('a', { class: 'text-button', href: '#history' }, t('see_all'), icon('forward'))),
          recentPlace),
      ),
    ],
    stop() { card?.stop(); },
    changed(what) {
      if (what === 'balance') { drawBalance(); drawRecent(); }
      if (what === 'balance' || what === 'top-ups') drawOpenTopUps();
      if (what === 'status') drawCode();
      if (what === 'install') drawInstall();
    },
    spent() { card?.spent(); },
    shownAgain() { card?.renew(); },
  };
}
