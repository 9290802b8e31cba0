// The sheet that rises the moment something happened to the money: paid, refunded, cancelled, topped up.

import { announce, el, svg } from '/assets/elements.js';
import { chimePaid } from '/assets/chime.js';
import { icon } from '/assets/icons.js';
import { dateTime, t, yen } from '/assets/i18n.js';
import { openSheet } from '/assets/sheet.js';

const SOUND = 'mamori.sound';

export function soundIsOn() {
  try { return localStorage.getItem(SOUND) !== 'off'; } catch { return true; }
}

/** @param {boolean} on */
export function setSound(on) {
  try {
    localStorage.setItem(SOUND, on ? 'on' : 'off');
  } catch { /* the choice lasts for this page only */ }
}

/** @import { EventData } from '/assets/wallet-events.js' */

/** @type {Record<string, string>} */
const titles = {
  payment: 'paid', refund: 'refunded', cancel: 'cancelled', top_up: 'topped_up', cash: 'topped_up', goodwill: 'gifted',
};

/** @type {ReturnType<typeof openSheet> | null} */
let open = null;

/** @param {string} kind */
function picture(kind) {
  const look = { viewBox: '0 0 64 64', class: `result-picture result-${kind}`, 'aria-hidden': 'true' };
  const drawing = svg('svg', { ...look, focusable: 'false' });
  drawing.append(svg('circle', { cx: 32, cy: 32, r: 29, class: 'result-disc' }));
  const isIn = ['top_up', 'cash', 'goodwill'].includes(kind);
  const back = 'M27 21 18 30l9 9M19 30h18a9 9 0 0 1 0 18h-8';
  const cross = 'M23 23l18 18M41 23L23 41';
  const stroke = kind === 'refused' ? cross : kind === 'payment' ? 'M19.5 33l9 9L45 24.5' : isIn ? 'M32 20v24M20 32h24' : back;
  drawing.append(svg('path', { class: 'result-stroke', d: stroke }));
  return drawing;
}

/** @param {EventData} data */
function facts({ store, merchant, at_ms, receipt_number, balance }) {
  const shop = merchant && store ? `${merchant} ${store}` : store || merchant;
  const when = at_ms === undefined ? null : el('time', { datetime: new Date(at_ms).toISOString() }, dateTime(at_ms));
  const rows = [
    { word: 'store', value: shop },
    { word: 'when', value: when },
    { word: 'receipt_number', value: receipt_number },
    { word: 'balance', value: balance === undefined ? null : yen(balance) },
  ];
  return rows.filter(({ value }) => value);
}

/** A shop asked for money and got none: why, and what the owner can do. @param {EventData} data @param {() => void} topUp */
export async function showRefused(data, topUp) {
  open?.close();
  const words = { wallet_frozen: 'refused_frozen', wallet_cooling: 'refused_cooling' };
  const stopped = words[/** @type {keyof typeof words} */ (data.reason)];
  const reason = t(stopped ?? 'refused_balance');
  const closeButton = el('button', { type: 'button', class: 'button quiet wide' }, t('close'));
  const topUpButton = stopped ? null : el('button', { type: 'button', class: 'button wide' }, icon('plus'), t('top_up'));
  const sheet = openSheet(t('payment_refused'), el('div', { class: 'result' },
    picture('refused'),
    el('p', { class: 'result-amount number' }, yen(data.amount ?? 0)),
    el('p', { class: 'result-reason' }, reason),
    el('dl', { class: 'rows' }, facts(data).map(({ word, value }) => el('div', {},
      el('dt', {}, t(word)), el('dd', { class: 'number' }, value)))),
    topUpButton, closeButton,
  ), { className: 'result-sheet', focus: topUpButton ?? closeButton });
  open = sheet;
  closeButton.addEventListener('click', sheet.close);
  topUpButton?.addEventListener('click', () => {
    sheet.close();
    topUp();
  });
  announce(`${t('payment_refused')} ${reason}`, 'assertive');
  await sheet.closed;
  if (open === sheet) open = null;
}

/**
 * Shows the event; resolves when the sheet is closed. A newer event replaces the sheet of an older one.
 * @param {string} kind @param {EventData} data
 */
export async function showResult(kind, data) {
  const title = titles[kind];
  if (!title) return;
  open?.close();
  const amount = yen(data.amount ?? 0);
  const doneButton = el('button', { type: 'button', class: 'button wide' }, t('done'));
  const sheet = openSheet(t(title), el('div', { class: 'result' },
    picture(kind),
    el('p', { class: 'result-amount number' }, amount),
    el('dl', { class: 'rows' }, facts(data).map(({ word, value }) => el('div', {},
      el('dt', {}, t(word)), el('dd', { class: 'number' }, value)))),
    doneButton,
  ), { className: 'result-sheet', focus: doneButton });
  open = sheet;
  doneButton.addEventListener('click', sheet.close);
  const store = data.store || data.merchant || '';
  const balance = data.balance === undefined ? '' : yen(data.balance);
  announce(t(`${title}_spoken`, { store, amount, balance }), 'assertive');
  if (kind === 'payment') {
    navigator.vibrate?.(80);
    if (soundIsOn()) chimePaid();
  }
  await sheet.closed;
  if (open === sheet) open = null;
}
