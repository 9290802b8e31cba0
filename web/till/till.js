// The till page: enrolment once, then the sale at the left and the till's recent payments at the right.

import { Refused, Unreachable, get, onSignedOut, post, sentenceOf } from '/assets/api.js';
import { keepSoundReady } from '/assets/chime.js';
import { h, patch } from '/assets/draw.js';
import { announce, el, focusIn, prepareAnnouncements, viewPlace, whileBusy } from '/assets/elements.js';
import { icon, mark } from '/assets/icons.js';
import { onLanguageChange, t, useTexts, yen } from '/assets/i18n.js';
import { languageChoice } from '/assets/language-choice.js';
import { machine } from '/assets/machine.js';
import { closeSheets } from '/assets/sheet.js';
import { paymentList } from '/assets/till-payments.js';
import { salePanel } from '/assets/till-sale.js';
import { beginTill, updateTill } from '/assets/till-state.js';
import { tillTexts } from '/assets/till-texts.js';

/** @import { Child, Machine, View } from '../types/pages.js' */
/** @import { Till } from '../types/answers.js' */
/** @import { TillEvent, TillState } from '/assets/till-state.js' */

useTexts(tillTexts);
prepareAnnouncements();
keepSoundReady();

const place = viewPlace();
/** @type {View | null} */
let shown = null;
/** @type {Till | null} What the server said last; null while this is no enrolled till. */
let till = null;

/** @param {View} view */
function show(view) {
  shown?.stop?.();
  shown = view;
  place.replaceChildren(...view.element);
  view.ready?.();
}

/** @param {string | null} problem @returns {View} */
function startingView(problem) {
  const retry = el('button', { type: 'button', class: 'button', on: { click: begin } },
    icon('refresh'), t('try_again'));
  return { element: [el('main', { class: 'till-starting on-deep' },
    mark('mark large-mark'),
    el('h1', { tabindex: '-1' }, t('page_title')),
    problem && [el('p', { role: 'alert' }, problem), retry])] };
}

function enrolForm() {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const field = el('input', {
    id: 'pairing-code', type: 'text', autocomplete: 'off', autocapitalize: 'characters', spellcheck: 'false',
    maxlength: '40',
  });
  /** @param {string} sentence */
  const complain = (sentence) => {
    problem.textContent = sentence;
    field.focus();
  };
  const enter = async () => {
    try {
      await post('/api/enrol', { pairing_code: field.value.normalize('NFKC').trim() });
      await begin();
    } catch (error) {
      complain(sentenceOf(error));
    }
  };
  const button = el('button', { type: 'submit', class: 'button wide' }, t('enrol'));
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    problem.textContent = '';
    if (field.value.trim() === '') complain(t('enrol_missing'));
    else whileBusy(button, enter);
  };
  const form = el('form', { class: 'form', novalidate: true, on: { submit } },
    el('div', { class: 'field' }, el('label', { for: 'pairing-code' }, t('pairing_code')), field), problem, button);
  return { form, field };
}

/** @returns {View} */
function enrolView() {
  const { form, field } = enrolForm();
  return {
    element: [
      el('main', { class: 'enrol' }, el('div', { class: 'enrol-card' },
        el('div', { class: 'brand' }, mark(), el('span', {}, 'Mamori')),
        el('h1', { tabindex: '-1' }, t('enrol_title')), el('p', { class: 'soft' }, t('enrol_lead')), form),
      languageChoice()),
    ],
    ready() { field.focus(); },
  };
}

/** @param {string} name @param {string} label @param {{ amount: number, count: number | null }} figure */
const sum = (name, label, { amount, count }) => h('div', { class: `takings-${name}` },
  h('dt', {}, label),
  h('dd', {}, h('strong', {}, yen(amount)), count !== null && h('span', {}, t('takings_count', { n: count }))));

/** @param {TillState} state @returns {Child[]} */
const drawSums = ({ till: { takings: { sales, refunds, voids, net } } }) => [
  h('span', { class: 'sums-label' }, t('today')),
  h('dl', { class: 'takings' },
    sum('sales', t('takings_sales'), sales), sum('refunds', t('takings_refunds'), refunds),
    sum('voids', t('takings_voids'), voids), sum('net', t('takings_net'), { amount: net, count: null })),
];

/** @param {Till} till @param {Element} sums @param {Element[]} content */
const tillFrame = (till, sums, ...content) => [
  el('header', { class: 'till-head on-deep' },
    el('div', { class: 'brand' }, mark(), el('span', {}, 'Mamori')),
    el('p', { class: 'till-place' }, el('strong', {}, `${till.store} ${till.till}`), el('span', {}, till.merchant)),
    sums,
    languageChoice()),
  el('main', { class: 'till-main' }, el('h1', { class: 'spoken-only' }, t('page_title')), content),
];

/** @param {Till} till @returns {View} */
function tillView(till) {
  const sums = el('div', { class: 'sums number' });
  const payments = paymentList(till, { changed: () => view.send({ is: 'changed' }) });
  const sale = salePanel(till, { done: () => view.send({ is: 'changed' }), receipt: payments.receipt });
  /** @type {Machine<TillState, TillEvent>} */
  const view = machine({
    begin: beginTill(till),
    update: updateTill,
    draw: (state) => patch(sums, drawSums(state)),
    perform: {
      async read({ only_if_seen }) {
        if (only_if_seen && document.visibilityState !== 'visible') return undefined;
        try {
          return { is: 'read', till: await get('/api/till') };
        } catch {
          // The sums are a courtesy; the next sale tries again.
          return undefined;
        } finally {
          payments.refresh();
        }
      },
      list: () => payments.refresh(),
    },
  });
  return {
    element: tillFrame(till, sums, sale.element, payments.element),
    ready() {
      view.start();
      sale.start();
    },
    stop() {
      view.stop();
      payments.stop();
      sale.stop();
    },
  };
}

onSignedOut(() => {
  closeSheets();
  till = null;
  show(enrolView());
});

onLanguageChange(() => {
  const { activeElement } = document;
  const focused = activeElement instanceof HTMLElement ? activeElement.lang : '';
  if (till !== null) show(tillView(till));
  else show(enrolView());
  if (focused) focusIn(place, `.language-choice [lang="${focused}"]`);
});

// A till that was loaded without a network goes on by itself when there is one, also where the browser does not say so.
const TRY_AGAIN_MS = 5_000;
let next = 0;

async function begin() {
  clearTimeout(next);
  try {
    /** @type {Till} */
    const found = await get('/api/till');
    till = found;
    show(tillView(found));
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return;
    next = setTimeout(begin, TRY_AGAIN_MS);
    const sentence = error instanceof Unreachable ? t('not_connected') : sentenceOf(error);
    // What stands there already is not said again, and whoever is about to press the button is not disturbed.
    if (place.querySelector('.till-starting [role="alert"]')?.textContent === sentence) return;
    show(startingView(sentence));
    announce(sentence, 'assertive');
  }
}

addEventListener('online', () => { if (place.querySelector('.till-starting')) begin(); });
// Without a worker only the till's own words are missing where there is no network.
navigator.serviceWorker?.register('/sw.js', { scope: '/' }).catch(() => {});

show(startingView(null));
begin();
