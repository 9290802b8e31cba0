// Topping up by card: the amount is chosen here, the card is entered on the card company's page, and the money counts
// only when the server says so. Coming back from that page proves nothing; this view asks until the state is final.

import { Refused, get, post, sentenceOf } from '/assets/api.js';
import { announce, el, svg, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { digits, language, t, yen } from '/assets/i18n.js';
import { openSheet } from '/assets/sheet.js';

const CHIPS = [1_000, 3_000, 5_000, 10_000, 20_000, 30_000];

/** Why this amount cannot be topped up now, in words; null when it can. */
function amountProblem(amount, home) {
  const { min, max } = home.card_top_up;
  const room = home.balance_cap - home.balance;
  if (!Number.isSafeInteger(amount)) return t('top_up_not_number');
  if (amount < min) return t('top_up_too_small', { min: yen(min) });
  if (amount > max) return t('top_up_too_big', { max: yen(max) });
  if (amount > room) return room < min ? t('top_up_full') : t('top_up_over_cap', { room: yen(room) });
  return null;
}

/** Digits as typed, full-width ones and separators included; NaN when something else is in between. */
function typedAmount(text) {
  const plain = text.normalize('NFKC').replace(/[,\s円¥]/g, '');
  return /^\d{1,9}$/.test(plain) ? Number(plain) : NaN;
}

export function openTopUp(app) {
  const { home } = app;
  let amount = null;
  // One key per wish to top up: pressing again after a lost answer must not start a second one.
  let key = crypto.randomUUID();

  const field = el('input', { id: 'top-up-amount', type: 'text', inputmode: 'numeric', autocomplete: 'off', maxlength: '12', 'aria-describedby': 'top-up-range top-up-problem', on: { input: typed } });
  const problem = el('p', { class: 'problem', role: 'alert', id: 'top-up-problem' });
  const go = el('button', { type: 'submit', class: 'button wide' }, t('top_up_choose'));
  const chips = CHIPS.filter((value) => value >= home.card_top_up.min && value <= home.card_top_up.max)
    .map((value) => el('button', { type: 'button', class: 'chip number', 'aria-pressed': 'false', 'data-amount': value, on: { click: () => { field.value = digits(value); choose(value); } } }, yen(value)));

  function choose(value) {
    if (value !== amount) key = crypto.randomUUID();
    amount = value;
    for (const chip of chips) chip.setAttribute('aria-pressed', String(Number(chip.dataset.amount) === value));
    const wrong = value === null ? null : amountProblem(value, home);
    problem.textContent = wrong ?? '';
    field.setAttribute('aria-invalid', String(wrong !== null));
    const ready = value !== null && wrong === null;
    go.replaceChildren(ready ? t('top_up_go', { amount: yen(value) }) : t('top_up_choose'));
    go.setAttribute('aria-disabled', String(!ready));
  }

  function typed() {
    choose(field.value.trim() === '' ? null : typedAmount(field.value));
  }

  async function submit(event) {
    event.preventDefault();
    typed();
    if (amount === null || amountProblem(amount, home) !== null) {
      if (amount === null) problem.textContent = t('top_up_choose');
      field.focus();
      return;
    }
    await whileBusy(go, async () => {
      problem.textContent = '';
      try {
        const { top_up_id, redirect_url } = await post('/api/top-ups', { amount, key, locale: language() }, 20_000);
        // Asked again with the same key after it was settled: there is nothing to pay any more, only a result to show.
        if (!redirect_url) {
          sheet.close();
          app.showTopUp(top_up_id);
          return;
        }
        const url = new URL(redirect_url, location.href);
        if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new Refused(0, { refusal: 'bad_address', message_ja: t('top_up_bad_address'), message_en: t('top_up_bad_address') });
        location.assign(url.href);
        // The page is on its way out; keep the button busy so that nobody presses it twice.
        await new Promise((resolve) => { setTimeout(resolve, 8_000); });
      } catch (error) {
        if (error instanceof Refused) key = crypto.randomUUID();
        problem.textContent = sentenceOf(error);
      }
    });
  }

  const form = el('form', { class: 'form top-up', novalidate: true, on: { submit } },
    el('div', { class: 'chips', role: 'group', 'aria-label': t('top_up_amount') }, chips),
    el('div', { class: 'field' }, el('label', { for: 'top-up-amount' }, t('top_up_free')), field,
      el('p', { class: 'hint', id: 'top-up-range' }, t('top_up_range', { min: yen(home.card_top_up.min), max: yen(home.card_top_up.max), cap: yen(home.balance_cap) }))),
    problem,
    go,
    el('p', { class: 'small soft top-up-safe' }, icon('lock'), t('top_up_card_safe')));
  choose(null);
  const sheet = openSheet(t('top_up_title'), form, { className: 'top-up-sheet' });
}

/** A top-up that was begun and neither paid nor called off: go on at the card company, or give it up. */
export function openTopUpCard(app, { top_up_id, amount, redirect_url }) {
  const title = el('h2', { id: `open-top-up-${top_up_id}` }, t('top_up_open', { amount: yen(amount) }));
  const page = redirect_url === null ? null : new URL(redirect_url, location.href);
  const goOn = page !== null && ['https:', 'http:'].includes(page.protocol)
    && el('a', { class: 'button wide', href: page.href }, t('top_up_go_on'));
  return el('section', { class: 'open-top-up', 'aria-labelledby': title.id },
    title,
    el('p', {}, t('top_up_open_lead')),
    el('div', { class: 'open-top-up-buttons' }, [
      goOn,
      el('button', { type: 'button', class: 'button quiet wide', on: { click: () => app.callOffTopUp(top_up_id) } }, t('top_up_give_up')),
    ].filter(Boolean)));
}

const pictures = {
  succeeded: 'M19.5 33l9 9L45 24.5',
  failed: 'M22 22l20 20M42 22 22 42',
  expired: 'M32 18v14l9 6',
  left: 'M27 21 18 30l9 9M19 30h18a9 9 0 0 1 0 18h-8',
  unknown: 'M26 25a6.5 6.5 0 1 1 9 6c-2 1-3 2.3-3 4.5M32 43v.2',
};

function picture(state) {
  return svg('svg', { viewBox: '0 0 64 64', class: `result-picture result-top-up-${state}`, 'aria-hidden': 'true', focusable: 'false' },
    svg('circle', { cx: 32, cy: 32, r: 29, class: 'result-disc' }),
    svg('path', { class: 'result-stroke', d: pictures[state] }));
}

// From then on a waiting customer is shown the way home; the money finds its own way.
const OFFER_HOME_AFTER_MS = 5_000;

/** The page the card company sends people back to: /top-up/{id}, with `?left` where they chose not to pay. */
export function topUpReturnView(app, id, left) {
  const place = el('div', { class: 'top-up-state' });
  let stopped = false;
  let timer = 0;
  const began = Date.now();

  const home = () => el('button', { type: 'button', class: 'button wide', on: { click: () => app.goHome() } }, t('to_home'));

  function waiting(problem) {
    const long = Date.now() - began > 20_000;
    const words = problem ?? t(long ? 'top_up_waiting_long' : 'top_up_waiting_lead');
    const lead = place.querySelector('.top-up-lead');
    if (place.dataset.state === 'pending' && lead) {
      if (lead.textContent !== words) lead.textContent = words;
    } else {
      place.dataset.state = 'pending';
      place.replaceChildren(el('span', { class: 'spinner large-spinner', 'aria-hidden': 'true' }), el('h1', { tabindex: '-1' }, t('top_up_waiting')), el('p', { class: 'top-up-lead', role: 'status' }, words));
    }
    if (Date.now() - began > OFFER_HOME_AFTER_MS && !place.querySelector('button')) place.append(el('div', { class: 'top-up-buttons' }, home()));
  }

  function final(state, amount) {
    place.dataset.state = state;
    const succeeded = state === 'succeeded';
    const again = el('button', { type: 'button', class: 'button quiet wide', on: { click: () => { app.goHome(); app.openTopUp(); } } }, t('top_up_again'));
    place.replaceChildren(...[
      picture(state),
      el('h1', { tabindex: '-1' }, t(`top_up_${state}`)),
      succeeded && el('p', { class: 'result-amount number' }, yen(amount)),
      el('p', { class: 'top-up-lead' }, t(`top_up_${state}_lead`)),
      succeeded && el('p', { class: 'soft' }, `${t('balance')} `, el('strong', { class: 'number' }, yen(app.home.balance))),
      el('div', { class: 'top-up-buttons' }, home(), !succeeded && again),
    ].filter(Boolean));
    announce([t(`top_up_${state}`), succeeded ? yen(amount) : t(`top_up_${state}_lead`)].join(' '), 'assertive');
    place.querySelector('h1').focus({ preventScroll: true });
  }

  async function poll() {
    let wait_ms = Date.now() - began > 20_000 ? 4_000 : 1_000;
    try {
      const path = `/api/top-ups/${encodeURIComponent(id)}`;
      const answer = await (left ? post(`${path}/call-off`) : get(path));
      if (stopped) return;
      if (answer.state !== 'pending') {
        // The balance shown beside the amount must already contain it.
        await app.refreshHome();
        if (stopped) return;
        // Called off is told as what it is: the customer's own choice. But what was paid all the same is paid.
        const known = ['succeeded', 'failed', 'expired'].includes(answer.state) ? answer.state : 'unknown';
        final(left && known !== 'succeeded' ? 'left' : known, answer.amount);
        return;
      }
      waiting();
    } catch (error) {
      if (stopped) return;
      if (error instanceof Refused) {
        if (error.status !== 401) final('unknown', 0);
        return;
      }
      waiting(sentenceOf(error));
      wait_ms = 3_000;
    }
    timer = setTimeout(poll, wait_ms);
  }

  waiting();
  poll();
  return {
    element: el('main', { class: 'top-up-return' }, place),
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
