// The working parts of the console: pairing codes for tills, and what waits to leave the house.

import { Refused, post } from '/assets/api.js';
import { h } from '/assets/draw.js';
import { announce, el } from '/assets/elements.js';
import {
  agree, answerView, cardElement, cardHead, drawing, postFresh, problemLine, rename, smallButton,
} from '/assets/console-frame.js';
import { may } from '/assets/console-may.js';
import { clockTime, counted, dateTime, digits, hasText, t, yen } from '/assets/i18n.js';

/** @import { Child } from '../types/pages.js' */
/** @import { CardAlarm, CardAlarms, ConsoleTill, Outbox } from '../types/answers.js' */

/** @typedef {Pick<ConsoleTill, 'till_id' | 'name' | 'enrolled' | 'store'>} TillOfRow */

const EVERY_MS = 10_000;
const PACE = { good_ms: EVERY_MS, bad_ms: EVERY_MS };

/** Whoever types the code takes the till over: that is said before, and a till that is at work twice. @param {TillOfRow} till */
const makePairingCode = ({ till_id, store, name, enrolled }) => agree({
  title: t('pairing_title', { store, till: name }),
  lead: t(enrolled ? 'pairing_takes_over' : 'pairing_makes_device'),
  action: t('pairing_now'), danger: enrolled,
  async run() {
    const { pairing_code, expires_at_ms } = await postFresh('/api/pairing-codes', { till_id });
    return [h('div', { class: 'pairing' },
      h('p', { class: 'pairing-code number' }, String(pairing_code)),
      h('p', {}, t('pairing_lead')),
      h('p', { class: 'soft number' }, t('pairing_until', { time: clockTime(expires_at_ms) })))];
  },
});

/** What stops is said before the passkey is asked for. @param {TillOfRow} till @param {() => Promise<void>} reload */
const takeOff = ({ till_id, store, name }, reload) => agree({
  title: t('take_off_title', { store, till: name }), lead: t('take_off_lead'), action: t('take_off_now'), danger: true,
  async run() {
    await postFresh('/api/tills/take-off', { till_id });
    announce(t('taken_off'), 'assertive');
    await reload();
  },
});

/** @param {TillOfRow} till @param {() => Promise<void>} reload */
function tillActs(till, reload) {
  const { till_id, name, enrolled } = till;
  const give = (/** @type {string} */ text) => post(`/api/tills/${till_id}/name`, { name: text });
  return [
    may('manage_shops') && smallButton(t('rename'), 'quiet', () => rename(t('till_name'), name, give, reload), `${t('rename')}: ${till.store} ${name}`),
    enrolled && may('pair_tills') && smallButton(t('take_off'), 'danger-quiet', () => takeOff(till, reload), `${t('take_off')}: ${till.store} ${name}`),
  ];
}

/**
 * A till with its state, and the button that makes its pairing code. `name` is what the row calls it; with `reload` it may be
 * renamed and taken off its device as well.
 * @param {TillOfRow} till @param {string} name @param {(() => Promise<void>) | null} reload
 */
export function tillRow(till, name, reload = null) {
  const { enrolled } = till;
  return h('li', { key: String(till.till_id), class: 'till-row' },
    h('span', { class: 'till-name' }, name),
    h('span', { class: enrolled ? 'state state-good' : 'state' },
      drawing(enrolled ? 'check' : 'minus'), t(enrolled ? 'enrolled' : 'not_enrolled')),
    may('pair_tills') && smallButton(t('new_pairing_code'), 'soft-fill', () => makePairingCode(till),
      `${t('new_pairing_code')}: ${till.store} ${till.name}`),
    reload !== null && tillActs(till, reload));
}

export function tillsCard() {
  const element = cardElement('tills');
  const view = answerView({
    place: element, path: '/api/tills', first: /** @type {{ tills: ConsoleTill[] } | null} */ (null), in_hand: false,
    pace: PACE,
    draw: ({ answer, problem }) => [
      cardHead(t('tills'), 'scan', 'tills'),
      problemLine(problem),
      h('ul', { class: 'tills' }, answer !== null && answer.tills.length === 0
        ? h('li', { class: 'soft' }, t('no_tills')) : (answer?.tills ?? []).map(
          (till) => tillRow(till, `${till.store} ${till.name}`))),
    ],
  });
  return { element, ...view };
}

/** @param {CardAlarm} one */
function alarmLine(one) {
  const bears = `card_alarm_${one.liability_shift}`;
  return h('li', { key: one.top_up_id },
    h('strong', {}, t('card_alarm_line', { id: one.top_up_id, amount: yen(one.amount) })),
    one.refunded > 0 && h('span', {}, t('card_alarm_refunded', { amount: yen(one.refunded) })),
    one.disputed && h('span', {}, t('card_alarm_disputed')),
    one.disputed && h('span', { class: 'small' }, t(hasText(bears) ? bears : 'card_alarm_unknown')),
    h('span', { class: 'small number' }, `${dateTime(one.at_ms)} ${one.charge}`));
}

/** @param {CardAlarms} answer @returns {Child} */
const alarmList = ({ count, alarms }) => count > 0 && [
  h('p', { class: 'balance-mark balance-bad', role: 'alert' },
    drawing('alert'), t('card_alarms', { n: digits(count) })),
  h('ul', { class: 'dead' }, alarms.map(alarmLine)),
];

/** Top-ups that were credited and whose money is not all there any more, a line each. Nothing while there are none. */
export function cardAlarms() {
  const element = el('div', {});
  /** @type {CardAlarms} */
  const none = { count: 0, alarms: [] };
  const view = answerView({
    place: element, path: '/api/card-alarms', first: none, in_hand: false, pace: PACE,
    draw: ({ answer, problem }) => [problemLine(problem), h('div', { class: 'card-alarms' }, alarmList(answer))],
  });
  return { element, ...view };
}

/** @param {Outbox | null} outbox */
function deadLetters(outbox) {
  if (outbox === null) return null;
  if (outbox.dead.length === 0) return h('p', { class: 'soft' }, t('no_dead'));
  return h('ul', { class: 'dead' }, outbox.dead.map((one) => h('li', { key: one.id },
    h('strong', {}, counted('dead_line', one.attempts, { kind: one.kind, attempts: digits(one.attempts) })),
    h('span', { class: 'small' }, one.last_error))));
}

/** @param {Outbox | null} outbox */
function outboxFigures(outbox) {
  /** @param {string} word @param {number | undefined} count @param {boolean} bad */
  const figure = (word, count, bad = false) => h('div', { class: bad && 'outbox-bad' },
    h('dt', {}, t(word)), h('dd', { class: 'number' }, count === undefined ? '–' : digits(count)));
  const dead = outbox?.dead.length;
  return h('dl', { class: 'outbox-figures' },
    figure('waiting', outbox?.waiting), figure('sent', outbox?.sent), figure('dead', dead, (dead ?? 0) > 0));
}

export function outboxCard() {
  const element = cardElement('outbox');
  const view = answerView({
    place: element, path: '/api/outbox', first: /** @type {Outbox | null} */ (null), in_hand: false, pace: PACE,
    draw({ answer, problem }) {
      // A server that has no outbox to show (404) has no such card either.
      element.hidden = problem instanceof Refused && problem.status === 404;
      return [
        cardHead(t('outbox'), 'mail', 'outbox'), problemLine(problem), outboxFigures(answer),
        h('div', {}, deadLetters(answer)),
      ];
    },
  });
  return { element, ...view };
}
