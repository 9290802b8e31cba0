// History, month by month (`wallet-history-state.js`), and the receipt of one entry.

import { get, sentenceOf } from '/assets/api.js';
import { h, own, patch } from '/assets/draw.js';
import { announce, el, focusIn } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { clockTime, dateTime, day, hasText, language, month, shortDateTime, t, yen } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';
import { nameOf } from '/assets/passkey.js';
import { openSheet } from '/assets/sheet.js';
import { beginHistory, fates, FILTERS, monthsOf, updateHistory } from '/assets/wallet-history-state.js';

/** @import { Child, Machine } from '../types/pages.js' */
/** @import { Entry, Receipt } from '../types/answers.js' */
/** @import { App, WalletView } from '/assets/wallet.js' */
/** @import { HistoryEvent, HistoryState, Month } from '/assets/wallet-history-state.js' */

/** @typedef {[name: string, value: string]} Fact */

// Entries to a page, while whole months are read, and when something has happened.
const PAGE = 100;
const NEWEST = 20;
/** @type {Record<string, string>} */
const pictures = { payment: 'shop', refund: 'undo', cancel: 'undo', top_up: 'card', goodwill: 'gift', cash: 'coins' };

/** @param {string} kind */
const kindName = (kind) => (hasText(`kind_${kind}`) ? t(`kind_${kind}`) : kind);
/** @param {Entry} entry */
const isOut = ({ kind }) => kind === 'payment' || kind === 'hold';
/** @param {Entry} entry */
const signed = (entry) => (isOut(entry) ? -Math.abs(entry.amount) : Math.abs(entry.amount));
/** @param {Entry} entry */
const signedYen = (entry) => (entry.kind === 'capture' ? yen(entry.amount) : signed(entry) > 0 ? `+${yen(signed(entry))}` : yen(signed(entry)));
/** @param {Entry} entry */
const title = (entry) => entry.store || entry.merchant || kindName(entry.kind);

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

/**
 * One line of the history: a button that opens the receipt.
 * @param {Entry} entry @param {{ withDay?: boolean, fate?: string }} look
 */
export function entryRow(entry, { withDay = true, fate = '' } = {}) {
  const time = (withDay ? shortDateTime : clockTime)(entry.at_ms);
  const kind = entry.store || entry.merchant ? [kindName(entry.kind)] : [];
  const second = [...kind, time].join(language() === 'ja' ? '・' : ' · ');
  return el('button', { type: 'button', class: 'entry', on: { click: () => openReceipt(entry) } },
    entryPicture(entry),
    el('span', { class: 'entry-words' },
      el('span', { class: 'entry-title' }, title(entry)), el('span', { class: 'small soft' }, second),
      fate !== '' && el('span', { class: 'entry-fate' }, fate)),
    el('span', { class: `entry-amount number${signedYen(entry).startsWith('+') ? ' entry-in' : ''}${fate === t('fate_cancelled') ? ' entry-void' : ''}` },
      signedYen(entry)),
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

/** @typedef {(event: HistoryEvent) => void} Send */

/** @param {HistoryState} state @param {Send} send */
const filters = ({ filter }, send) => h('div', { class: 'filters', role: 'group', 'aria-label': t('filter') },
  FILTERS.map((one) => h('button', {
    type: 'button', class: 'chip', 'aria-pressed': String(filter === one), on: { click: () => send({ is: 'filter', filter: one }) },
  }, t(`filter_${one}`))));

/** Entries of one day stand together. @param {Entry[]} entries */
function days(entries) {
  /** @type {Map<string, Entry[]>} */
  const found = new Map();
  for (const entry of entries) {
    const name = day(entry.at_ms);
    found.set(name, [...found.get(name) ?? [], entry]);
  }
  return [...found];
}

/** @param {Month} drawn @param {ReturnType<typeof fates>} known */
function monthSection({ name, shown, sums }, known) {
  const sum = (/** @type {string} */ word, /** @type {number} */ amount) => h('div', {},
    h('dt', {}, t(word)), h('dd', { class: 'number' }, yen(amount)));
  return h('section', { key: name, class: 'history-month' },
    h('div', { class: 'month-head' },
      h('h2', {}, month(shown[0].at_ms)),
      sums === null ? h('p', { class: 'small soft' }, t('month_in_part'))
        : h('dl', { class: 'month-sums' }, sum('month_spent', sums.spent), sum('month_topped_up', sums.topped_up))),
    days(shown).map(([date, entries]) => h('section', { key: date, class: 'history-day' },
      h('h3', {}, date),
      h('ul', { class: 'entries' }, entries.map((entry) => {
        const fate = fateOf(entry, known);
        return h('li', { key: entry.id, 'data-entry': entry.id },
          own(`${entry.id} ${fate}`, () => entryRow(entry, { withDay: false, fate })));
      })))));
}

/** @param {HistoryState} state @param {number} count */
function statusWords({ entries, next, filter, busy, problem }, count) {
  if (problem !== null) return sentenceOf(problem);
  if (busy && entries === null) return t('loading');
  if (entries?.length === 0) return t('nothing_yet');
  if (filter !== 'all') return count === 0 ? t('filter_nothing') : t('filter_count', { count });
  return next === null && !busy ? t('no_more') : '';
}

/** @param {HistoryState} state @param {Send} send @param {App} app @returns {Child[]} */
function drawHistory(state, send, app) {
  const found = monthsOf(state);
  const known = fates(state.entries ?? []);
  const count = found.reduce((sum, { shown }) => sum + shown.length, 0);
  const empty = state.entries?.length === 0;
  return [
    h('div', { class: 'page-head' }, h('h1', { tabindex: '-1' }, t('history_title'))),
    !empty && filters(state, send),
    h('div', { class: 'history-list' }, found.map((one) => monthSection(one, known))),
    h('p', { class: 'soft history-status', role: 'status' }, statusWords(state, count)),
    empty && h('button', { type: 'button', class: 'button wide', on: { click: () => app.openTopUp() } }, t('top_up')),
    (state.next !== null || state.problem !== null) && h('button', {
      type: 'button', class: 'button quiet wide', 'aria-busy': state.busy && 'true', on: { click: () => send({ is: 'more' }) },
    }, t(state.problem === null ? 'more' : 'try_again')),
  ];
}

/** @param {string | null} before @returns {Promise<HistoryEvent>} */
async function read(before) {
  try {
    const from = before === null ? '' : `&before=${encodeURIComponent(before)}`;
    return { is: 'read', page: await get(`/api/history?limit=${PAGE}${from}`) };
  } catch (error) {
    return { is: 'failed', error };
  }
}

/** @param {App} app @returns {WalletView} */
export function historyView(app) {
  const element = el('main', { class: 'history' });
  // The last row before the reader asked for more: the focus goes on behind it when there is something.
  let behind = '';
  /** @type {Machine<HistoryState, HistoryEvent>} */
  const view = machine({
    begin: beginHistory,
    update: updateHistory,
    draw(state) {
      patch(element, drawHistory(state, (event) => view.send(event), app));
      if (behind === '' || state.busy) return;
      const rows = [...element.querySelectorAll('[data-entry]')];
      const at = rows.findIndex((row) => row instanceof HTMLElement && row.dataset.entry === behind);
      if (at >= 0 && rows[at + 1]) focusIn(rows[at + 1], 'button');
      behind = '';
    },
    perform: {
      read: ({ before }) => read(before),
      async read_newest() {
        try {
          return { is: 'newest', page: await get(`/api/history?limit=${NEWEST}`) };
        } catch {
          // The next event or the next visit shows it.
          return undefined;
        }
      },
      focus({ id }) { behind = id; },
    },
  });
  return {
    element: [element],
    ready: view.start,
    stop: view.stop,
    changed(what) {
      if (what === 'balance') view.send({ is: 'moved' });
    },
  };
}
