// The receipt of one entry.

import { get, sentenceOf } from '/assets/api.js';
import { announce, el } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { dateTime, t, yen } from '/assets/i18n.js';
import { nameOf } from '/assets/passkey.js';
import { openSheet } from '/assets/sheet.js';
import { entryPicture, kindName, signedYen, title } from '/assets/wallet-entry.js';

/** @import { Entry, Receipt } from '../types/answers.js' */

/** @typedef {[name: string, value: string]} Fact */

/** @param {Entry} entry @param {Receipt | null} receipt */
function receiptFacts(entry, receipt) {
  const known = receipt ?? entry;
  /** @type {(Fact | null | undefined | '' | 0 | false)[]} */
  const facts = [
    [t('when'), dateTime(entry.at_ms)],
    known.merchant && [t('merchant'), known.merchant],
    known.store && [t('store'), known.store],
    receipt?.till && [t('till'), receipt.till],
    known.receipt_number && [t('receipt_number'), known.receipt_number],
    receipt?.invoice_number && [t('invoice_number'), receipt.invoice_number],
    receipt?.cancelled_at_ms && [t('cancelled_at'), dateTime(receipt.cancelled_at_ms)],
    receipt?.refunded && [t('refunded_sum'), yen(receipt.refunded)],
    Number.isSafeInteger(entry.balance_after) && [t('balance_after'), yen(entry.balance_after)],
  ];
  return facts.filter((fact) => fact instanceof Array);
}

/** @param {Fact[]} facts */
const rows = (facts) => el('dl', { class: 'rows' }, facts.map(([name, value]) => el('div', {},
  el('dt', {}, name), el('dd', { class: 'number' }, value))));

/**
 * The receipt as a few lines for a housekeeping book or a colleague; the balance is nobody else's business.
 * @param {Entry} entry @param {Fact[]} facts
 */
function receiptText(entry, facts) {
  const told = facts.filter(([name]) => name !== t('balance_after')).map(([name, value]) => `${name}: ${value}`);
  const what = `${kindName(entry.kind)} ${yen(Math.abs(entry.amount))}`;
  return [`Mamori ${t('receipt')}`, what, ...told].join('\n');
}

/**
 * A button that passes the receipt on: by the phone's own sheet where there is one, else by the clipboard.
 * @param {() => string} text
 */
function passOnButton(text) {
  const share = typeof navigator.share === 'function';
  const said = el('span', {}, t(share ? 'share' : 'copy'));
  const button = el('button', { type: 'button', class: 'button quiet wide', on: { click: async () => {
    try {
      if (share) {
        await navigator.share({ text: text() });
      } else {
        await navigator.clipboard.writeText(text());
        said.textContent = t('copied');
        announce(t('copied'));
      }
    } catch (error) {
      if (nameOf(error) !== 'AbortError') announce(t('unexpected'), 'assertive');
    }
  } } }, icon(share ? 'share' : 'copy'), said);
  return button;
}

/** @param {NonNullable<Receipt['refunds']>} refunds */
const refundRows = (refunds) => [
  el('h3', {}, t('refunds')),
  rows(refunds.map(({ at_ms, amount }) => [at_ms ? dateTime(at_ms) : t('kind_refund'), yen(amount)])),
];

/** @param {Entry} entry */
export async function openReceipt(entry) {
  let facts = receiptFacts(entry, null);
  const details = el('div', { class: 'receipt-details' }, rows(facts));
  const content = el('div', { class: 'receipt' },
    el('div', { class: 'receipt-head' },
      entryPicture(entry),
      el('p', { class: 'receipt-kind' }, kindName(entry.kind)),
      el('p', { class: 'receipt-amount number' }, signedYen(entry)),
      title(entry) !== kindName(entry.kind) && el('p', { class: 'receipt-place' }, title(entry))),
    details,
    passOnButton(() => receiptText(entry, facts)));
  openSheet(t('receipt'), content, { className: 'receipt-sheet' });
  try {
    /** @type {Receipt} */
    const receipt = await get(`/api/receipts/${encodeURIComponent(entry.id)}`);
    facts = receiptFacts(entry, receipt);
    details.replaceChildren(rows(facts));
    const refunds = receipt.refunds ?? [];
    if (refunds.length > 0) details.append(...refundRows(refunds));
  } catch (error) {
    // The entry itself already tells the essentials; only what the receipt would add is missing.
    details.append(el('p', { class: 'note' }, icon('alert'), sentenceOf(error)));
  }
}
