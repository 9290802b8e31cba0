// The till page: enrolment once, then the sale at the left and the till's recent payments at the right.

import { Refused, get, onSignedOut, post, sentenceOf } from '/assets/api.js';
import { keepSoundReady } from '/assets/chime.js';
import { announce, el, prepareAnnouncements, whileBusy } from '/assets/elements.js';
import { icon, mark } from '/assets/icons.js';
import { onLanguageChange, t, useTexts, yen } from '/assets/i18n.js';
import { languageChoice } from '/assets/language-choice.js';
import { closeSheets } from '/assets/sheet.js';
import { paymentList } from '/assets/till-payments.js';
import { salePanel } from '/assets/till-sale.js';
import { tillTexts } from '/assets/till-texts.js';

useTexts(tillTexts);
prepareAnnouncements();
keepSoundReady();

const place = document.getElementById('view');
let shown = null;
let till = null;

function show(view) {
  shown?.stop?.();
  shown = view;
  place.replaceChildren(...view.element);
  view.ready?.();
}

function startingView(problem) {
  return { element: [el('main', { class: 'till-starting on-deep' }, mark('mark large-mark'), el('h1', { tabindex: '-1' }, t('page_title')),
    problem ? [el('p', { role: 'alert' }, problem), el('button', { type: 'button', class: 'button', on: { click: begin } }, icon('refresh'), t('try_again'))] : null)] };
}

function enrolView() {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const field = el('input', { id: 'pairing-code', type: 'text', autocomplete: 'off', autocapitalize: 'characters', spellcheck: 'false', maxlength: '40' });
  const submit = el('button', { type: 'submit', class: 'button wide' }, t('enrol'));
  const form = el('form', { class: 'form', novalidate: true, on: { submit: (event) => {
    event.preventDefault();
    problem.textContent = '';
    const pairing_code = field.value.normalize('NFKC').trim();
    if (pairing_code === '') {
      problem.textContent = t('enrol_missing');
      field.focus();
      return;
    }
    whileBusy(submit, async () => {
      try {
        await post('/api/enrol', { pairing_code });
        await begin();
      } catch (error) {
        problem.textContent = sentenceOf(error);
        field.focus();
      }
    });
  } } },
  el('div', { class: 'field' }, el('label', { for: 'pairing-code' }, t('pairing_code')), field), problem, submit);
  return {
    element: [el('main', { class: 'enrol' }, el('div', { class: 'enrol-card' },
      el('div', { class: 'brand' }, mark(), el('span', {}, 'Mamori')),
      el('h1', { tabindex: '-1' }, t('enrol_title')), el('p', { class: 'soft' }, t('enrol_lead')), form), languageChoice())],
    ready() { field.focus(); },
  };
}

function tillView() {
  const sums = el('p', { class: 'sums number' });
  const drawSums = () => sums.replaceChildren(el('span', { class: 'sums-label' }, t('today')), el('strong', {}, yen(till.sums.net ?? till.sums.amount)), el('span', {}, t('today_count', { n: till.sums.count })));

  async function refresh() {
    try {
      till = await get('/api/till');
      drawSums();
    } catch { /* the sums are a courtesy; the next sale tries again */ }
    await payments.refresh();
  }

  // Lists are read from views that follow the journal by a moment: what was just done is asked for once more.
  let again = 0;
  function refreshTwice() {
    clearTimeout(again);
    again = setTimeout(refresh, 1_000);
    return refresh();
  }

  const payments = paymentList({ changed: refreshTwice });
  const sale = salePanel({ done: refreshTwice, tillId: till.till_id });
  drawSums();
  const timer = setInterval(() => { if (document.visibilityState === 'visible') refresh(); }, 30_000);
  return {
    element: [
      el('header', { class: 'till-head on-deep' },
        el('div', { class: 'brand' }, mark(), el('span', {}, 'Mamori')),
        el('p', { class: 'till-place' }, el('strong', {}, `${till.store} ${till.till}`), el('span', {}, till.merchant)),
        sums,
        languageChoice()),
      el('main', { class: 'till-main' }, el('h1', { class: 'spoken-only' }, t('page_title')), sale.element, payments.element),
    ],
    ready() {
      payments.refresh();
      sale.start();
    },
    stop() {
      clearInterval(timer);
      clearTimeout(again);
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
  const focused = document.activeElement?.lang;
  if (till !== null) show(tillView());
  else show(enrolView());
  if (focused) place.querySelector(`.language-choice [lang="${focused}"]`)?.focus();
});

async function begin() {
  try {
    till = await get('/api/till');
    show(tillView());
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return;
    show(startingView(sentenceOf(error)));
    announce(sentenceOf(error), 'assertive');
  }
}

show(startingView(null));
begin();
