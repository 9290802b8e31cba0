// The working parts of the console: pairing codes for tills, and what waits to leave the house.

import { Refused, get, post, sentenceOf } from '/assets/api.js';
import { el, whileBusy } from '/assets/elements.js';
import { card, problemPlace } from '/assets/console-frame.js';
import { icon } from '/assets/icons.js';
import { clockTime, dateTime, digits, hasText, t, yen } from '/assets/i18n.js';
import { openSheet } from '/assets/sheet.js';

const EVERY_MS = 10_000;

/** Asks `path` now and every ten seconds while the page is visible. */
function refreshed(path, draw, complain) {
  let timer = 0;
  let stopped = false;
  async function ask() {
    clearTimeout(timer);
    if (document.visibilityState === 'visible') {
      try {
        const answer = await get(path);
        if (!stopped) draw(answer);
      } catch (error) {
        if (!stopped) complain(sentenceOf(error), error);
      }
    }
    if (!stopped) timer = setTimeout(ask, EVERY_MS);
  }
  return { start: ask, stop() { stopped = true; clearTimeout(timer); } };
}

/** A till with its state, and the button that makes its pairing code. `name` is what the row calls it. */
export function tillRow(till, name, problem) {
  async function issue() {
    problem.clear();
    try {
      const { pairing_code, expires_at_ms } = await post('/api/pairing-codes', { till_id: till.till_id });
      openSheet(t('pairing_title', { store: till.store, till: till.name }), el('div', { class: 'pairing' },
        el('p', { class: 'pairing-code number' }, String(pairing_code)), el('p', {}, t('pairing_lead')), el('p', { class: 'soft number' }, t('pairing_until', { time: clockTime(expires_at_ms) }))));
    } catch (error) {
      problem.complain(error);
    }
  }
  const button = el('button', { type: 'button', class: 'button soft-fill small-button', 'aria-label': `${t('new_pairing_code')}: ${till.store} ${till.name}`, on: { click: () => whileBusy(button, issue) } }, t('new_pairing_code'));
  return el('li', { class: 'till-row' }, el('span', { class: 'till-name' }, name),
    el('span', { class: `state ${till.enrolled ? 'state-good' : ''}`.trim() }, icon(till.enrolled ? 'check' : 'minus'), t(till.enrolled ? 'enrolled' : 'not_enrolled')), button);
}

export function tillsCard() {
  const list = el('ul', { class: 'tills' });
  const problem = problemPlace();
  let drawn = '';

  function draw({ tills }) {
    problem.clear();
    const text = JSON.stringify(tills);
    if (text === drawn) return;
    drawn = text;
    if (tills.length === 0) {
      list.replaceChildren(el('li', { class: 'soft' }, t('no_tills')));
      return;
    }
    list.replaceChildren(...tills.map((till) => tillRow(till, `${till.store} ${till.name}`, problem)));
  }

  const life = refreshed('/api/tills', draw, (sentence, error) => problem.complain(error));
  return { element: card(t('tills'), 'scan', 'tills', problem.element, list), ...life };
}

/** Top-ups that were credited and whose money is not all there any more: a line each. Nothing to see while there are none. */
export function cardAlarms() {
  const place = el('div', { class: 'card-alarms' });
  const problem = el('p', { class: 'problem', role: 'alert' });
  const element = el('div', {}, problem, place);
  let drawn = '';

  function line(one) {
    const bears = `card_alarm_${one.liability_shift}`;
    return el('li', {}, el('strong', {}, t('card_alarm_line', { id: one.top_up_id, amount: yen(one.amount) })),
      one.refunded > 0 && el('span', {}, t('card_alarm_refunded', { amount: yen(one.refunded) })),
      one.disputed && el('span', {}, t('card_alarm_disputed')),
      one.disputed && el('span', { class: 'small' }, t(hasText(bears) ? bears : 'card_alarm_unknown')),
      el('span', { class: 'small number' }, `${dateTime(one.at_ms)} ${one.charge}`));
  }

  function draw(answer) {
    problem.textContent = '';
    const text = JSON.stringify(answer);
    if (text === drawn) return;
    drawn = text;
    place.replaceChildren(...(answer.count === 0 ? [] : [
      el('p', { class: 'balance-mark balance-bad', role: 'alert' }, icon('alert'), t('card_alarms', { n: digits(answer.count) })),
      el('ul', { class: 'dead' }, answer.alarms.map(line)),
    ]));
  }

  const life = refreshed('/api/card-alarms', draw, (sentence) => { problem.textContent = sentence; });
  return { element, ...life };
}

export function outboxCard() {
  const waiting = el('dd', { class: 'number' }, '–');
  const sent = el('dd', { class: 'number' }, '–');
  const deadCount = el('dd', { class: 'number' }, '–');
  const dead = el('div', {});
  const problem = el('p', { class: 'problem', role: 'alert' });
  let drawn = '';

  function draw(outbox) {
    problem.textContent = '';
    const text = JSON.stringify(outbox);
    if (text === drawn) return;
    drawn = text;
    waiting.textContent = digits(outbox.waiting);
    sent.textContent = digits(outbox.sent);
    deadCount.textContent = digits(outbox.dead.length);
    deadCount.parentElement.classList.toggle('outbox-bad', outbox.dead.length > 0);
    dead.replaceChildren(outbox.dead.length === 0 ? el('p', { class: 'soft' }, t('no_dead'))
      : el('ul', { class: 'dead' }, outbox.dead.map((one) => el('li', {}, el('strong', {}, t('dead_line', { kind: one.kind, attempts: digits(one.attempts) })), el('span', { class: 'small' }, one.last_error)))));
  }

  const element = card(t('outbox'), 'mail', 'outbox', problem, el('dl', { class: 'outbox-figures' },
    el('div', {}, el('dt', {}, t('waiting')), waiting), el('div', {}, el('dt', {}, t('sent')), sent), el('div', {}, el('dt', {}, t('dead')), deadCount)), dead);
  const life = refreshed('/api/outbox', draw, (sentence, error) => {
    // A server that has no outbox to show (404) has no such card either.
    element.hidden = error instanceof Refused && error.status === 404;
    problem.textContent = sentence;
  });
  return { element, ...life };
}
