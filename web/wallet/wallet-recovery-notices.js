// What an owner has to see at once: somebody recovers this wallet, or somebody whom the owner helps asks for the number.

import { get, post, sentenceOf } from '/assets/api.js';
import { announce, el, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { dateTime, t } from '/assets/i18n.js';
import { openSheet } from '/assets/sheet.js';

/** @import { RecoveryNotices } from '../types/answers.js' */

/** What was shown here and put off, or is shown now. @type {Set<string>} */
const shown = new Set();

/** @param {HTMLElement} problem @param {HTMLElement} button @param {() => Promise<void>} act */
const trying = (problem, button, act) => whileBusy(button, async () => {
  problem.textContent = '';
  try {
    await act();
  } catch (error) {
    problem.textContent = sentenceOf(error);
  }
});

/** @param {NonNullable<RecoveryNotices['open']>} open */
function tellOfRecovery({ opened_at_ms, opens_at_ms }) {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const stop = el('button', { type: 'button', class: 'button danger wide', on: { click: () => trying(problem, stop, async () => {
    await post('/api/recovery/stop-own');
    sheet.close();
    announce(t('recovery_stopped'), 'assertive');
  }) } }, icon('lock'), t('recovery_stop'));
  const later = el('button', { type: 'button', class: 'button quiet wide', on: { click: () => sheet.close() } }, t('recovery_later'));
  const sheet = openSheet(t('recovery_open'), el('div', { class: 'device-sheet' },
    el('p', {}, t('recovery_open_lead', { when: dateTime(opened_at_ms) })),
    opens_at_ms !== null && el('p', {}, el('strong', {}, t('recovery_open_opens', { when: dateTime(opens_at_ms) }))),
    problem, stop, later), { focus: stop });
  announce(t('recovery_open'), 'assertive');
}

/** @param {NonNullable<RecoveryNotices['ask']>} question */
function tellOfAsk({ ask, numbers, name, at_ms }) {
  const problem = el('p', { class: 'problem', role: 'alert' });
  /** @param {number | undefined} number */
  const choose = (number) => async () => {
    await post('/api/recovery/answer', number === undefined ? { ask } : { ask, number });
    sheet.close();
    announce(t(number === undefined ? 'trusted_declined' : 'trusted_helped'));
  };
  /** @param {number} number */
  function choice(number) {
    const button = el('button', { type: 'button', class: 'chip device-choice number', on: { click: () => trying(problem, button, choose(number)) } }, String(number));
    return button;
  }
  const no = el('button', { type: 'button', class: 'button quiet wide', on: { click: () => trying(problem, no, choose(undefined)) } }, t('trusted_not_me'));
  const sheet = openSheet(t('trusted_asks', { name }), el('div', { class: 'device-sheet' },
    el('p', {}, t('trusted_asks_lead', { name })),
    el('p', {}, el('strong', {}, t('trusted_asks_careful'))),
    el('p', { class: 'small soft number' }, dateTime(at_ms)),
    el('div', { class: 'chips device-choices', role: 'group', 'aria-label': t('trusted_asks', { name }) }, numbers.map(choice)),
    problem, no), { focus: no });
  announce(`${t('trusted_asks', { name })} ${t('trusted_asks_lead', { name })}`, 'assertive');
}

/** Looks, and shows each thing once. */
export async function tellOfRecoveries() {
  /** @type {RecoveryNotices} */
  const { open, ask } = await get('/api/recovery/notices');
  if (ask !== null && !shown.has(ask.ask)) {
    shown.add(ask.ask);
    tellOfAsk(ask);
    return;
  }
  const name = open === null ? '' : `${open.opened_at_ms} ${open.opens_at_ms}`;
  if (open === null || shown.has(name)) return;
  shown.add(name);
  tellOfRecovery(open);
}
