// History, page by page, and the receipt of one entry.

import { get, sentenceOf } from '/assets/api.js';
import { announce, el, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { clockTime, dateTime, day, hasText, language, shortDateTime, t, yen } from '/assets/i18n.js';
import { nameOf } from '/assets/passkey.js';
import { openSheet } from '/assets/sheet.js';

/** @import { Entry, HistoryPage, Receipt } from '../types/answers.js' */
/** @import { WalletView } from '/assets/wallet.js' */

/** @typedef {[name: string, value: string]} Fact */

const PAGE = 20;
/** @type {Record<string, string>} */
const pictures = { payment: 'shop', refund: 'undo', cancel: 'undo', top_up: 'card', goodwill: 'gift', cash: 'coins' };

/** @param {string} kind */
const kindName = (kind) => (hasText(`kind_${kind}`) ? t(`kind_${kind}`) : kind);
/** @param {Entry} entry */
const isOut = ({ kind }) => kind === 'payment' || kind === 'hold';
/** @param {Entry} entry */
const signed = (entry) => (isOut(entry) ? -Math.abs(entry.amount) : Math.abs(entry.amount));
/** @param {Entry} entry */
const signedYen = (entry) => (signed(entry) > 0 ? `+${yen(signed(entry))}` : yen(signed(entry)));
/** @param {Entry} entry */
const title = (entry) => entry.store || entry.merchant || kindName(entry.kind);

/** One line of the history: a button that opens the receipt. @param {Entry} entry */
export function entryRow(entry, { withDay = true } = {}) {
  const time = (withDay ? shortDateTime : clockTime)(entry.at_ms);
  const kind = entry.store || entry.merchant ? [kindName(entry.kind)] : [];
  const second = [...kind, time].join(language() === 'ja' ? '・' : ' · ');
  return el('button', { type: 'button', class: 'entry', on: { click: () => openReceipt(entry) } },
    entryPicture(entry),
    el('span', { class: 'entry-words' },
      el('span', { class: 'entry-title' }, title(entry)), el('span', { class: 'small soft' }, second)),
    el('span', { class: `entry-amount number${signed(entry) > 0 ? ' entry-in' : ''}` }, signedYen(entry)),
  );
}

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

/** @param {Entry} entry */
const entryPicture = ({ kind }) => el('span', { class: `entry-picture entry-${kind}`, 'aria-hidden': 'true' },
  icon(pictures[kind] ?? 'receipt'));

/** @param {NonNullable<Receipt['refunds']>} refunds */
const refundRows = (refunds) => [
  el('h3', {}, t('refunds')),
  rows(refunds.map(({ at_ms, amount }) => [at_ms ? dateTime(at_ms) : t('kind_refund'), yen(amount)])),
];

/** @param {Entry} entry */
async function openReceipt(entry) {
  let facts = receiptFacts(entry, null);
  const details = el('div', { class: 'receipt-details' }, rows(facts));
  const content = el('div', { class: 'receipt' },
    el('div', { class: 'receipt-head' },
      entryPicture(entry),
      el('p', { class: 'receipt-kind' }, kindName(entry.kind)),
      el('p', { class: 'receipt-amount number' }, signedYen(entry)),
      el('p', { class: 'receipt-place' }, title(entry))),
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

/** @returns {WalletView} */
export function historyView() {
  const list = el('div', { class: 'history-list' });
  const status = el('p', { class: 'soft history-status', role: 'status' });
  const more = el('button', {
    type: 'button', class: 'button quiet wide', hidden: true, on: { click: () => whileBusy(more, () => load(true)) },
  }, t('more'));
  /** @type {string | null | undefined} */
  let next;
  let newest = 0n;
  // Moves on with every beginning from the top, so that an answer still under way is not appended to another list.
  let generation = 0;

  /**
   * The list of the day that `entry` belongs to, at the end where it shall stand.
   * @param {Entry} entry @param {boolean} above
   */
  function dayListOf(entry, above) {
    const name = day(entry.at_ms);
    const edge = above ? list.firstElementChild : list.lastElementChild;
    const known = edge instanceof HTMLElement && edge.dataset.day === name ? edge.querySelector('ul') : null;
    if (known !== null) return known;
    const made = el('ul', { class: 'entries' });
    list[above ? 'prepend' : 'append'](
      el('section', { class: 'history-day', 'data-day': name }, el('h2', {}, name), made));
    return made;
  }

  /**
   * Puts entries, newest first, below or above those that are shown; returns the first new row.
   * @param {Entry[]} entries
   */
  function put(entries, { above = false } = {}) {
    let first = null;
    for (const entry of above ? [...entries].reverse() : entries) {
      const row = entryRow(entry, { withDay: false });
      dayListOf(entry, above)[above ? 'prepend' : 'append'](el('li', {}, row));
      first ??= row;
      if (BigInt(entry.id) > newest) newest = BigInt(entry.id);
    }
    return first;
  }

  /** @param {boolean} byButton */
  async function load(byButton) {
    const mine = generation;
    status.textContent = t('loading');
    try {
      const before = next ? `&before=${encodeURIComponent(next)}` : '';
      /** @type {HistoryPage} */
      const page = await get(`/api/history?limit=${PAGE}${before}`);
      if (mine !== generation) return;
      const first = put(page.entries);
      next = page.next ?? null;
      more.hidden = next === null;
      if (list.childElementCount === 0) status.textContent = t('nothing_yet');
      else status.textContent = next === null && byButton ? t('no_more') : '';
      // The focus moves on with the reader: to the first of the new entries.
      if (byButton) first?.focus();
    } catch (error) {
      if (mine !== generation) return;
      status.textContent = sentenceOf(error);
      more.hidden = false;
      more.textContent = t('try_again');
      announce(sentenceOf(error), 'assertive');
      return;
    }
    more.textContent = t('more');
  }

  function fromTheTop() {
    generation += 1;
    next = undefined;
    newest = 0n;
    list.replaceChildren();
    load(false);
  }

  /** Something happened: it is put above what is shown, and a reader further down keeps their place. */
  async function loadNew() {
    if (list.childElementCount === 0) {
      fromTheTop();
      return;
    }
    try {
      const mine = generation;
      /** @type {HistoryPage} */
      const { entries } = await get(`/api/history?limit=${PAGE}`);
      if (mine !== generation) return;
      const fresh = entries.filter((entry) => BigInt(entry.id) > newest);
      if (fresh.length < entries.length) put(fresh, { above: true });
      else fromTheTop();
    } catch { /* the next event or the next visit shows it */ }
  }

  load(false);
  return {
    element: [
      el('main', { class: 'history' },
        el('div', { class: 'page-head' }, el('h1', { tabindex: '-1' }, t('history_title'))), list, status, more),
    ],
    changed(what) {
      if (what === 'balance') loadNew();
    },
  };
}
