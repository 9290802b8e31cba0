// One device shows the wallet's codes. How another takes over: with a passkey, or with the old one's yes, where the number is chosen that
// the new one shows.

import { get, post, sentenceOf } from '/assets/api.js';
import { announce, el, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { dateTime, hasText, t } from '/assets/i18n.js';
import { ceremonyProblem, nameOf, usePasskey } from '/assets/passkey.js';
import { openSheet } from '/assets/sheet.js';
import { later } from '/assets/wallet-later.js';

/** @import { App } from '/assets/wallet.js' */
/** @import { DeviceAsk } from '../types/answers.js' */

/** @param {unknown} error */
function words(error) {
  const key = ceremonyProblem(error);
  if (key !== null) return t(key);
  return nameOf(error) === 'AbortError' ? '' : sentenceOf(error);
}

/** @param {HTMLElement} problem @param {HTMLElement} button @param {() => Promise<void>} act */
const trying = (problem, button, act) => whileBusy(button, async () => {
  problem.textContent = '';
  try {
    await act();
  } catch (error) {
    problem.textContent = words(error);
  }
});

/** @param {App} app */
async function bindWithPasskey(app) {
  const { step_up, request } = await post('/api/device/bind');
  const credential = await usePasskey(request);
  await app.renewing(() => post('/api/device/bind', { step_up, credential }));
  await app.readDevice();
}

/** On the new device: the two ways. @param {App} app */
export function openTakeOver(app) {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const byPasskey = el('button', { type: 'button', class: 'button wide', on: { click: () => trying(problem, byPasskey, async () => {
    await bindWithPasskey(app);
    sheet.close();
    announce(t('device_taken_over'));
  }) } }, icon('key'), t('device_by_passkey'));
  const byOther = el('button', { type: 'button', class: 'button quiet wide', on: { click: () => trying(problem, byOther, async () => {
    const { number } = await post('/api/device/ask');
    place.replaceChildren(
      el('p', { class: 'device-lead', tabindex: '-1' }, t('device_choose_number')),
      el('p', { class: 'device-number number' }, String(number)),
      el('p', { class: 'small soft' }, t('device_choose_hint')));
    announce(`${t('device_choose_number')} ${number}`);
  }) } }, icon('phone'), t('device_by_other'));
  const place = el('div', { class: 'device-sheet' },
    el('p', {}, t('device_take_over_lead')), problem, byPasskey, byOther);
  const sheet = openSheet(t('device_take_over'), place, { focus: byPasskey });
  // The old device has said yes: home shows a code again, and there is nothing more to say here.
  const taken = setInterval(() => { if (app.home === null || app.home.pays_from === 'here') sheet.close(); }, 300);
  sheet.closed.then(() => clearInterval(taken));
}

/** Questions that were shown here. @type {Set<string>} */
const shown = new Set();

/** What waits for the owner: another device asks, a recovery goes on, somebody asks for help with one. @param {App} app */
export async function tellOfAsk(app) {
  later.recovery_notices().then(({ tellOfRecoveries }) => tellOfRecoveries()).catch(() => { /* told at the next opening */ });
  if (app.home?.pays_from !== 'here') return;
  /** @type {DeviceAsk} */
  const { ask, numbers, browser, at_ms } = await get('/api/device/asked');
  if (ask === undefined || shown.has(ask)) return;
  shown.add(ask);
  const problem = el('p', { class: 'problem', role: 'alert' });
  /** @param {number | undefined} number */
  const choose = (number) => async () => {
    await post('/api/device/answer', number === undefined ? { ask } : { ask, number });
    sheet.close();
    announce(t(number === undefined ? 'device_declined' : 'device_handed_over'));
    await app.readDevice();
  };
  /** @param {number} number */
  function choice(number) {
    const button = el('button', { type: 'button', class: 'chip device-choice number', on: { click: () => trying(problem, button, choose(number)) } }, String(number));
    return button;
  }
  const no = el('button', { type: 'button', class: 'button quiet wide', on: { click: () => trying(problem, no, choose(undefined)) } }, t('device_not_me'));
  const stop = el('button', { type: 'button', class: 'button danger wide', on: { click() {
    sheet.close();
    app.freeze();
  } } }, icon('lock'), t('freeze'));
  const name = browser !== 'unknown' && hasText(`browser_${browser}`) ? t(`browser_${browser}`) : null;
  /** @param {string} word @param {string} value */
  const fact = (word, value) => el('div', {}, el('dt', {}, t(word)), el('dd', {}, value));
  const sheet = openSheet(t('device_asks'), el('div', { class: 'device-sheet' },
    el('p', {}, t('device_asks_lead')),
    el('dl', { class: 'rows' }, fact('when', dateTime(at_ms)), name !== null && fact('sign_in_browser', name)),
    el('div', { class: 'chips device-choices', role: 'group', 'aria-label': t('device_asks_lead') }, numbers.map(choice)),
    problem, no, stop), { focus: no });
  announce(`${t('device_asks')} ${t('device_asks_lead')}`, 'assertive');
}
