// The wallet page: who is signed in, which view is shown, and what a live event does to it. The views live in the
// files beside this one; each is a `WalletView` and knows nothing of its neighbours.

import { Refused, get, onSignedOut, post, sentenceOf, useDevice } from '/assets/api.js';
import { keepSoundReady } from '/assets/chime.js';
import { noteNonce, proofOf } from '/assets/device-key.js';
import { announce, el, focusIn, prepareAnnouncements, viewPlace } from '/assets/elements.js';
import { icon, mark } from '/assets/icons.js';
import { language, onLanguageChange, t, useTexts } from '/assets/i18n.js';
import { stopWaiting } from '/assets/passkey.js';
import { closeSheets } from '/assets/sheet.js';
import { askAhead } from '/assets/wallet-code.js';
import { eventStream } from '/assets/wallet-events.js';
import { homeView } from '/assets/wallet-home.js';
import { fetchAhead, later, onTap, withPart } from '/assets/wallet-later.js';
import { knowsAWallet, signedIn } from '/assets/wallet-memory.js';
import { stopSwitch } from '/assets/wallet-stop.js';
import { walletTexts } from '/assets/wallet-texts.js';

/** @import { View } from '../types/pages.js' */
/** @import { Entry, Home, WalletStatus } from '../types/answers.js' */
/** @import { Part } from '/assets/wallet-later.js' */
/** @import { WelcomeState } from '/assets/wallet-welcome-state.js' */

/** @typedef {'balance' | 'status' | 'device' | 'stop' | 'sessions' | 'top-ups' | 'install'} Change What became different around a view. */

/**
 * @typedef {object} WalletViewParts
 * @property {(what: Change) => void} [changed]
 * @property {() => void} [spent] the code on screen was used
 * @property {() => void} [shownAgain] the sheet with the result is closed
 * @property {() => WelcomeState} [progress] a half-done sign-up
 */
/** @typedef {View & WalletViewParts} WalletView */
/** @typedef {Event & { prompt(): void }} InstallPrompt */
/** @typedef {typeof app} App */

useTexts(walletTexts);
useDevice({ noteNonce, proofOf });
prepareAnnouncements();
keepSoundReady();

// Entries that a reopened stream looks back on; older ones are in the history.
const LOOK_BACK = 10;
// How long a renewed session's cookie may take to arrive.
const RENEWAL_MS = 500;

const place = viewPlace();
/** @type {WalletView | null} */
let shown = null;
let shownName = '';
// The address that the shown view stands for.
let shownFor = '';
// Counts the views that were asked for.
let asked = 0;
let unfreezing = false;
// Somebody has just signed in: their browser is to hear which passkeys there are, once it has nothing better to do.
let entered = false;
// And that was with a password: a passkey would have been easier.
let byPassword = false;
// Counts the turns of the stop switch: an answer that was asked for before one of them says nothing about it.
let turns = 0;

const app = {
  /** The last answer of /api/home, kept fresh by live events; null while nobody is signed in. */
  home: /** @type {Home | null} */ (null),
  installPrompt: /** @type {InstallPrompt | null} */ (null),

  /** The wallet of whoever is signed in; only their views ask. @returns {Home} */
  get wallet() {
    if (app.home === null) throw new Error('nobody is signed in');
    return app.home;
  },

  /** @returns {Promise<Home>} */
  async refreshHome() {
    /** @type {Home} */
    const home = await get('/api/home');
    app.home = home;
    return home;
  },

  /** After a sign-in or sign-up: load the wallet and show it. @param {{ withPassword?: boolean }} how */
  async enter({ withPassword = false } = {}) {
    stopWaiting();
    await app.refreshHome();
    signedIn();
    stream.open();
    entered = true;
    byPassword = withPassword;
    // A password manager sends its owner there (`/.well-known/passkey-endpoints`).
    if (location.hash !== '' && location.hash !== '#passkeys') history.replaceState(null, '', '/');
    route({ focus: true });
  },

  /** @param {string} sentence */
  leave(sentence) {
    stream.close();
    closeSheets();
    const words = stop.isAsked() ? t('stop_needs_sign_in') : sentence;
    app.home = null;
    stop.send({ is: 'left' });
    if (location.pathname !== '/' || location.hash !== '') history.replaceState(null, '', '/');
    routeOutside({ focus: true, sentence: words });
    announce(words);
  },

  async signOut() {
    await post('/api/sign-out');
    app.leave(t('signed_out_now'));
  },

  /** One tap, no question: whoever fears a thief must not meet a dialog. */
  freeze() {
    stop.send({ is: 'ask' });
  },

  /** Whether a stop was asked for that is not answered yet. */
  get stopping() {
    return stop.isAsked();
  },

  /**
   * The passkey has answered: `finish` sends it. The server renews the session with the answer and ends the old one's
   * stream, so the stream rests meanwhile.
   * @param {() => Promise<{ status?: WalletStatus }>} finish
   */
  async unfreeze(finish) {
    await app.renewing(async () => {
      const answer = await finish();
      app.setStatus(answer.status ?? 'active');
    });
  },

  /**
   * The same rest of the stream for any act that was proven with a passkey.
   * @template T
   * @param {() => Promise<T>} finish @returns {Promise<T>}
   */
  async renewing(finish) {
    unfreezing = true;
    stream.close();
    try {
      return await finish();
    } finally {
      unfreezing = false;
      if (app.home !== null) stream.open();
    }
  },

  /** @param {WalletStatus} status */
  setStatus(status) {
    if (app.home === null || app.home.status === status) return;
    app.home.status = status;
    turns += 1;
    shown?.changed?.('status');
    if (status === 'frozen') stop.send({ is: 'frozen' });
    // A frozen wallet's stream may be closed by the server; the reopened one carries the refunds that still may come.
    if (!unfreezing) stream.open();
  },

  /** Another device shows the codes: this one asks to. */
  takeOver() {
    onTap('device', ({ openTakeOver }) => openTakeOver(app));
  },

  /** Where the wallet pays from may have changed. The rest of home stays: a newer `event_id` would hide a movement from the look-back. */
  async readDevice() {
    /** @type {Home} */
    const { pays_from } = await get('/api/home');
    app.setPaysFrom(pays_from);
  },

  /** @param {Home['pays_from']} pays_from */
  setPaysFrom(pays_from) {
    if (app.home === null || app.home.pays_from === pays_from) return;
    app.home.pays_from = pays_from;
    shown?.changed?.('device');
  },

  openTopUp() {
    onTap('top_up', ({ openTopUp }) => openTopUp(app));
  },

  /** @param {string} id */
  showTopUp(id) {
    history.pushState(null, '', `/top-up/${encodeURIComponent(id)}`);
    route({ focus: true });
  },

  /**
   * Calls a top-up off: the same page, and the same words, as for whoever left the card page by its own link.
   * @param {string} id
   */
  callOffTopUp(id) {
    history.pushState(null, '', `/top-up/${encodeURIComponent(id)}?left`);
    route({ focus: true });
  },

  /** The first code is there, or there is none to wait for: what else the wallet has is fetched now. */
  settled() {
    fetchAhead();
    registerWorker();
    if (!entered) return;
    entered = false;
    if (byPassword) withPart('passkey_offer', ({ offerPasskey }) => offerPasskey(Date.now()).catch(() => { /* offered at the next sign-in */ }));
    byPassword = false;
    later.signals().then(({ tellOwn }) => tellOwn()).catch(() => { /* a hint for the browser; the next sign-in gives it */ });
  },

  /** Takes the place of a page with nothing more to say, such as a finished top-up: Back does not lead to it again. */
  goHome() {
    history.replaceState(null, '', '/');
    if (app.home === null) routeOutside({ focus: true });
    else route({ focus: true });
  },
};

const stop = stopSwitch({
  frozen(status) {
    app.setStatus(status);
    announce(t('froze_now'), 'assertive');
  },
  changed: () => shown?.changed?.('stop'),
  async look() {
    try {
      const before = turns;
      /** @type {Home} */
      const home = await get('/api/home');
      if (turns === before) app.setStatus(home.status);
    } catch { /* the stream tells when the network is back */ }
  },
});
place.before(stop.element);

/** @param {string} current */
function tabs(current) {
  /** @param {string} name @param {string} href @param {string} drawing */
  const tab = (name, href, drawing) => el('a', { href, 'aria-current': current === name ? 'page' : null },
    icon(drawing), el('span', {}, t(`nav_${name}`)));
  return el('nav', { class: 'tabs', 'aria-label': t('nav') },
    tab('home', '#', 'home'), tab('history', '#history', 'receipt'), tab('settings', '#settings', 'person'));
}

/** The fragments of the address that the pages of help have. */
const HELP_PAGES = ['help', 'terms', 'privacy'];
/** Where a shop's question brings its customer. */
const PERMISSION_LINK = '/app/opa/user_authorization';
// What each page is called in the browser's list of windows and its history; the others are the wallet.
/** @type {Record<string, string>} */
const TITLES = {
  home: 'home_title', history: 'history_title', settings: 'settings_title', activity: 'activity_title',
  passkeys: 'passkeys', contacts: 'contacts_title', 'contact-undo': 'undo_title', 'freeze-code': 'freeze_code_title', 'my-data': 'my_data_title', closing: 'closing_title', 'freeze-by-code': 'stop_title', notices: 'notices_title', 'not-me': 'not_me_title', recover: 'recover_title', recovery: 'recovery_title', 'recovery-undo': 'undo_recovery_title', trusted: 'trusted_title', permissions: 'permissions', 'permission-link': 'permission_title',
  'top-up': 'top_up_title', help: 'help_title', terms: 'terms_title', privacy: 'privacy_title', password: 'password_title',
  'external-id': 'external_title', 'external-return': 'external_title', 'external-sign-in': 'external_sign_in_title',
  'password-sign-in': 'password_sign_in_title', 'password-sign-up': 'password_sign_up_title',
};

/** How those without passkeys come in. @type {Record<string, 'passwordSignInView' | 'passwordSignUpView'>} */
const PASSWORD_PAGES = { '#password-sign-in': 'passwordSignInView', '#password-sign-up': 'passwordSignUpView' };

/** @param {string} name @param {WalletView} view */
function show(name, view, { focus = false } = {}) {
  asked += 1;
  shown?.stop?.();
  shown = view;
  shownName = name;
  document.body.dataset.view = name;
  document.title = name in TITLES ? t('page_title_of', { page: t(TITLES[name]) }) : t('page_title');
  place.replaceChildren(...view.element);
  const within = ['activity', 'closing', 'contacts', 'external-id', 'freeze-code', 'my-data', 'notices', 'passkeys', 'password', 'permissions', 'recovery', ...HELP_PAGES].includes(name) && app.home !== null ? 'settings' : name;
  if (['home', 'history', 'settings'].includes(within)) place.append(tabs(within));
  view.ready?.();
  if (focus) {
    window.scrollTo(0, 0);
    focusIn(place, 'h1');
  }
}

/**
 * Shows a view whose part may have to be fetched first. What is shown stays until then; another view that is asked for meanwhile wins.
 * @template {Part} P
 * @param {string} name @param {P} part @param {(module: Awaited<ReturnType<(typeof later)[P]>>) => WalletView} make
 * @param {{ focus?: boolean }} how
 */
async function showLater(name, part, make, how) {
  asked += 1;
  const turn = asked;
  await withPart(part, (module) => {
    if (turn !== asked) return;
    show(name, make(module), how);
    if (app.home !== null) app.settled();
  });
}

/** The page of help that the address names, for everybody; empty where it names none. */
const helpPage = () => HELP_PAGES.find((name) => location.hash === `#${name}`) ?? '';

/** @typedef {{ focus?: boolean }} How */

/** Pages for everybody, signed in or not, by their path. @type {Record<string, (how: How) => Promise<void>>} */
const OPEN_PAGES = {
  // Where a letter leads that tells of a changed contact.
  '/undo-contact': (how) => showLater('contact-undo', 'contact_undo', ({ contactUndoView }) => contactUndoView(), how),
  // Where a provider of external IDs sends the browser back to.
  '/external-id': (how) => showLater('external-return', 'external_id', ({ externalReturnView }) => externalReturnView(), how),
  // Where a notice leads for whoever says that it was not them.
  '/not-me': (how) => showLater('not-me', 'not_me', ({ notMeView }) => notMeView(), how),
  // Where a letter leads that tells of a recovery, and an invitation to help with one.
  '/undo-recovery': (how) => showLater('recovery-undo', 'recovery_undo', ({ recoveryUndoView }) => recoveryUndoView(), how),
  '/trusted': (how) => showLater('trusted', 'trusted', ({ trustedView }) => trustedView(), how),
  // Where a code on paper stops a wallet.
  '/freeze': (how) => showLater('freeze-by-code', 'freeze_by_code', ({ freezeByCodeView }) => freezeByCodeView(), how),
};

/** Pages of whoever is signed in, by their fragment. @type {Record<string, (how: How) => Promise<void>>} */
const OWN_PAGES = {
  '#activity': (how) => showLater('activity', 'activity', ({ activityView }) => activityView(), how),
  '#closing': (how) => showLater('closing', 'closing', ({ closingView }) => closingView(app), how),
  '#contacts': (how) => showLater('contacts', 'contacts', ({ contactsView }) => contactsView(app), how),
  '#external-id': (how) => showLater('external-id', 'external_id', ({ externalIdView }) => externalIdView(app), how),
  '#freeze-code': (how) => showLater('freeze-code', 'freeze_code', ({ freezeCodeView }) => freezeCodeView(app), how),
  '#history': (how) => showLater('history', 'history', ({ historyView }) => historyView(app), how),
  '#my-data': (how) => showLater('my-data', 'my_data', ({ myDataView }) => myDataView(), how),
  '#notices': (how) => showLater('notices', 'notices', ({ noticesView }) => noticesView(), how),
  '#passkeys': (how) => showLater('passkeys', 'passkeys', ({ passkeysView }) => passkeysView(app), how),
  '#password': (how) => showLater('password', 'password', ({ passwordView }) => passwordView(app), how),
  '#permissions': (how) => showLater('permissions', 'permissions', ({ permissionsView }) => permissionsView(), how),
  '#recovery': (how) => showLater('recovery', 'recovery', ({ recoveryView }) => recoveryView(app), how),
  '#settings': (how) => showLater('settings', 'settings', ({ settingsView }) => settingsView(app), how),
};

/** For whoever is not signed in. @param {{ focus?: boolean, sentence?: string, left?: WelcomeState }} how */
async function routeOutside({ focus = false, sentence = '', left } = {}) {
  shownFor = address();
  const name = helpPage();
  if (await openToAll({ focus })) return;
  if (name !== '') await showLater(name, 'help', ({ helpView }) => helpView(app, name), { focus });
  else if (location.hash === '#external-sign-in') await showLater('external-sign-in', 'external_id', ({ externalSignInView }) => externalSignInView(), { focus });
  else if (location.hash === '#recover') await showLater('recover', 'recover', ({ recoverView }) => recoverView(app), { focus });
  else if (location.hash in PASSWORD_PAGES) await showLater(location.hash.slice(1), 'password_entry', (module) => module[PASSWORD_PAGES[location.hash]](app), { focus });
  else await showLater('welcome', 'welcome', ({ welcomeView }) => welcomeView(app, sentence, left), { focus });
  registerWorker();
}

const address = () => location.pathname + location.hash;

/** Shows a page that is for everybody; false where another page is asked for. @param {How} how */
async function openToAll(how) {
  if (!(location.pathname in OPEN_PAGES)) return false;
  await OPEN_PAGES[location.pathname](how);
  // A secret that stood in the address has left it.
  shownFor = address();
  return true;
}

async function route({ focus = false } = {}) {
  shownFor = address();
  const topUp = location.pathname.match(/^\/top-up\/([\w-]+)$/);
  const left = location.search === '?left';
  const how = { focus };
  if (await openToAll(how)) return;
  if (location.pathname === PERMISSION_LINK) await showLater('permission-link', 'permissions', ({ linkView }) => linkView(app), how);
  else if (topUp) await showLater('top-up', 'top_up', ({ topUpReturnView }) => topUpReturnView(app, topUp[1], left), how);
  else if (location.hash in OWN_PAGES) await OWN_PAGES[location.hash](how);
  else if (helpPage() !== '') await showLater(helpPage(), 'help', ({ helpView }) => helpView(app, helpPage()), how);
  else show('home', homeView(app), how);
}

const stream = eventStream({
  event(kind, data) {
    if (app.home === null) return;
    // A refusal is no movement: it is told once, and no looking back begins behind it.
    if (data.id !== undefined && kind !== 'refused') app.home.event_id = data.id;
    if (kind === 'freeze' || kind === 'unfreeze') {
      const before = app.home.status;
      app.setStatus(kind === 'freeze' ? 'frozen' : 'active');
      if (kind === 'freeze' && before !== 'frozen') announce(t('frozen_elsewhere'), 'assertive');
      return;
    }
    if (kind === 'sign_in') {
      shown?.changed?.('sessions');
      withPart('sessions', ({ showSignIn }) => showSignIn(data, () => app.freeze()));
      return;
    }
    if (kind === 'access') {
      app.readDevice().catch(() => { /* the next opening tells */ });
      return;
    }
    if (kind === 'device_asks') {
      withPart('device', ({ tellOfAsk }) => tellOfAsk(app));
      return;
    }
    if (kind === 'refused') {
      withPart('result', ({ showRefused }) => showRefused(data, () => app.openTopUp()).then(() => shown?.shownAgain?.()));
      return;
    }
    if (kind === 'top_up_failed') {
      shown?.changed?.('top-ups');
      return;
    }
    app.home.balance = data.balance ?? app.home.balance;
    if (kind === 'payment' || kind === 'hold') shown?.spent?.();
    shown?.changed?.('balance');
    if (kind === 'top_up' && shownName === 'top-up') return;
    // After a long absence the history tells; a sheet is for what happens now.
    if (data.at_ms === undefined || Date.now() - data.at_ms > 10 * 60_000) return;
    withPart('result', ({ showResult }) => showResult(kind, data).then(() => shown?.shownAgain?.()));
  },
  // Whatever happened between the home call and the first moment of the stream is in the history.
  async opened() {
    try {
      const before = turns;
      /** @type {Home} */
      const home = await get('/api/home');
      if (app.home !== null && turns === before) app.setStatus(home.status);
      app.setPaysFrom(home.pays_from);
      later.device().then(({ tellOfAsk }) => tellOfAsk(app)).catch(() => { /* told at the next opening */ });
      later.sessions().then(({ tellOfSignIns }) => tellOfSignIns(() => app.freeze())).catch(() => { /* told at the next opening */ });
      if (app.home === null || home.event_id === app.home.event_id) return;
      const last = BigInt(app.home.event_id);
      /** @type {{ entries: Entry[] }} */
      const { entries } = await get(`/api/history?limit=${LOOK_BACK}`);
      for (const entry of entries.reverse()) {
        const isNew = app.home !== null && BigInt(entry.id) > last;
        if (isNew) stream.offer(entry.kind, { ...entry, balance: entry.balance_after }, String(entry.id));
      }
    } catch { /* the next event or the next opening tells */ }
  },
  // A long absence: no event tells what happened meanwhile, so whatever is shown is read anew.
  async missed() {
    try {
      await app.refreshHome();
      shown?.changed?.('status');
      shown?.changed?.('balance');
    } catch { /* the next event or the next opening tells */ }
  },
  // The server closed the stream on purpose, or it broke: the home call tells which of the two it was.
  async ended() {
    // A step-up in another window renews the session: its stream ends a moment before the browser has the new cookie,
    // and asking in that moment would look like a sign-out.
    await new Promise((resolve) => { setTimeout(resolve, RENEWAL_MS); });
    if (app.home === null || unfreezing) return;
    try {
      const { status: before, event_id } = app.home;
      const home = await app.refreshHome();
      if (before !== home.status) shown?.changed?.('status');
      shown?.changed?.('balance');
      // Still the last event that was shown here: looking back begins behind it.
      home.event_id = event_id;
      stream.open();
    } catch (error) {
      // Signed out is handled by onSignedOut; otherwise the stream's own patience decides when to ask again.
      if (!(error instanceof Refused)) stream.retryLater();
    }
  },
});

onSignedOut(() => {
  if (app.home !== null) app.leave(t('signed_out_elsewhere'));
});

onLanguageChange(async () => {
  stop.redraw();
  await (app.home === null ? routeOutside({ left: shown?.progress?.() }) : route());
  focusIn(place, `.language-choice [lang="${language()}"]`);
});

// A change of the fragment is told by both events; drawn twice, home would ask for two codes and the second kill the
// first.
for (const kind of ['hashchange', 'popstate']) {
  window.addEventListener(kind, () => {
    if (address() === shownFor || shownName === 'starting') return;
    if (app.home === null) routeOutside({ focus: true });
    else route({ focus: true });
  });
}

// A page restored from the back/forward cache may belong to a session that ended meanwhile: begin afresh.
window.addEventListener('pagehide', () => stream.close());
window.addEventListener('pageshow', (event) => { if (event.persisted) begin(); });

document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible') stream.look(); });
window.addEventListener('online', () => {
  stream.look();
  stop.send({ is: 'again' });
  // What could not be read without a network is read now.
  if (app.home !== null) shown?.changed?.('balance');
});

window.addEventListener('beforeinstallprompt', (event) => {
  event.preventDefault();
  app.installPrompt = /** @type {InstallPrompt} */ (event);
  shown?.changed?.('install');
});
window.addEventListener('appinstalled', () => {
  app.installPrompt = null;
  shown?.changed?.('install');
  announce(t('installed'));
});

/** @param {string | null} problem @returns {WalletView} */
function startingView(problem) {
  const retry = el('button', { type: 'button', class: 'button', on: { click: begin } },
    icon('refresh'), t('try_again'));
  return {
    element: [el('main', { class: 'starting on-deep' },
      mark('mark large-mark'),
      el('h1', { tabindex: '-1' }, 'Mamori'),
      problem ? [el('p', { role: 'alert' }, problem), retry]
        : el('p', { class: 'spoken-only', role: 'status' }, t('loading')))],
  };
}

async function begin() {
  closeSheets();
  show('starting', startingView(null));
  // A shop's request leaves the address bar at once, before anything else is waited for.
  if (location.pathname === PERMISSION_LINK) later.permissions().catch(() => { /* asked for again below */ });
  if (await openToAll({})) return;
  // Who comes back to pay waits for one answer, not for one behind the other; and who was never here is about to sign up: that page is fetched while the server says so.
  if (knowsAWallet() && address() === '/') askAhead();
  else if (!knowsAWallet()) later.welcome().catch(() => { /* asked for again below */ });
  try {
    await app.refreshHome();
    signedIn();
    stream.open();
    route();
    stop.resume();
  } catch (error) {
    if (error instanceof Refused && error.status === 401) routeOutside();
    else show('starting', startingView(sentenceOf(error)));
  }
}

/** Tells the worker which files this page runs on: what is older is dropped. */
async function tellFilesInUse() {
  const ready = await navigator.serviceWorker.ready;
  const paths = performance.getEntriesByType('resource')
    .map((entry) => new URL(entry.name))
    .filter((url) => url.origin === location.origin && url.pathname.startsWith('/assets/'))
    .map((url) => url.pathname);
  ready.active?.postMessage({ kind: 'in-use', paths });
}

let registered = false;

function registerWorker() {
  if (registered || !('serviceWorker' in navigator)) return;
  registered = true;
  // Registering a worker is a script sink under Trusted Types; this policy lets exactly one address through.
  const worker = '/sw.js';
  /** @type {any} Not every browser has them, nor do the types. */
  const { trustedTypes } = globalThis;
  const policy = trustedTypes?.createPolicy('mamori-worker', {
    /** @param {string} url */
    createScriptURL(url) {
      if (url !== worker) throw new TypeError('not the worker');
      return url;
    },
  });
  navigator.serviceWorker.register(policy ? policy.createScriptURL(worker) : worker, { scope: '/' })
    .then(tellFilesInUse)
    .catch(() => { /* without a worker only the offline page is missing */ });
}

begin();
