// The sheet that rises the moment something happened to the money: paid, refunded, cancelled, topped up.

import { announce, el, svg } from '/assets/elements.js';
import { chimePaid } from '/assets/chime.js';
import { dateTime, t, yen } from '/assets/i18n.js';
import { openSheet } from '/assets/sheet.js';

const SOUND = 'mamori.sound';

export function soundIsOn() {
  try { return localStorage.getItem(SOUND) !== 'off'; } catch { return true; }
}

export function setSound(on) {
  try { localStorage.setItem(SOUND, on ? 'on' : 'off'); } catch { /* the choice lasts for this page only */ }
}

const titles = { payment: 'paid', refund: 'refunded', cancel: 'cancelled', top_up: 'topped_up', cash: 'topped_up', goodwill: 'gifted' };

let open = null;

function picture(kind) {
  const drawing = svg('svg', { viewBox: '0 0 64 64', class: `result-picture result-${kind}`, 'aria-hidden': 'true', focusable: 'false' });
  drawing.append(svg('circle', { cx: 32, cy: 32, r: 29, class: 'result-disc' }));
  if (kind === 'payment') drawing.append(svg('path', { class: 'result-stroke', d: 'M19.5 33l9 9L45 24.5' }));
  else if (['top_up', 'cash', 'goodwill'].includes(kind)) drawing.append(svg('path', { class: 'result-stroke', d: 'M32 20v24M20 32h24' }));
  else drawing.append(svg('path', { class: 'result-stroke', d: 'M27 21 18 30l9 9M19 30h18a9 9 0 0 1 0 18h-8' }));
  return drawing;
}

/** Shows the event; resolves when the sheet is closed. A newer event replaces the sheet of an older one. */
export async function showResult(kind, data) {
  const title = titles[kind];
  if (!title) return;
  open?.close();
  const store = data.store || data.merchant || '';
  const rows = [
    store && [t('store'), data.merchant && data.store ? `${data.merchant} ${data.store}` : store],
    [t('when'), el('time', { datetime: new Date(data.at_ms).toISOString() }, dateTime(data.at_ms))],
    data.receipt_number && [t('receipt_number'), String(data.receipt_number)],
    Number.isSafeInteger(data.balance) && [t('balance'), yen(data.balance)],
  ].filter(Boolean);
  const doneButton = el('button', { type: 'button', class: 'button wide' }, t('done'));
  const sheet = openSheet(t(title), el('div', { class: 'result' },
    picture(kind),
    el('p', { class: 'result-amount number' }, yen(data.amount)),
    el('dl', { class: 'rows' }, rows.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', { class: 'number' }, value)))),
    doneButton,
  ), { className: 'result-sheet', focus: doneButton });
  open = sheet;
  doneButton.addEventListener('click', sheet.close);
  announce(t(`${title}_spoken`, { store, amount: yen(data.amount), balance: Number.isSafeInteger(data.balance) ? yen(data.balance) : '' }), 'assertive');
  if (kind === 'payment') {
    navigator.vibrate?.(80);
    if (soundIsOn()) chimePaid();
  }
  await sheet.closed;
  if (open === sheet) open = null;
}
