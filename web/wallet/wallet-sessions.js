// Where the owner is signed in, and the switch that ends it elsewhere: whoever has lost a phone looks here first. And the
// sheet that tells of a sign-in elsewhere in the moment it happens.

import { Refused, get, post, sentenceOf } from '/assets/api.js';
import { announce, el, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { openSheet } from '/assets/sheet.js';
import { dateTime, hasText, language, shortDateTime, t } from '/assets/i18n.js';

/** @import { Session } from '../types/answers.js' */

/** The family of browsers, where this program knows it. @param {string} browser */
const browserName = (browser) => (browser !== 'unknown' && hasText(`browser_${browser}`) ? t(`browser_${browser}`) : null);

/** The card of the settings; it asks for its list as soon as it is made. */
export function sessionsCard() {
  /** @param {string} key */
  const note = (key) => el('li', { class: 'setting' }, el('span', { class: 'small soft' }, t(key)));
  const list = el('ul', { class: 'sessions' }, note('loading'));
  const problem = el('p', { class: 'problem', role: 'alert' });
  const place = el('div', {});
  const title = el('h2', { id: 'sessions-title', class: 'setting-title', tabindex: '-1' }, t('sessions'));

  /** @param {Session} session */
  function row({ session, current, browser, made_at_ms, seen_at_ms }) {
    const since = t('session_since', { when: shortDateTime(made_at_ms) });
    const seen = t('session_seen', { when: shortDateTime(seen_at_ms) });
    const dot = language() === 'ja' ? '・' : ' · ';
    const times = (current ? [since] : [since, seen]).join(dot);
    const end = el('button', {
      type: 'button', class: 'text-button',
      on: { click: () => ending(end, 1, () => post('/api/sessions/end', { session })) },
    }, t('session_end'));
    return el('li', { class: 'setting' }, icon('phone'),
      el('span', { class: 'setting-words' },
        el('span', {}, [t(current ? 'session_here' : 'session_elsewhere'), browserName(browser)].filter(Boolean).join(dot)),
        el('span', { class: 'small soft number' }, times)),
      !current && end);
  }

  /** @param {Session[]} sessions */
  function draw(sessions) {
    const others = sessions.filter((one) => !one.current);
    const here = sessions.filter((one) => one.current);
    title.textContent = t('sessions_count', { count: sessions.length });
    list.replaceChildren(...[...here, ...others.sort((a, b) => b.seen_at_ms - a.seen_at_ms)].map(row));
    place.replaceChildren();
    if (others.length === 0) list.append(note('sessions_only_here'));
    if (others.length > 1) {
      const all = el('button', {
        type: 'button', class: 'setting setting-button setting-danger',
        on: { click: () => ending(all, others.length, () => post('/api/sessions/end-others')) },
      }, icon('leave'), el('span', { class: 'setting-words' }, t('session_end_all', { count: others.length })));
      place.append(all);
    }
  }

  async function load() {
    try {
      const { sessions } = await get('/api/sessions');
      draw(sessions);
    } catch (error) {
      problem.textContent = sentenceOf(error);
    }
  }

  /** @param {HTMLElement} button @param {number} count @param {() => Promise<unknown>} act */
  const ending = (button, count, act) => whileBusy(button, async () => {
    problem.textContent = '';
    try {
      await act();
    } catch (error) {
      // It ended by itself meanwhile: what was wanted is so.
      if (!(error instanceof Refused && error.status === 404)) {
        problem.textContent = sentenceOf(error);
        return;
      }
    }
    await load();
    announce(t('session_ended', { count }));
    title.focus({ preventScroll: true });
  });

  load();
  return el('section', { class: 'setting-group', 'aria-labelledby': 'sessions-title' }, title, problem, list, place);
}

/** @param {string} word @param {string} value */
const fact = (word, value) => el('div', {}, el('dt', {}, t(word)), el('dd', {}, value));

const TOLD = 'mamori.sign-ins-told';

/** Sessions of which this browser has told already; their names open nothing. @returns {string[]} */
function toldOf() {
  try {
    const told = JSON.parse(localStorage.getItem(TOLD) ?? '[]');
    return Array.isArray(told) ? told : [];
  } catch {
    return [];
  }
}

/**
 * Others that have begun since this one did, and of which nobody was told here: the page was away when they did.
 * @param {Session[]} sessions @param {string[]} told
 */
export function untold(sessions, told) {
  const here = sessions.find((one) => one.current);
  return here === undefined ? [] : sessions.filter(({ session, current, made_at_ms }) => (
    !current && made_at_ms > here.made_at_ms && !told.includes(session)));
}

/** Tells of sign-ins that nobody was told of while the page was away. @param {() => void} freeze */
export async function tellOfSignIns(freeze) {
  const { sessions } = await get('/api/sessions');
  for (const one of untold(sessions, toldOf())) showSignIn({ ...one, at_ms: one.made_at_ms }, freeze);
}

/**
 * Somebody has just signed in to this wallet on another device: its owner, or whoever they must stop now.
 * @param {{ session?: string, at_ms?: number, browser?: string }} signIn @param {() => void} freeze
 */
export function showSignIn({ session = '', at_ms, browser = '' }, freeze) {
  const told = toldOf();
  if (told.includes(session)) return;
  try { localStorage.setItem(TOLD, JSON.stringify([...told, session].slice(-20))); } catch { /* then it may be told again */ }
  const problem = el('p', { class: 'problem', role: 'alert' });
  const known = el('button', { type: 'button', class: 'button wide', on: { click: () => sheet.close() } }, t('sign_in_mine'));
  const end = el('button', { type: 'button', class: 'button quiet wide', on: { click: () => whileBusy(end, async () => {
    problem.textContent = '';
    try {
      await post('/api/sessions/end-others');
      sheet.close();
      announce(t('sign_in_ended'));
    } catch (error) {
      problem.textContent = sentenceOf(error);
    }
  }) } }, icon('leave'), t('sign_in_end'));
  const stop = el('button', { type: 'button', class: 'button danger wide', on: { click() {
    sheet.close();
    freeze();
  } } }, icon('lock'), t('freeze'));
  const name = browserName(browser);
  const sheet = openSheet(t('sign_in_elsewhere'), el('div', { class: 'sign-in-notice' },
    el('p', {}, t('sign_in_elsewhere_lead')),
    el('dl', { class: 'rows' },
      at_ms !== undefined && fact('when', dateTime(at_ms)),
      name !== null && fact('sign_in_browser', name)),
    problem, known, end, stop), { focus: known });
  announce(t('sign_in_elsewhere'), 'assertive');
}
