// History, page by page, and the receipt of one entry.

import { get, sentenceOf } from '/assets/api.js';
import { announce, el, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { clockTime, dateTime, day, hasText, language, shortDateTime, t, yen } from '/assets/i18n.js';
import { openSheet } from '/assets/sheet.js';

const PAGE = 20;
const pictures = { payment: 'shop', refund: 'undo', cancel: 'undo', top_up: 'card', goodwill: 'gift', cash: 'coins' };

const kindName = (kind) => (hasText(`kind_${kind}`) ? t(`kind_${kind}`) : kind);
const signed = (entry) => (entry.kind === 'payment' || entry.kind === 'hold' ? -Math.abs(entry.amount) : Math.abs(entry.amount));
const signedYen = (entry) => (signed(entry) > 0 ? `+${yen(signed(entry))}` : yen(signed(entry)));
const title = (entry) => entry.store || entry.merchant || kindName(entry.kind);

/** One line of the history: a button that opens the receipt. */
export function entryRow(entry, { withDay = true } = {}) {
  const second = [entry.store || entry.merchant ? kindName(entry.kind) : null, (withDay ? shortDateTime : clockTime)(entry.at_ms)].filter(Boolean).join(language() === 'ja' ? '・' : ' · ');
  return el('button', { type: 'button', class: 'entry', on: { click: () => openReceipt(entry) } },
    el('span', { class: `entry-picture entry-${entry.kind}`, 'aria-hidden': 'true' }, icon(pictures[entry.kind] ?? 'receipt')),
    el('span', { class: 'entry-words' }, el('span', { class: 'entry-title' }, title(entry)), el('span', { class: 'small soft' }, second)),
    el('span', { class: `entry-amount number${signed(entry) > 0 ? ' entry-in' : ''}` }, signedYen(entry)),
  );
}

function receiptFacts(entry, receipt) {
  return [
    [t('when'), dateTime(entry.at_ms)],
    (receipt?.merchant ?? entry.merchant) && [t('merchant'), receipt?.merchant ?? entry.merchant],
    (receipt?.store ?? entry.store) && [t('store'), receipt?.store ?? entry.store],
    receipt?.till && [t('till'), String(receipt.till)],
    (receipt?.receipt_number ?? entry.receipt_number) && [t('receipt_number'), String(receipt?.receipt_number ?? entry.receipt_number)],
    receipt?.cancelled_at_ms && [t('cancelled_at'), dateTime(receipt.cancelled_at_ms)],
    receipt?.refunded > 0 && [t('refunded_sum'), yen(receipt.refunded)],
    Number.isSafeInteger(entry.balance_after) && [t('balance_after'), yen(entry.balance_after)],
  ].filter(Boolean);
}

const rows = (facts) => el('dl', { class: 'rows' }, facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', { class: 'number' }, value))));

/** The receipt as a few lines for a housekeeping book or a colleague; the balance is nobody else's business. */
function receiptText(entry, facts) {
  const told = facts.filter(([name]) => name !== t('balance_after')).map(([name, value]) => `${name}: ${value}`);
  return [`Mamori ${t('receipt')}`, `${kindName(entry.kind)} ${yen(Math.abs(entry.amount))}`, ...told].join('\n');
}

/** A button that passes the receipt on: by the phone's own sheet where there is one, else by the clipboard. */
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
      if (error?.name !== 'AbortError') announce(t('unexpected'), 'assertive');
    }
  } } }, icon(share ? 'share' : 'copy'), said);
  return button;
}

async function openReceipt(entry) {
  let facts = receiptFacts(entry, null);
  const details = el('div', { class: 'receipt-details' }, rows(facts));
  const content = el('div', { class: 'receipt' },
    el('div', { class: 'receipt-head' },
      el('span', { class: `entry-picture entry-${entry.kind}`, 'aria-hidden': 'true' }, icon(pictures[entry.kind] ?? 'receipt')),
      el('p', { class: 'receipt-kind' }, kindName(entry.kind)),
      el('p', { class: 'receipt-amount number' }, signedYen(entry)),
      el('p', { class: 'receipt-place' }, title(entry))),
    details,
    passOnButton(() => receiptText(entry, facts)));
  openSheet(t('receipt'), content, { className: 'receipt-sheet' });
  try {
    const receipt = await get(`/api/receipts/${encodeURIComponent(entry.id)}`);
    facts = receiptFacts(entry, receipt);
    details.replaceChildren(rows(facts));
    const refunds = receipt.refunds ?? [];
    if (refunds.length > 0) {
      details.append(el('h3', {}, t('refunds')), el('dl', { class: 'rows' }, refunds.map((refund) => el('div', {},
        el('dt', {}, refund.at_ms ? dateTime(refund.at_ms) : t('kind_refund')), el('dd', { class: 'number' }, yen(refund.amount))))));
    }
  } catch (error) {
    // The entry itself already tells the essentials; only what the receipt would add is missing.
    details.append(el('p', { class: 'note' }, icon('alert'), sentenceOf(error)));
  }
}

export function historyView() {
  const list = el('div', { class: 'history-list' });
  const status = el('p', { class: 'soft history-status', role: 'status' });
  const more = el('button', { type: 'button', class: 'button quiet wide', hidden: true, on: { click: () => whileBusy(more, () => load(true)) } }, t('more'));
  let next;
  let newest = 0n;
  // Moves on with every beginning from the top, so that an answer still under way is not appended to another list.
  let generation = 0;

  /** Puts entries, newest first, below or above those that are shown; returns the first new row. */
  function put(entries, { above = false } = {}) {
    let first = null;
    for (const entry of above ? [...entries].reverse() : entries) {
      const name = day(entry.at_ms);
      const edge = above ? list.firstElementChild : list.lastElementChild;
      let dayList = edge?.dataset.day === name ? edge.querySelector('ul') : null;
      if (dayList === null) {
        dayList = el('ul', { class: 'entries' });
        list[above ? 'prepend' : 'append'](el('section', { class: 'history-day', 'data-day': name }, el('h2', {}, name), dayList));
      }
      const row = entryRow(entry, { withDay: false });
      dayList[above ? 'prepend' : 'append'](el('li', {}, row));
      first ??= row;
      if (BigInt(entry.id) > newest) newest = BigInt(entry.id);
    }
    return first;
  }

  async function load(byButton) {
    const mine = generation;
    status.textContent = t('loading');
    try {
      const before = next === undefined ? '' : `&before=${encodeURIComponent(next)}`;
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
      el('main', { class: 'history' }, el('div', { class: 'page-head' }, el('h1', { tabindex: '-1' }, t('history_title'))), list, status, more),
    ],
    changed(what) {
      if (what === 'balance') loadNew();
    },
  };
}
