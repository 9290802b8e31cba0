// Today, live: every card reads from one answer of /api/today, asked for once a second while somebody is looking.

import { get, sentenceOf } from '/assets/api.js';
import { el } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { clockTimeSeconds, digits, hasText, t, yen } from '/assets/i18n.js';
import { card, consoleHead } from '/assets/console-frame.js';
import { rateChart } from '/assets/console-chart.js';
import { cardAlarms, outboxCard, tillsCard } from '/assets/console-operations.js';

const EVERY_MS = 1_000;
const PATIENT_MS = 5_000;

const named = (prefix, name) => (hasText(`${prefix}_${name}`) ? t(`${prefix}_${name}`) : name);

function figure(title, drawing, className) {
  const value = el('p', { class: 'figure-value number' });
  const second = el('p', { class: 'figure-second soft number' });
  return { element: card(title, drawing, className, value, second), value, second };
}

/** Bars with their values in words; the drawn bar itself is decoration. */
function bars(list, largest) {
  return el('ul', { class: 'bars' }, list.map(({ name, value, words, second }) => {
    const fill = el('span', { class: 'bar-fill' });
    fill.style.width = `${largest === 0 ? 0 : (100 * value) / largest}%`;
    return el('li', {}, el('div', { class: 'bar-words' }, el('span', { class: 'bar-name' }, name), el('span', { class: 'number' }, el('strong', {}, words), ' ', el('span', { class: 'soft small' }, second))),
      el('span', { class: 'bar', 'aria-hidden': 'true' }, fill));
  }));
}

function hourColumns(hours) {
  const largest = Math.max(1, ...hours.map((one) => one.count));
  return el('ol', { class: 'hours' }, hours.map((one) => {
    const fill = el('span', { class: 'hour-fill', 'aria-hidden': 'true' });
    fill.style.height = `${(100 * one.count) / largest}%`;
    const spoken = `${t('hour_label', { h: one.hour })} ${t('count', { n: digits(one.count) })} ${yen(one.amount)}`;
    return el('li', { title: spoken }, el('span', { class: 'hour-track', 'aria-hidden': 'true' }, fill), el('span', { class: 'hour-name number', 'aria-hidden': 'true' }, one.hour % 3 === 0 ? String(one.hour) : ''), el('span', { class: 'spoken-only' }, spoken));
  }));
}

function trialBalance(lines) {
  const debit = lines.reduce((sum, line) => sum + line.debit, 0);
  const credit = lines.reduce((sum, line) => sum + line.credit, 0);
  const money = (amount) => (amount === 0 ? el('td', { class: 'number soft' }, '–') : el('td', { class: 'number' }, digits(amount)));
  const balanced = debit === credit;
  return [
    el('p', { class: `balance-mark ${balanced ? 'balance-good' : 'balance-bad'}`, role: 'status' }, icon(balanced ? 'check' : 'alert'), balanced ? t('in_balance') : t('out_of_balance', { difference: yen(Math.abs(debit - credit)) })),
    el('div', { class: 'table-scroll', tabindex: '0', role: 'group', 'aria-label': t('trial_balance') },
      el('table', {},
        el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, t('account')), el('th', { scope: 'col', class: 'number' }, t('debit')), el('th', { scope: 'col', class: 'number' }, t('credit')))),
        el('tbody', {}, lines.map((line) => el('tr', {}, el('th', { scope: 'row' }, named('account', line.account)), money(line.debit), money(line.credit)))),
        el('tfoot', {}, el('tr', {}, el('th', { scope: 'row' }, t('total')), el('td', { class: 'number' }, digits(debit)), el('td', { class: 'number' }, digits(credit)))))),
  ];
}

function topUpStates(list) {
  if (list.length === 0) return el('p', { class: 'soft' }, t('no_top_ups'));
  const total = Math.max(1, list.reduce((sum, one) => sum + one.count, 0));
  const ribbon = el('div', { class: 'ribbon', 'aria-hidden': 'true' }, list.filter((one) => one.count > 0).map((one) => {
    const part = el('span', { class: `ribbon-part state-${one.state}` });
    part.style.flexGrow = String(Math.max(one.count / total, 0.012));
    return part;
  }));
  return [ribbon, el('table', { class: 'states' },
    el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, t('state')), el('th', { scope: 'col', class: 'number' }, t('number_of')), el('th', { scope: 'col', class: 'number' }, t('amount')))),
    el('tbody', {}, list.map((one) => el('tr', {}, el('th', { scope: 'row' }, el('span', { class: `dot state-${one.state}`, 'aria-hidden': 'true' }), named('top_up', one.state)), el('td', { class: 'number' }, digits(one.count)), el('td', { class: 'number' }, yen(one.amount))))))];
}

export function todayView(first, tools) {
  const updated = el('p', { class: 'updated number' });
  const stale = el('div', { class: 'stale', role: 'alert' });
  const sales = figure(t('sales_today'), 'receipt', 'sales');
  const owed = figure(t('owed'), 'people', 'owed');
  const journal = figure(t('journal'), 'balance', 'journal');
  const chart = rateChart();
  const storesPlace = el('div', {});
  const hoursPlace = el('div', {});
  const trialPlace = el('div', { class: 'trial' });
  const topUpsPlace = el('div', { class: 'top-ups' });
  const alarms = cardAlarms();
  const tills = tillsCard();
  const outbox = outboxCard();
  let stopped = false;
  let timer = 0;
  let last_ms = first.now_ms;
  const drawn = new Map();

  // Cards are redrawn only when their own figures changed: a reader's place in a table is not taken away every second.
  function whenChanged(name, value, draw) {
    const text = JSON.stringify(value);
    if (drawn.get(name) === text) return;
    drawn.set(name, text);
    draw();
  }

  function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function draw(today) {
    last_ms = today.now_ms;
    setText(updated, t('updated', { time: clockTimeSeconds(today.now_ms) }));
    stale.replaceChildren();
    const sum = today.stores.reduce((total, store) => ({ count: total.count + store.count, amount: total.amount + store.amount }), { count: 0, amount: 0 });
    setText(sales.value, yen(sum.amount));
    setText(sales.second, t('count', { n: digits(sum.count) }));
    setText(owed.value, yen(today.owed_to_customers));
    setText(owed.second, t('owed_lead', { n: digits(today.wallets) }));
    setText(journal.value, digits(today.journal.seq));
    setText(journal.second, today.journal.lag > 0 ? t('journal_lag', { n: digits(today.journal.lag) }) : t('journal_lag_none'));
    chart.update(today);
    whenChanged('stores', today.stores, () => {
      const stores = [...today.stores].sort((a, b) => b.amount - a.amount).map((store) => ({ name: store.store, value: store.amount, words: yen(store.amount), second: t('count', { n: digits(store.count) }) }));
      storesPlace.replaceChildren(sum.count === 0 && stores.length === 0 ? el('p', { class: 'soft' }, t('no_sales')) : bars(stores, Math.max(0, ...stores.map((one) => one.value))));
    });
    whenChanged('hours', today.hours, () => hoursPlace.replaceChildren(hourColumns(allHours(today.hours))));
    whenChanged('trial', today.trial_balance, () => trialPlace.replaceChildren(...trialBalance(today.trial_balance)));
    whenChanged('top_ups', today.top_ups, () => topUpsPlace.replaceChildren(...[topUpStates(today.top_ups)].flat()));
  }

  function allHours(hours) {
    const known = new Map(hours.map((one) => [one.hour, one]));
    return Array.from({ length: 24 }, (_, hour) => known.get(hour) ?? { hour, count: 0, amount: 0 });
  }

  async function poll() {
    let wait_ms = EVERY_MS;
    if (document.visibilityState === 'visible') {
      try {
        const today = await get('/api/today', 5_000);
        if (stopped) return;
        draw(today);
      } catch (error) {
        if (stopped) return;
        const words = t('stale', { time: clockTimeSeconds(last_ms), problem: sentenceOf(error) });
        if (stale.textContent !== words) stale.replaceChildren(icon('alert'), words);
        wait_ms = PATIENT_MS;
      }
    }
    if (!stopped) timer = setTimeout(poll, wait_ms);
  }

  draw(first);
  return {
    element: [
      consoleHead('today', t('today'), updated, tools),
      el('main', { class: 'dashboard' },
        stale,
        sales.element, owed.element, journal.element,
        card(t('per_second'), 'pulse', 'rate', chart.element),
        card(t('by_store'), 'shop', 'stores', storesPlace),
        card(t('by_hour'), 'clock', 'hours', hoursPlace),
        card(t('trial_balance'), 'balance', 'trial', trialPlace),
        card(t('top_ups'), 'card', 'top-ups', topUpsPlace, alarms.element),
        tills.element, outbox.element),
    ],
    ready() {
      chart.start();
      alarms.start();
      tills.start();
      outbox.start();
      timer = setTimeout(poll, EVERY_MS);
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      chart.stop();
      alarms.stop();
      tills.stop();
      outbox.stop();
    },
  };
}
