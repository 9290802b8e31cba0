// The sheet in which any sale of the store is looked for: yesterday's, or one of the other register.

import { get, sentenceOf } from '/assets/api.js';
import { h, patch } from '/assets/draw.js';
import { el } from '/assets/elements.js';
import { shortDateTime, t } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';
import { openSheet } from '/assets/sheet.js';
import { beginSearch, updateSearch } from '/assets/till-search-state.js';

/** @import { Child, Machine } from '../types/pages.js' */
/** @import { FoundSales, Payment } from '../types/answers.js' */
/** @import { Words } from '/assets/till-payments-state.js' */
/** @import { Field, SearchEvent, SearchState } from '/assets/till-search-state.js' */

/** @typedef {(event: SearchEvent) => void} Send */
/** @typedef {(payment: Payment, time: string) => Child} Row */

/** @param {SearchState} state @param {Send} send @param {Field} name @param {Record<string, string>} kind */
const field = (state, send, name, kind) => h('div', { class: 'field' },
  h('label', { for: `search-${name}` }, t(`search_${name}`)),
  h('input', {
    id: `search-${name}`, class: 'number', autocomplete: 'off', value: state.typed[name], 'aria-invalid': String(state.problem === name),
    ...kind, on: { input: (event) => send({ is: 'typed', field: name, text: event.target.value }) },
  }));

/** @param {SearchState} state */
function problemText({ problem }) {
  if (problem === null) return '';
  return typeof problem === 'string' ? t(`search_wrong_${problem}`) : sentenceOf(problem.error);
}

/** @param {SearchState} state @param {(words: Words) => string} sentence */
function statusText({ sales, next, busy, told }, sentence) {
  if (told !== null) return sentence(told);
  if (busy) return t('loading');
  if (sales === null) return '';
  if (sales.length === 0) return t('search_none');
  return next === null ? t('search_end', { n: sales.length }) : t('search_so_far', { n: sales.length });
}

/** @param {SearchState} state @param {Send} send @param {Row} row @param {(words: Words) => string} sentence @returns {Child[]} */
function drawSearch(state, send, row, sentence) {
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    send({ is: 'search' });
  };
  return [
    h('form', { class: 'form search-form', novalidate: true, on: { submit } },
      field(state, send, 'day', { type: 'date' }),
      field(state, send, 'amount', { type: 'text', inputmode: 'numeric', maxlength: '12' }),
      field(state, send, 'number', { type: 'text', inputmode: 'numeric', maxlength: '24', 'aria-describedby': 'search-number-hint' }),
      h('p', { id: 'search-number-hint', class: 'small soft' }, t('search_number_hint')),
      h('p', { class: 'problem', role: 'alert' }, problemText(state)),
      h('button', { type: 'submit', class: 'button wide', 'aria-busy': state.busy && 'true' }, t('search_go'))),
    h('ul', { class: 'payments' }, (state.sales ?? []).map((sale) => row(sale, shortDateTime(sale.at_ms)))),
    h('p', { class: 'soft payments-status', role: 'status' }, statusText(state, sentence)),
    state.next !== null && h('button', {
      type: 'button', class: 'button quiet wide', 'aria-busy': state.busy && 'true', on: { click: () => send({ is: 'more' }) },
    }, t('search_more')),
  ];
}

/**
 * Opens the search. `row` draws a sale and opens it when it is pressed; what is given back there is told by `givenBack` of the answer.
 * @param {(open: (words: Words, payment: Payment) => void) => Row} rowFor @param {(words: Words) => string} sentence
 */
export function openSearch(rowFor, sentence) {
  const place = el('div', { class: 'search' });
  const row = rowFor((words, payment) => view.send({ is: 'given_back', words, payment }));
  /** @type {Machine<SearchState, SearchEvent>} */
  const view = machine({
    begin: beginSearch(Date.now()),
    update: updateSearch,
    draw: (state) => patch(place, drawSearch(state, (event) => view.send(event), row, sentence)),
    perform: {
      async find({ query, first }) {
        try {
          /** @type {FoundSales} */
          const { sales, next } = await get(`/api/till/sales?${query}`);
          return { is: 'found', sales, next, first };
        } catch (error) {
          return { is: 'not_found', error };
        }
      },
      show() {
        // Newer browsers return a promise from this: it is no event of the search.
        place.querySelector('.payments li, .payments-status:not(:empty)')?.scrollIntoView({ block: 'center' });
      },
      focus({ on }) {
        /** @type {HTMLInputElement | null} */
        const found = place.querySelector(`#search-${on}`);
        found?.focus();
      },
    },
  });
  const sheet = openSheet(t('search_title'), place, { className: 'search-sheet' });
  sheet.closed.then(view.stop);
}
