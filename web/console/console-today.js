// Today, live: every card reads from one answer of /api/today, asked for once a second while somebody is looking.

import { sentenceOf } from '/assets/api.js';
import { h, own, patch } from '/assets/draw.js';
import { el } from '/assets/elements.js';
import { clockTimeSeconds, digits, hasText, t, yen } from '/assets/i18n.js';
import { answerView, card, consoleHead, drawing } from '/assets/console-frame.js';
import { rateChart } from '/assets/console-chart.js';
import { deniedNotices } from '/assets/console-denied.js';
import { cardAlarms, outboxCard, tillsCard } from '/assets/console-operations.js';
import { tillAlarms } from '/assets/console-returns.js';
import { mergeToday } from '/assets/console-today-state.js';

/** @import { Child, View } from '../types/pages.js' */
/** @import { HourSum, StateSum, StoreSum, Takings, Today, TrialLine } from '../types/answers.js' */
/** @import { Tools } from '/assets/console-frame.js' */

const PACE = { good_ms: 1_000, bad_ms: 5_000 };
const TIMEOUT_MS = 5_000;

/** @param {string} prefix @param {string} name */
const named = (prefix, name) => (hasText(`${prefix}_${name}`) ? t(`${prefix}_${name}`) : name);

/** @param {number} part @param {number} whole */
const percent = (part, whole) => `${whole === 0 ? 0 : (100 * part) / whole}%`;

/**
 * @param {string} title @param {string} picture @param {string} className @param {string} value @param {string} second
 */
const figure = (title, picture, className, value, second) => card(title, picture, className,
  h('p', { class: 'figure-value number' }, value), h('p', { class: 'figure-second soft number' }, second));

/** @param {string} name @param {string} label @param {{ amount: number, count: number | null }} figure */
const taking = (name, label, { amount, count }) => h('div', { class: `taking takings-${name}` },
  h('dt', {}, label),
  h('dd', {}, h('span', { class: 'figure-value number' }, yen(amount)),
    count !== null && h('span', { class: 'figure-second soft number' }, t('takings_count', { n: digits(count) }))));

/** What was sold, refunded and cancelled, and what is left: the till shows the same. @param {Takings} takings */
const takingsList = ({ sales, refunds, voids, net }) => h('dl', { class: 'takings' },
  taking('sales', t('takings_sales'), sales), taking('refunds', t('takings_refunds'), refunds),
  taking('voids', t('takings_voids'), voids), taking('net', t('takings_net'), { amount: net, count: null }));

/** @param {{ count: number, amount: number }[]} sums */
const total = (sums) => sums.reduce(
  (all, one) => ({ count: all.count + one.count, amount: all.amount + one.amount }), { count: 0, amount: 0 });

/** @param {StoreSum} store @param {number} largest The drawn bar itself is decoration: its value stands in words. */
const storeBar = ({ store_id, store, takings: { sales, net } }, largest) => h('li', { key: store_id },
  h('div', { class: 'bar-words' },
    h('a', { class: 'bar-name', href: `#payments/store-${store_id}` }, store),
    h('span', { class: 'number' }, h('strong', {}, yen(sales.amount)), ' ',
      h('span', { class: 'soft small' }, t('takings_count', { n: digits(sales.count) })),
      net !== sales.amount && h('span', { class: 'soft small' }, ` ${t('takings_net')} ${yen(net)}`))),
  h('span', { class: 'bar', 'aria-hidden': 'true' },
    h('span', { class: 'bar-fill', style: { width: percent(sales.amount, largest) } })));

/** @param {StoreSum[]} stores */
function storeBars(stores) {
  if (stores.length === 0) return h('p', { class: 'soft' }, t('no_sales'));
  const sorted = [...stores].sort((a, b) => b.takings.sales.amount - a.takings.sales.amount);
  return h('ul', { class: 'bars' }, sorted.map((store) => storeBar(store, sorted[0].takings.sales.amount)));
}

/** @param {HourSum} sum @param {number} largest */
function hourColumn({ hour, count, amount }, largest) {
  const spoken = `${t('hour_label', { h: hour })} ${t('takings_sales')} ${t('takings_count', { n: digits(count) })} ${yen(amount)}`;
  return h('li', { key: String(hour), title: spoken },
    h('span', { class: 'hour-track', 'aria-hidden': 'true' },
      h('span', { class: 'hour-fill', 'aria-hidden': 'true', style: { height: percent(count, largest) } })),
    h('span', { class: 'hour-name number', 'aria-hidden': 'true' }, hour % 3 === 0 ? String(hour) : ''),
    h('span', { class: 'spoken-only' }, spoken));
}

/** @param {HourSum[]} hours */
function hourColumns(hours) {
  const known = new Map(hours.map((one) => [one.hour, one]));
  const all = Array.from({ length: 24 }, (_, hour) => known.get(hour) ?? { hour, count: 0, amount: 0 });
  const largest = Math.max(1, ...all.map((one) => one.count));
  return h('ol', { class: 'hours' }, all.map((one) => hourColumn(one, largest)));
}

/** @param {number} amount */
const moneyCell = (amount) => h('td', { class: amount === 0 ? 'number soft' : 'number' },
  amount === 0 ? '–' : digits(amount));

/** @param {TrialLine[]} lines @param {{ debit: number, credit: number }} sum */
const trialTable = (lines, sum) => h('table', {},
  h('thead', {}, h('tr', {},
    h('th', { scope: 'col' }, t('account')),
    h('th', { scope: 'col', class: 'number' }, t('debit')), h('th', { scope: 'col', class: 'number' }, t('credit')))),
  h('tbody', {}, lines.map((line) => h('tr', { key: line.account },
    h('th', { scope: 'row' }, named('account', line.account)), moneyCell(line.debit), moneyCell(line.credit)))),
  h('tfoot', {}, h('tr', {},
    h('th', { scope: 'row' }, t('total')),
    h('td', { class: 'number' }, digits(sum.debit)), h('td', { class: 'number' }, digits(sum.credit)))));

/** @param {TrialLine[]} lines @returns {Child[]} */
function trialBalance(lines) {
  const sum = lines.reduce(
    (all, line) => ({ debit: all.debit + line.debit, credit: all.credit + line.credit }), { debit: 0, credit: 0 });
  const difference = Math.abs(sum.debit - sum.credit);
  const good = difference === 0;
  return [
    h('p', { class: `balance-mark ${good ? 'balance-good' : 'balance-bad'}`, role: 'status' },
      drawing(good ? 'check' : 'alert'), good ? t('in_balance') : t('out_of_balance', { difference: yen(difference) })),
    h('div', { class: 'table-scroll', tabindex: '0', role: 'group', 'aria-label': t('trial_balance') },
      trialTable(lines, sum)),
  ];
}

/** @param {StateSum[]} sums */
const stateTable = (sums) => h('table', { class: 'states' },
  h('thead', {}, h('tr', {},
    h('th', { scope: 'col' }, t('state')),
    h('th', { scope: 'col', class: 'number' }, t('number_of')),
    h('th', { scope: 'col', class: 'number' }, t('amount')))),
  h('tbody', {}, sums.map((one) => h('tr', { key: one.state },
    h('th', { scope: 'row' },
      h('span', { class: `dot state-${one.state}`, 'aria-hidden': 'true' }), named('top_up', one.state)),
    h('td', { class: 'number' }, digits(one.count)), h('td', { class: 'number' }, yen(one.amount))))));

/** @param {StateSum[]} sums @returns {Child} */
function topUpStates(sums) {
  if (sums.length === 0) return h('p', { class: 'soft' }, t('no_top_ups'));
  const all = Math.max(1, total(sums).count);
  const parts = sums.filter((one) => one.count > 0).map((one) => h('span', {
    key: one.state, class: `ribbon-part state-${one.state}`,
    style: { flexGrow: String(Math.max(one.count / all, 0.012)) },
  }));
  return [h('div', { class: 'ribbon', 'aria-hidden': 'true' }, parts), stateTable(sums)];
}

/** @param {Today} today */
function figures(today) {
  const { seq, lag } = today.journal;
  return [
    card(t('sales_today'), 'receipt', 'sales', takingsList(today.takings)),
    figure(t('owed'), 'people', 'owed', yen(today.owed_to_customers), t('owed_lead', { n: digits(today.wallets) })),
    figure(t('journal'), 'balance', 'journal', digits(seq),
      lag > 0 ? t('journal_lag', { n: digits(lag) }) : t('journal_lag_none')),
  ];
}

/** @param {Today} today @param {unknown} problem */
const staleNote = ({ now_ms }, problem) => h('div', { class: 'stale', role: 'alert' }, problem !== null && [
  drawing('alert'), t('stale', { time: clockTimeSeconds(now_ms), problem: sentenceOf(problem) })]);

/** The cards that live by themselves: each asks for its own answer. */
function ownCards() {
  const cards = { chart: rateChart(), alarms: cardAlarms(), at_tills: tillAlarms(), denied: deniedNotices(), tills: tillsCard(), outbox: outboxCard() };
  return {
    ...cards,
    start: () => Object.values(cards).forEach((one) => one.start()),
    stop: () => Object.values(cards).forEach((one) => one.stop()),
  };
}

/** @param {Today} today @param {unknown} problem @param {ReturnType<typeof ownCards>} cards @returns {Child[]} */
const drawToday = (today, problem, { chart, alarms, at_tills, denied, tills, outbox }) => [
  staleNote(today, problem),
  own('denied', () => denied.element),
  own('at_tills', () => at_tills.element),
  figures(today),
  card(t('by_store'), 'shop', 'stores', h('div', {}, storeBars(today.stores))),
  card(t('by_hour'), 'clock', 'hours', h('div', {}, hourColumns(today.hours))),
  card(t('trial_balance'), 'balance', 'trial', h('div', { class: 'trial' }, trialBalance(today.trial_balance))),
  card(t('top_ups'), 'card', 'top-ups',
    h('div', { class: 'top-ups' }, topUpStates(today.top_ups)), own('alarms', () => alarms.element)),
  own('tills', () => tills.element),
  own('outbox', () => outbox.element),
  card(t('per_second'), 'pulse', 'rate', own('chart', () => chart.element)),
];

/** @param {Today} first @param {Tools} tools @returns {View} */
export function todayView(first, tools) {
  const updated = el('p', { class: 'updated number' });
  const place = el('main', { class: 'dashboard' });
  const cards = ownCards();
  let read_ms = performance.now();
  /** @param {Today} known @param {Partial<Today>} changed */
  function into(known, changed) {
    const before_ms = read_ms;
    read_ms = performance.now();
    return mergeToday(known, changed, Math.round(read_ms - before_ms));
  }
  const view = answerView({
    place, path: '/api/today', first, in_hand: true, pace: PACE, timeout_ms: TIMEOUT_MS,
    merge: { version: ({ version }) => version, into },
    draw({ answer, problem }) {
      patch(updated, [t('updated', { time: clockTimeSeconds(answer.now_ms) })]);
      cards.chart.update(answer);
      return drawToday(answer, problem, cards);
    },
  });
  return {
    element: [consoleHead('today', t('today'), updated, tools), place],
    ready() {
      cards.start();
      view.start();
    },
    stop() {
      view.stop();
      cards.stop();
    },
  };
}
