// History, month by month (`wallet-history-state.js`).

import { get, sentenceOf } from '/assets/api.js';
import { h, own, patch } from '/assets/draw.js';
import { el, focusIn } from '/assets/elements.js';
import { day, month, t, yen } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';
import { entryRow, fateOf, fates } from '/assets/wallet-entry.js';
import { beginHistory, FILTERS, monthsOf, updateHistory } from '/assets/wallet-history-state.js';

/** @import { Child, Machine } from '../types/pages.js' */
/** @import { Entry } from '../types/answers.js' */
/** @import { App, WalletView } from '/assets/wallet.js' */
/** @import { HistoryEvent, HistoryState, Month } from '/assets/wallet-history-state.js' */

// Entries to a page, while whole months are read, and when something has happened.
const PAGE = 100;
const NEWEST = 20;
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
