// One line of the history, as home and history show it; the receipt behind it is fetched when it is opened.

import { el } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { clockTime, hasText, language, shortDateTime, t, yen } from '/assets/i18n.js';
import { onTap } from '/assets/wallet-later.js';

/** @import { Entry } from '../types/answers.js' */

/** @type {Record<string, string>} */
const pictures = { payment: 'shop', refund: 'undo', cancel: 'undo', top_up: 'card', goodwill: 'gift', cash: 'coins' };

/** @param {string} kind */
export const kindName = (kind) => (hasText(`kind_${kind}`) ? t(`kind_${kind}`) : kind);
/** @param {Entry} entry */
const isOut = ({ kind }) => kind === 'payment' || kind === 'hold';
/** @param {Entry} entry */
const signed = (entry) => (isOut(entry) ? -Math.abs(entry.amount) : Math.abs(entry.amount));
/** @param {Entry} entry */
export const signedYen = (entry) => (entry.kind === 'capture' ? yen(entry.amount) : signed(entry) > 0 ? `+${yen(signed(entry))}` : yen(signed(entry)));
/** @param {Entry} entry */
export const title = (entry) => entry.store || entry.merchant || kindName(entry.kind);

/**
 * What became of each payment, by its id: undone, or how much of it was given back.
 * @param {Entry[]} entries newest first, so what happened to a payment stands before it
 */
export function fates(entries) {
  /** @type {Map<string, { cancelled: boolean, refunded: number }>} */
  const found = new Map();
  for (const { kind, payment_id, amount } of entries) {
    if (payment_id === null || (kind !== 'cancel' && kind !== 'refund')) continue;
    const before = found.get(payment_id) ?? { cancelled: false, refunded: 0 };
    found.set(payment_id, kind === 'cancel' ? { ...before, cancelled: true }
      : { ...before, refunded: before.refunded + amount });
  }
  return found;
}

/**
 * What became of a payment, in words; empty for what is as it was.
 * @param {Entry} entry @param {ReturnType<typeof fates>} known
 */
export function fateOf({ id, kind, payment_id, amount }, known) {
  const fate = kind === 'payment' || kind === 'capture' ? known.get(payment_id ?? id) : undefined;
  if (fate === undefined) return '';
  if (fate.cancelled) return t('fate_cancelled');
  return fate.refunded >= amount ? t('fate_refunded') : t('fate_refunded_part', { amount: yen(fate.refunded) });
}

/** @param {Entry} entry */
const showReceipt = (entry) => onTap('receipt', ({ openReceipt }) => { openReceipt(entry); });

/**
 * One line of the history: a button that opens the receipt.
 * @param {Entry} entry @param {{ withDay?: boolean, fate?: string }} look
 */
export function entryRow(entry, { withDay = true, fate = '' } = {}) {
  const time = (withDay ? shortDateTime : clockTime)(entry.at_ms);
  const kind = entry.store || entry.merchant ? [kindName(entry.kind)] : [];
  const second = [...kind, time].join(language() === 'ja' ? '・' : ' · ');
  return el('button', { type: 'button', class: 'entry', on: { click: () => showReceipt(entry) } },
    entryPicture(entry),
    el('span', { class: 'entry-words' },
      el('span', { class: 'entry-title' }, title(entry)), el('span', { class: 'small soft' }, second),
      fate !== '' && el('span', { class: 'entry-fate' }, fate)),
    el('span', { class: `entry-amount number${signedYen(entry).startsWith('+') ? ' entry-in' : ''}${fate === t('fate_cancelled') ? ' entry-void' : ''}` },
      signedYen(entry)),
  );
}

/** @param {Entry} entry */
export const entryPicture = ({ kind }) => el('span', { class: `entry-picture entry-${kind}`, 'aria-hidden': 'true' },
  icon(pictures[kind] ?? 'receipt'));
