// The sale as the cashier sees it: what is drawn for each state of `till-sale-state.js`, and what its effects do.

import { Refused, post } from '/assets/api.js';
import { chimePaid, chimeRefused } from '/assets/chime.js';
import { h, own, patch } from '/assets/draw.js';
import { announce, el } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { clockTimeSeconds, digits, hasText, language, t, yen } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';
import { openCamera } from '/assets/till-camera.js';
import {
  amountOf, beginSale, isAnswer, isSecondRead, mayPark, parked, updateSale,
} from '/assets/till-sale-state.js';
import { customerCode, grouped, mayBeMachine } from '/assets/wedge.js';

/** @import { Child, Machine, Refusal } from '../types/pages.js' */
/** @import { GivenUp, Payment, Till } from '../types/answers.js' */
/** @import { Phase, Sale, SaleEvent, SaleState, Words } from '/assets/till-sale-state.js' */

/** @typedef {(event: SaleEvent) => void} Send */

/** Each till has its own: a sale's key means something at the till alone that it was made at. @param {Till} till */
const pendingOf = ({ till_id }) => `mamori.pending-sales.${till_id}`;
const ANSWER_MS = 8_000;
/** What is kept with the payment; the words for it are `category_*`. */
const CATEGORIES = ['food', 'drinks', 'goods', 'tobacco', 'alcohol', 'gift_cards'];
const PAD = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '00', '0'];

/** Sales without a final answer survive the window: whoever gave one up may close it. @param {Till} till @returns {Sale[]} */
function storedSales(till) {
  try {
    const list = JSON.parse(localStorage.getItem(pendingOf(till)) ?? '[]');
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}

/** @param {Till} till @param {Sale[]} pending */
function storeSales(till, pending) {
  try {
    localStorage.setItem(pendingOf(till), JSON.stringify(pending));
  } catch { /* without storage a reload loses the key; the list of payments still tells */ }
}

/** @param {string} name */
const drawing = (name) => own(name, () => icon(name));

/** @param {Words} words */
const sentence = ({ key, amount }) => t(key, amount === undefined ? {} : { amount: yen(amount) });

/** @param {Refusal} refusal */
function reasonOf(refusal) {
  const key = `reason_${refusal.code}`;
  return hasText(key) ? t(key) : refusal.sentence();
}

/** @param {Phase} phase What is said when it begins. */
function phaseInWords(phase) {
  switch (phase.is) {
    case 'asking': return t('working');
    case 'unknown': return `${t('unknown')} ${t('unknown_lead')}`;
    case 'giving_up': return `${t('giving_up')} ${t('giving_up_lead')}`;
    case 'given_up': return `${t(phase.was_paid ? 'given_back' : 'never_paid')} ${t(phase.was_paid ? 'given_back_lead' : 'never_paid_lead')}`;
    case 'paid': return `${t('paid')} ${yen(phase.paid.amount)} ${phase.paid.customer}`;
    case 'refused': return `${t('refused')} ${reasonOf(phase.refusal)}`;
    default: return '';
  }
}

/** @param {Child} label @param {() => void} press @param {string | null} spoken */
const padKey = (label, press, spoken = null) => h('button', {
  type: 'button', class: 'key number', 'aria-label': spoken,
  // The focus stays in the field.
  on: { pointerdown: (event) => event.preventDefault(), click: press },
}, label);

/** @param {Send} send */
const keypad = (send) => h('div', { class: 'keypad', role: 'group', 'aria-label': t('keypad') },
  PAD.map((label) => padKey(label, () => send({ is: 'pad', digits: label, ...now() }))),
  padKey(drawing('backspace'), () => send({ is: 'delete_digit' }), t('delete_digit')));

/** @param {SaleState} state @param {Send} send @param {Record<string, (event: any) => void>} on */
function amountRow(state, send, on) {
  /** @param {string} text */
  const unit = (text) => h('span', { class: 'amount-unit', 'aria-hidden': 'true' }, text);
  const yenBehind = language() === 'ja';
  const field = h('input', {
    id: 'amount', class: 'amount-field number', type: 'text', inputmode: 'numeric', autocomplete: 'off',
    // Room for a scan that lands here: cut short it could not be told from an amount.
    maxlength: '80', placeholder: '0', 'aria-describedby': 'sale-status', on,
    value: state.amount === '' ? '' : digits(amountOf(state)),
  });
  return h('div', { class: 'amount-row' },
    h('label', { for: 'amount' }, t('amount')),
    h('div', { class: 'amount-box' }, unit(yenBehind ? '' : '¥'), field, unit(yenBehind ? '円' : '')),
    h('button', { type: 'button', class: 'text-button', on: { click: () => send({ is: 'clear' }) } }, t('clear')));
}

/** The instant, and the key of the sale that may begin with it. */
const now = () => ({ at_ms: performance.now(), new_key: crypto.randomUUID() });

/** What the goods are, where that matters: limits and reports ask for it. @param {SaleState} state @param {Send} send */
const goods = ({ categories }, send) => h('div', { class: 'goods', role: 'group', 'aria-label': t('goods') },
  CATEGORIES.map((name) => h('button', {
    type: 'button', class: 'goods-chip', 'aria-pressed': String(categories.includes(name)),
    // The focus stays in the field.
    on: { pointerdown: (event) => event.preventDefault(), click: () => send({ is: 'category', name }) },
  }, t(`category_${name}`))));

/** @param {SaleState} state @param {Send} send @param {Record<string, (event: any) => void>} on */
function scanBox(state, send, on) {
  const ready = amountOf(state) > 0;
  return h('div', { class: `scan-box${ready ? ' scan-box-ready' : ''}` },
    h('span', { class: 'scan-picture', 'aria-hidden': 'true' }, drawing('scan')),
    h('div', { class: 'scan-words' },
      h('p', { class: 'scan-title' }, t(ready ? 'scan_ready' : 'scan_needs_amount')),
      h('p', { class: 'small' }, t(ready ? 'scan_ready_lead' : 'amount_hint'))),
    h('button', {
      type: 'button', class: 'button quiet camera-button', 'aria-disabled': String(!ready),
      on: { click: () => send({ is: 'camera' }) },
    }, drawing('camera'), t('camera')),
    h('div', { class: 'code-entry' },
      h('label', { for: 'code', class: 'small' }, t('code')),
      h('input', {
        id: 'code', class: 'code-field number', type: 'text', inputmode: 'none', autocomplete: 'off', spellcheck: 'false',
        maxlength: '64', 'aria-describedby': 'sale-status code-hint', on, value: grouped(state.code),
      }),
      h('button', {
        type: 'button', class: 'button code-button', 'aria-disabled': String(!ready || customerCode(state.code) === null),
        on: { click: () => send(scanned(state.code)) },
      }, t('code_go')),
      h('p', { id: 'code-hint', class: 'small' }, t('code_hint'))));
}

/** @param {string} kind @param {Child} picture @param {string} title @param {Child[]} content */
const panel = (kind, picture, title, ...content) => h('div', { key: kind, class: `answer answer-${kind}` },
  h('span', { class: 'answer-picture', 'aria-hidden': 'true' }, picture),
  h('h2', { class: 'answer-title', tabindex: '-1' }, title), content);

/** @param {string} className @param {() => void} press @param {Child[]} content */
const button = (className, press, ...content) => h('button', {
  type: 'button', class: `button ${className}`.trim(), on: { click: press },
}, content);

/** @param {Sale} sale */
const askingPanel = (sale) => panel('working', h('span', { class: 'spinner large-spinner' }), t('working'),
  h('p', { class: 'answer-amount number' }, yen(sale.amount)), h('p', {}, t('working_lead')));

/** @param {Sale} sale @param {Send} send */
const unknownPanel = (sale, send) => panel('unknown', drawing('question'), t('unknown'),
  h('p', { class: 'answer-reason' }, t('unknown_lead')),
  h('p', { class: 'answer-tries number' }, t('unknown_tries', { n: sale.tries, amount: yen(sale.amount) })),
  h('div', { class: 'answer-buttons' },
    button('', () => send({ is: 'ask_again' }), drawing('refresh'), t('check_now')),
    mayPark(sale) && button('quiet', () => send({ is: 'park' }), t('park')),
    button('danger-quiet', () => send({ is: 'give_up', key: sale.key }), drawing('cross'), t('give_up')),
    h('p', { class: 'small' }, t('give_up_hint'))));

/** @param {Sale} sale @param {Send} send */
const givingUpPanel = (sale, send) => panel('unknown', drawing('question'), t('giving_up'),
  h('p', { class: 'answer-reason' }, t('giving_up_lead')),
  h('p', { class: 'answer-tries number' }, t('unknown_tries', { n: sale.tries, amount: yen(sale.amount) })),
  h('div', { class: 'answer-buttons' },
    button('', () => send({ is: 'ask_again' }), drawing('refresh'), t('check_now')),
    button('quiet', () => send({ is: 'park' }), t('park'))));

/** @param {number} amount @param {boolean} was_paid @param {Send} send */
const givenUpPanel = (amount, was_paid, send) => panel('given-up', drawing(was_paid ? 'undo' : 'check'),
  t(was_paid ? 'given_back' : 'never_paid'),
  h('p', { class: 'answer-amount number' }, yen(amount)),
  h('p', { class: 'answer-reason' }, t(was_paid ? 'given_back_lead' : 'never_paid_lead')),
  h('div', { class: 'answer-buttons' }, button('answer-next', () => send({ is: 'next' }), t('next_sale'), drawing('forward'))));

/** @param {Payment} paid @param {Send} send */
function paidPanel(paid, send) {
  /** @param {string} word @param {string} value */
  const row = (word, value) => h('div', {}, h('dt', {}, t(word)), h('dd', {}, value));
  return panel('paid', drawing('check'), t('paid'),
    h('p', { class: 'answer-amount number' }, yen(paid.amount)),
    h('dl', { class: 'answer-rows number' },
      row('customer', paid.customer), row('receipt_number', String(paid.receipt_number)),
      row('when', clockTimeSeconds(paid.at_ms))),
    h('div', { class: 'answer-buttons' },
      button('answer-next', () => send({ is: 'next' }), t('next_sale'), drawing('forward')),
      button('quiet', () => send({ is: 'receipt' }), drawing('receipt'), t('receipt')),
      h('p', { class: 'small' }, t('next_hint'))));
}

/** @param {number} amount @param {Refusal} refusal @param {Send} send */
const refusedPanel = (amount, refusal, send) => panel('refused', drawing('cross'), t('refused'),
  h('p', { class: 'answer-reason' }, reasonOf(refusal)),
  h('p', { class: 'answer-tries number' }, yen(amount)),
  h('div', { class: 'answer-buttons' },
    button('answer-next', () => send({ is: 'same_amount' }), drawing('scan'), t('same_amount')),
    button('quiet', () => send({ is: 'change_amount' }), t('change_amount')),
    button('quiet', () => send({ is: 'next' }), t('next_sale'))));

/** @param {Phase} phase @param {Send} send */
function answerPanel(phase, send) {
  switch (phase.is) {
    case 'asking': return askingPanel(phase.sale);
    case 'unknown': return unknownPanel(phase.sale, send);
    case 'giving_up': return givingUpPanel(phase.sale, send);
    case 'given_up': return givenUpPanel(phase.amount, phase.was_paid, send);
    case 'paid': return paidPanel(phase.paid, send);
    case 'refused': return refusedPanel(phase.amount, phase.refusal, send);
    default: return null;
  }
}

/** What became of a parked sale is no complaint about this one. @param {SaleState} state */
const isNews = ({ status }) => status !== null && status.key.startsWith('parked_');

/** @param {Sale} sale @param {Send} send */
const parkedRow = (sale, send) => h('li', { key: sale.key },
  h('span', { class: 'number' }, yen(sale.amount)),
  sale.given_up ? h('span', { class: 'small' }, t('giving_up'))
    : h('button', { type: 'button', class: 'text-button', 'aria-label': `${t('give_up')} ${yen(sale.amount)}`, on: { click: () => send({ is: 'give_up', key: sale.key }) } }, t('give_up')));

/** @param {SaleState} state @param {Send} send @returns {Child[]} */
function parkedNotes(state, send) {
  const sales = parked(state);
  // What became of a parked sale is told beside an answer too; with the entry it stands below the amount.
  const told = state.phase.is !== 'entry' && state.status && sentence(state.status);
  return [
    told && h('div', { key: 'told', class: 'note', 'aria-hidden': 'true' }, drawing('receipt'), h('p', {}, told)),
    sales.length > 0 && h('div', { key: 'waiting', class: 'note' }, drawing('question'),
      h('div', {}, h('strong', {}, t('parked')),
        h('ul', { class: 'parked-sales' }, sales.map((sale) => parkedRow(sale, send))))),
  ];
}

/** What the sale looks like. @param {SaleState} state @param {Send} send @returns {Child[]} */
export function drawSale(state, send) {
  const { amount, code } = fieldListeners(send);
  return [
    h('div', { class: 'sale-entry', hidden: state.phase.is !== 'entry' },
      amountRow(state, send, amount),
      // Amount, message and scan stand together: on the smallest screen none of them is below the fold.
      h('p', { id: 'sale-status', class: `sale-status${isNews(state) ? ' sale-news' : ''}`, role: 'status' }, state.status && sentence(state.status)),
      scanBox(state, send, code), keypad(send), goods(state, send)),
    answerPanel(state.phase, send),
    h('div', { class: 'parked-place' }, parkedNotes(state, send)),
  ];
}

/** @param {string} text @returns {SaleEvent} */
const scanned = (text) => ({ is: 'scanned', text, ...now() });

/** @param {KeyboardEvent} event @param {Send} send */
function onAmountKey(event, send) {
  if (event.isComposing || event.key !== 'Enter') return;
  event.preventDefault();
  send({ is: 'amount_entered' });
}

/** @param {Send} send */
function fieldListeners(send) {
  // While an input method composes, what stands in the field is no number yet: it counts at the composition's end.
  /** @param {InputEvent & { target: HTMLInputElement }} event */
  const amountTyped = (event) => {
    if (!event.isComposing) send({ is: 'amount_typed', text: event.target.value, ...now() });
  };
  /** @param {InputEvent & { target: HTMLInputElement }} event */
  const codeTyped = (event) => {
    if (!event.isComposing) send({ is: 'code_typed', text: event.target.value, ...now() });
  };
  /** @param {KeyboardEvent & { target: HTMLInputElement }} event */
  const codeKey = (event) => {
    const ends = event.key === 'Enter' || (event.key === 'Tab' && customerCode(event.target.value) !== null);
    if (event.isComposing || !ends) return;
    event.preventDefault();
    send(scanned(event.target.value));
  };
  return {
    // The end of a composition is the moment to write the amount as it is understood.
    amount: {
      input: amountTyped, compositionend: amountTyped,
      /** @param {KeyboardEvent} event */
      keydown: (event) => onAmountKey(event, send),
      focus: () => send({ is: 'field', field: 'amount' }),
    },
    code: {
      input: codeTyped, compositionend: codeTyped, keydown: codeKey, focus: () => send({ is: 'field', field: 'code' }),
    },
  };
}

/** @param {KeyboardEvent} event @param {SaleState} state @param {Send} send */
function onPageKey(event, state, send) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (document.querySelector('dialog[open]')) return;
  const digit = /^\d$/.test(event.key);
  const at_ms = performance.now();
  if (isAnswer(state.phase)) {
    const presses = ['Enter', 'Tab', ' '].includes(event.key);
    if (digit || (presses && (isSecondRead(state) || mayBeMachine(state.answered_at_ms, at_ms)))) event.preventDefault();
  } else if (!digit || event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
  send({ is: 'page_key', key: event.key, at_ms });
}

/** @param {Sale} sale @returns {Promise<SaleEvent>} */
async function charge({ key, amount, code, categories = [] }) {
  try {
    const paid = await post('/api/charge', { amount, code, key, ...(categories.length > 0 && { categories }) }, ANSWER_MS);
    return { is: 'paid', key, paid, at_ms: performance.now() };
  } catch (error) {
    return error instanceof Refused
      ? { is: 'refused', key, refusal: error, at_ms: performance.now() } : { is: 'no_answer', key };
  }
}

/** @param {Sale} sale @returns {Promise<SaleEvent>} */
async function giveUp({ key }) {
  try {
    /** @type {GivenUp} */
    const { outcome } = await post('/api/charge/give-up', { key }, ANSWER_MS);
    return { is: 'given_up', key, was_paid: outcome === 'given_back', at_ms: performance.now() };
  } catch (error) {
    return error instanceof Refused ? { is: 'not_given_up', key, refusal: error } : { is: 'no_answer', key };
  }
}

const PLACES = { amount: '#amount', amount_all: '#amount', code: '#code', answer: '.answer-next, .answer-title' };

/** @param {HTMLElement} element @param {keyof typeof PLACES} on */
function focusOn(element, on) {
  /** @type {NodeListOf<HTMLInputElement>} */
  const found = element.querySelectorAll(PLACES[on]);
  found[found.length - 1]?.focus();
  if (on === 'amount_all') found[0]?.select();
}

/**
 * `done` is called after each sale that was paid; `receipt` shows the paper of one.
 * @param {Till} till @param {{ done: () => void, receipt: (paid: Payment) => void }} tools
 */
export function salePanel(till, { done, receipt }) {
  const element = el('section', { class: 'sale', 'aria-label': t('sale') });
  /** @type {Machine<SaleState, SaleEvent>} */
  const sale = machine({
    begin: beginSale(storedSales(till)),
    update: updateSale,
    draw: (state) => patch(element, drawSale(state, (event) => sale.send(event))),
    perform: {
      charge: (effect) => charge(effect.sale),
      give_up: (effect) => giveUp(effect.sale),
      store: ({ pending }) => storeSales(till, pending),
      done: () => done(),
      receipt: ({ paid }) => receipt(paid),
      focus: ({ on }) => focusOn(element, on),
      announce_phase: ({ phase }) => announce(phaseInWords(phase), phase.is === 'asking' ? 'polite' : 'assertive'),
      announce: ({ words }) => announce(sentence(words), 'assertive'),
      chime: ({ paid }) => (paid ? chimePaid() : chimeRefused()),
      open_camera: () => { openCamera(yen(amountOf(sale.state())), (code) => sale.send(scanned(code))); },
    },
  });
  /** @param {KeyboardEvent} event */
  const pageKey = (event) => onPageKey(event, sale.state(), (next) => sale.send(next));
  const online = () => sale.send({ is: 'reachable' });
  return {
    element,
    start() {
      document.addEventListener('keydown', pageKey);
      addEventListener('online', online);
      sale.start();
    },
    stop() {
      sale.stop();
      document.removeEventListener('keydown', pageKey);
      removeEventListener('online', online);
    },
  };
}
