// The close of a day: the store's takings in the words that till and console use, ready to be printed.

import { get, sentenceOf } from '/assets/api.js';
import { h, patch } from '/assets/draw.js';
import { el } from '/assets/elements.js';
import { dateTime, day as dayInWords, t, yen } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';
import { openSheet } from '/assets/sheet.js';
import { beginDay, updateDay } from '/assets/till-day-state.js';
import { paper, paperLine, printButton } from '/assets/till-paper.js';

/** @import { Child, Machine } from '../types/pages.js' */
/** @import { DayClose, Figure, Till } from '../types/answers.js' */
/** @import { Close, DayEvent, DayState } from '/assets/till-day-state.js' */

/** A date with its year and without "today": paper is read later. @param {string} day */
const dayOnPaper = (day) => dayInWords(Date.parse(`${day}T00:00:00+09:00`), 0);

/** @param {string} word @param {Figure} figure */
const figureLine = (word, { count, amount }) => paperLine(word, [h('span', { class: 'paper-count' }, t('takings_count', { n: count })), yen(amount)]);

/** @param {Close} close @param {Till} till */
const closePaper = ({ day, takings: { sales, refunds, voids, net }, at_ms }, till) => paper(till, t('day_close'),
  h('p', { class: 'paper-day' }, dayOnPaper(day)),
  h('dl', { class: 'rows' },
    figureLine(t('takings_sales'), sales), figureLine(t('takings_refunds'), refunds), figureLine(t('takings_voids'), voids),
    paperLine(t('takings_net'), yen(net), 'paper-total'), paperLine(t('day_as_of'), dateTime(at_ms))));

/** @param {DayState} state */
function statusText({ day, close, problem }) {
  if (problem !== null) return sentenceOf(problem);
  if (close === null) return day === '' ? t('day_choose') : t('loading');
  return close.is_over ? '' : t('day_not_over');
}

/** @param {DayState} state @param {(event: DayEvent) => void} send @param {Till} till @returns {Child[]} */
const drawDay = (state, send, till) => [
  h('div', { class: 'field' }, h('label', { for: 'close-day' }, t('search_day')),
    h('input', { id: 'close-day', class: 'number', type: 'date', value: state.day, on: { change: (event) => send({ is: 'chosen', day: event.target.value }) } })),
  h('p', { class: 'soft', role: 'status' }, statusText(state)),
  state.close !== null && closePaper(state.close, till),
  state.close !== null && printButton(),
];

/** @param {Till} till */
export function openDay(till) {
  const place = el('div', { class: 'day-close' });
  /** @type {Machine<DayState, DayEvent>} */
  const view = machine({
    begin: beginDay(Date.now()),
    update: updateDay,
    draw: (state) => patch(place, drawDay(state, (event) => view.send(event), till)),
    perform: {
      async read({ day }) {
        try {
          /** @type {DayClose} */
          const { takings } = await get(`/api/till/day?day=${day}`);
          return { is: 'read', day, takings, at_ms: Date.now() };
        } catch (error) {
          return { is: 'not_read', error };
        }
      },
    },
  });
  const sheet = openSheet(t('day_close'), place);
  sheet.closed.then(view.stop);
  view.start();
}
