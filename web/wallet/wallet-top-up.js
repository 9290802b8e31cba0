// Topping up by card: the amount is chosen here, the card is entered on the card company's page, and the page that
// people come back to asks until the state is final (`wallet-top-up-state.js`).

import { Refused, get, post, sentenceOf } from '/assets/api.js';
import { h, own, patch } from '/assets/draw.js';
import { announce, el, focusIn, svg, webAddress } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { digits, language, t, yen } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';
import { openSheet } from '/assets/sheet.js';
import {
  beginChoice, beginReturn, isReady, offered, updateChoice, updateReturn,
} from '/assets/wallet-top-up-state.js';

/** @import { Child, Machine } from '../types/pages.js' */
/** @import { App } from '/assets/wallet.js' */
/** @import { ChoiceEvent, ChoiceState, End, ReturnEvent, ReturnState } from '/assets/wallet-top-up-state.js' */

const START_MS = 20_000;

/** @typedef {(event: ChoiceEvent) => void} Send */

/** What is wrong with the amount; empty while nothing is. @param {ChoiceState} state */
function amountText({ problem }) {
  if (problem === null || 'error' in problem) return '';
  const amounts = Object.entries(problem.amounts ?? {}).map(([name, amount]) => [name, yen(amount)]);
  return t(problem.key, Object.fromEntries(amounts));
}

/** @param {ChoiceState} state @param {Send} send */
function chips({ amount, home }, send) {
  const { amounts, full } = offered(home);
  /** @param {number} value @param {string} words */
  const chip = (value, words) => h('button', {
    type: 'button', class: 'chip number', 'aria-pressed': String(amount === value),
    on: { click: () => send({ is: 'chip', amount: value, text: digits(value) }) },
  }, words);
  const buttons = [
    amounts.map((value) => chip(value, yen(value))),
    full !== null && chip(full, t('top_up_full_chip', { amount: yen(full) })),
  ];
  return h('div', { class: 'chips', role: 'group', 'aria-label': t('top_up_amount') }, buttons);
}

/** @param {ChoiceState} state @param {Send} send */
function amountField(state, send) {
  const { card_top_up: { min, max }, balance_cap } = state.home;
  const wrong = amountText(state);
  return h('div', { class: 'field' },
    h('label', { for: 'top-up-amount' }, t('top_up_free')),
    h('input', {
      id: 'top-up-amount', type: 'text', inputmode: 'numeric', autocomplete: 'off', maxlength: '12',
      'aria-describedby': 'top-up-range top-up-problem', 'aria-invalid': String(wrong !== ''), value: state.text,
      on: { input: (event) => send({ is: 'typed', text: event.target.value }), blur: () => send({ is: 'left' }) },
    }),
    // In the place of the hint: what stands below does not move away from the finger that has left the field for it.
    h('div', { class: 'top-up-words' },
      h('p', { class: 'hint', id: 'top-up-range', hidden: wrong !== '' },
        t('top_up_range', { min: yen(min), max: yen(max), cap: yen(balance_cap) })),
      h('p', { class: 'field-problem', role: 'alert', id: 'top-up-problem' }, wrong)));
}

/** @param {ChoiceState} state @param {Send} send @returns {Child[]} */
function drawChoice(state, send) {
  const ready = isReady(state);
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    send({ is: 'submit', new_key: crypto.randomUUID() });
  };
  return [h('form', { class: 'form top-up', novalidate: true, on: { submit } },
    chips(state, send),
    amountField(state, send),
    h('p', { class: 'problem', role: 'alert' },
      state.problem !== null && 'error' in state.problem && sentenceOf(state.problem.error)),
    h('button', {
      type: 'submit', class: 'button wide', 'aria-disabled': String(!ready), 'aria-busy': state.busy && 'true',
    }, ready ? t('top_up_go', { amount: yen(state.amount ?? 0) }) : t('top_up_choose')),
    h('p', { class: 'small soft top-up-safe' }, own('lock', () => icon('lock')), t('top_up_card_safe')))];
}

/** @param {{ amount: number, key: string }} wish @returns {Promise<ChoiceEvent>} */
async function beginTopUp({ amount, key }) {
  try {
    const { top_up_id, redirect_url } = await post('/api/top-ups', { amount, key, locale: language() }, START_MS);
    if (!redirect_url) return { is: 'started', top_up_id, redirect_url: null };
    const url = webAddress(redirect_url);
    if (url !== null) return { is: 'started', top_up_id, redirect_url: url };
    const words = t('top_up_bad_address');
    throw new Refused(0, { refusal: 'bad_address', message_ja: words, message_en: words });
  } catch (error) {
    return { is: 'failed', error, refused: error instanceof Refused };
  }
}

/** @param {App} app */
export function openTopUp(app) {
  const place = el('div', {});
  /** @type {Machine<ChoiceState, ChoiceEvent>} */
  const view = machine({
    begin: beginChoice(app.wallet),
    update: updateChoice,
    draw: (state) => patch(place, drawChoice(state, (event) => view.send(event))),
    perform: {
      begin_top_up: beginTopUp,
      leave: ({ url }) => location.assign(url),
      show({ top_up_id }) {
        sheet.close();
        app.showTopUp(top_up_id);
      },
      focus: () => focusIn(place, '#top-up-amount'),
    },
  });
  const sheet = openSheet(t('top_up_title'), place, { className: 'top-up-sheet' });
  sheet.closed.then(view.stop);
}

/** @type {Record<End, string>} */
const PICTURES = {
  succeeded: 'M19.5 33l9 9L45 24.5',
  failed: 'M22 22l20 20M42 22 22 42',
  expired: 'M32 18v14l9 6',
  left: 'M27 21 18 30l9 9M19 30h18a9 9 0 0 1 0 18h-8',
  unknown: 'M26 25a6.5 6.5 0 1 1 9 6c-2 1-3 2.3-3 4.5M32 43v.2',
};

/** @param {End} end */
function picture(end) {
  const look = { viewBox: '0 0 64 64', class: `result-picture result-top-up-${end}`, 'aria-hidden': 'true' };
  return svg('svg', { ...look, focusable: 'false' },
    svg('circle', { cx: 32, cy: 32, r: 29, class: 'result-disc' }),
    svg('path', { class: 'result-stroke', d: PICTURES[end] }));
}

/** @param {ReturnState & { is: 'over' }} state @param {App} app @param {Child} home */
function drawOver({ end, amount, balance }, app, home) {
  const succeeded = end === 'succeeded';
  const again = () => {
    app.goHome();
    app.openTopUp();
  };
  return h('div', { key: end, class: 'top-up-state', 'data-state': end },
    own(end, () => picture(end)),
    h('h1', { tabindex: '-1' }, t(`top_up_${end}`)),
    succeeded && h('p', { class: 'result-amount number' }, yen(amount)),
    h('p', { class: succeeded ? 'top-up-lead' : 'reason' }, t(`top_up_${end}_lead`)),
    succeeded && h('p', { class: 'soft' }, `${t('balance')} `, h('strong', { class: 'number' }, yen(balance))),
    h('div', { class: 'top-up-buttons' }, home, !succeeded
      && h('button', { type: 'button', class: 'button quiet wide', on: { click: again } }, t('top_up_again'))));
}

/** @param {ReturnState} state @param {App} app @returns {Child[]} */
function drawReturn(state, app) {
  const home = h('button', { type: 'button', class: 'button wide', on: { click: () => app.goHome() } }, t('to_home'));
  if (state.is === 'over') return [drawOver(state, app, home)];
  const { words, offer_home } = state;
  return [h('div', { key: 'pending', class: 'top-up-state', 'data-state': 'pending' },
    h('span', { class: 'spinner large-spinner', 'aria-hidden': 'true' }),
    h('h1', { tabindex: '-1' }, t('top_up_waiting')),
    h('p', { class: 'top-up-lead', role: 'status' }, 'key' in words ? t(words.key) : sentenceOf(words.error)),
    offer_home && h('div', { class: 'top-up-buttons' }, home))];
}

/**
 * @param {App} app @param {string} id @param {boolean} left @param {() => number} waited
 * @returns {Promise<ReturnEvent>}
 */
async function askForState(app, id, left, waited) {
  const path = `/api/top-ups/${encodeURIComponent(id)}`;
  try {
    const top_up = await (left ? post(`${path}/call-off`) : get(path));
    if (top_up.state === 'pending') return { is: 'pending', waited_ms: waited() };
    // The balance shown beside the amount must already contain it.
    const { balance } = await app.refreshHome();
    return { is: 'settled', top_up, balance };
  } catch (error) {
    if (error instanceof Refused) return { is: 'refused', status: error.status };
    return { is: 'no_answer', error, waited_ms: waited() };
  }
}

/**
 * The page the card company sends people back to: /top-up/{id}, with `?left` where they chose not to pay.
 * @param {App} app @param {string} id @param {boolean} left
 */
export function topUpReturnView(app, id, left) {
  const element = el('main', { class: 'top-up-return' });
  const began_ms = Date.now();
  /** @type {Machine<ReturnState, ReturnEvent>} */
  const view = machine({
    begin: beginReturn,
    update: updateReturn(left),
    draw: (state) => patch(element, drawReturn(state, app)),
    perform: {
      ask: () => askForState(app, id, left, () => Date.now() - began_ms),
      tell({ end, amount }) {
        const second = end === 'succeeded' ? yen(amount) : t(`top_up_${end}_lead`);
        announce([t(`top_up_${end}`), second].join(' '), 'assertive');
        focusIn(element, 'h1');
      },
    },
  });
  return { element: [element], ready: view.start, stop: view.stop };
}
