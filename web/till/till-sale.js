// One sale after another: amount, scan, answer in words. A sale has one key from the scan to the final answer; while the
// outcome is unknown the same question is asked again with the same key, so that nobody pays twice and nobody is lost.

import { Refused, post } from '/assets/api.js';
import { announce, el } from '/assets/elements.js';
import { chimePaid, chimeRefused } from '/assets/chime.js';
import { icon } from '/assets/icons.js';
import { clockTimeSeconds, digits, hasText, language, t, yen } from '/assets/i18n.js';
import { openCamera } from '/assets/till-camera.js';
import { AMOUNT_DIGITS, customerCode, doubleScanGuard, splitRun } from '/assets/wedge.js';

const PENDING = 'mamori.pending-sales';
const RETRY_MS = [800, 1_500, 3_000, 5_000];
const OFFER_PARKING_AFTER = 4;
const PARKED_RETRY_MS = 10_000;
const RUN_ENDS_AFTER_MS = 1_500;

// Sales without a final answer survive a reload of the page; they are forgotten the moment the answer is final.
function storedSales() {
  try {
    const list = JSON.parse(sessionStorage.getItem(PENDING) ?? '[]');
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}

function storeSales(list) {
  try { sessionStorage.setItem(PENDING, JSON.stringify(list)); } catch { /* without storage a reload loses the key; the list of payments still tells */ }
}

function reasonOf(refused) {
  const key = `reason_${refused.code}`;
  return hasText(key) ? t(key) : refused.sentence();
}

/** Returns {element, start, stop}. `done` is called after each final answer. */
export function salePanel({ done }) {
  let state = 'ready';
  let running = false;
  let timer = 0;
  let parkedTimer = 0;
  let run = [];
  let valueBeforeRun = '';
  let resultRun = '';
  let resultRunTimer = 0;
  let pending = storedSales();
  let current = null;
  const isDouble = doubleScanGuard();

  const amountField = el('input', { id: 'amount', class: 'amount-field number', type: 'text', inputmode: 'numeric', autocomplete: 'off', maxlength: '12', placeholder: '0', 'aria-describedby': 'sale-status', on: { input: onAmountInput, keydown: onAmountKey } });
  const codeField = el('input', { id: 'code', class: 'code-field', type: 'text', inputmode: 'none', autocomplete: 'off', spellcheck: 'false', maxlength: '64', 'aria-describedby': 'sale-status', on: { keydown: onCodeKey } });
  const status = el('p', { id: 'sale-status', class: 'sale-status', role: 'status' });
  const scanTitle = el('p', { class: 'scan-title' });
  const scanLead = el('p', { class: 'small' });
  const cameraButton = el('button', { type: 'button', class: 'button quiet camera-button', on: { click: scanWithCamera } }, icon('camera'), t('camera'));
  const scanBox = el('div', { class: 'scan-box' }, el('span', { class: 'scan-picture', 'aria-hidden': 'true' }, icon('scan')), el('div', { class: 'scan-words' }, scanTitle, scanLead),
    el('div', { class: 'code-entry' }, el('label', { for: 'code', class: 'small' }, t('code')), codeField), cameraButton);

  const key = (label, press, extra = {}) => el('button', { type: 'button', class: 'key number', ...extra, on: { pointerdown: (event) => event.preventDefault(), click: press } }, label);
  const keypad = el('div', { class: 'keypad', role: 'group', 'aria-label': t('keypad') },
    ['1', '2', '3', '4', '5', '6', '7', '8', '9', '00', '0'].map((label) => key(label, () => pressDigits(label))),
    key(icon('backspace'), () => setAmount(amountText().slice(0, -1)), { 'aria-label': t('delete_digit') }));
  const entry = el('div', { class: 'sale-entry' },
    el('div', { class: 'amount-row' }, el('label', { for: 'amount' }, t('amount')),
      el('div', { class: 'amount-box' }, el('span', { class: 'amount-unit', 'aria-hidden': 'true' }, language() === 'ja' ? '' : '¥'), amountField, el('span', { class: 'amount-unit', 'aria-hidden': 'true' }, language() === 'ja' ? '円' : '')),
      el('button', { type: 'button', class: 'text-button', on: { click: () => { setAmount(''); amountField.focus(); } } }, t('clear'))),
    keypad, scanBox, status);
  const answer = el('div', { class: 'answer', hidden: true });
  const parkedPlace = el('div', { class: 'parked-place' });
  const element = el('section', { class: 'sale', 'aria-label': t('sale') }, entry, answer, parkedPlace);

  const amountText = () => amountField.value.normalize('NFKC').replace(/\D/g, '').replace(/^0+/, '');
  const amount = () => Number(amountText() || '0');

  function setAmount(text) {
    const plain = text.replace(/\D/g, '').replace(/^0+/, '').slice(0, AMOUNT_DIGITS);
    amountField.value = plain === '' ? '' : digits(Number(plain));
    drawScan();
  }

  function pressDigits(label) {
    run = [];
    if (amountText().length + label.length <= AMOUNT_DIGITS) setAmount(amountText() + label);
  }

  function drawScan() {
    const ready = amount() > 0;
    scanBox.classList.toggle('scan-box-ready', ready);
    scanTitle.textContent = t(ready ? 'scan_ready' : 'scan_needs_amount');
    scanLead.textContent = t(ready ? 'scan_ready_lead' : 'amount_hint');
    cameraButton.setAttribute('aria-disabled', String(!ready));
  }

  function say(sentence) {
    status.textContent = sentence;
  }

  function onAmountInput() {
    setAmount(amountText());
  }

  // A scan that lands in the amount field is longer than any amount: it is moved to where it belongs, and the amount
  // becomes again what the cashier had entered.
  function onAmountKey(event) {
    if (event.isComposing) return;
    if (event.key === 'Enter') {
      event.preventDefault();
      run = [];
      if (amount() > 0) codeField.focus();
      else say(t('scan_needs_amount'));
      return;
    }
    if (!/^\d$/.test(event.key)) {
      if (event.key !== 'Shift') run = [];
      return;
    }
    const at_ms = performance.now();
    if (run.length > 0 && at_ms - run.at(-1).at_ms > RUN_ENDS_AFTER_MS) run = [];
    if (run.length === 0) valueBeforeRun = amountText();
    run.push({ digit: event.key, at_ms });
    if (run.length > AMOUNT_DIGITS) {
      event.preventDefault();
      const parts = splitRun(run);
      run = [];
      setAmount(valueBeforeRun + parts.amount);
      codeField.value = parts.code;
      codeField.focus();
    }
  }

  function onCodeKey(event) {
    if (event.isComposing) return;
    if (event.key === 'Enter') {
      event.preventDefault();
      scanned(codeField.value);
    } else if (event.key === 'Tab' && customerCode(codeField.value) !== null) {
      event.preventDefault();
      scanned(codeField.value);
    }
  }

  // Keys typed while no field has the focus: a scanner must work without anybody clicking first.
  function onDocumentKey(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector('dialog[open]')) return;
    if (state === 'final') {
      onResultKey(event);
      return;
    }
    if (state !== 'ready' || !/^\d$/.test(event.key)) return;
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
    // The key's own character follows the focus into the field.
    if (amount() === 0) {
      amountField.focus();
      onAmountKey(event);
    } else {
      codeField.focus();
    }
  }

  // While an answer is shown, a short run of digits begins the next sale and a long one is a second read of the scanner.
  function onResultKey(event) {
    if (/^\d$/.test(event.key)) {
      event.preventDefault();
      resultRun += event.key;
      clearTimeout(resultRunTimer);
      resultRunTimer = setTimeout(() => {
        const typed = resultRun;
        resultRun = '';
        if (typed.length > 0 && typed.length <= AMOUNT_DIGITS && state === 'final') {
          ready('');
          setAmount(typed);
          amountField.focus();
        }
      }, 300);
    } else if ((event.key === 'Enter' || event.key === 'Tab') && resultRun.length > AMOUNT_DIGITS) {
      event.preventDefault();
      resultRun = '';
      announce(t('scan_needs_amount'), 'assertive');
    }
  }

  function scanned(text) {
    codeField.value = '';
    const code = customerCode(text);
    if (code === null) {
      say(t('scan_not_a_code'));
      chimeRefused();
      return;
    }
    if (isDouble(code, performance.now())) {
      say(t('scan_double'));
      return;
    }
    if (state !== 'ready') return;
    if (amount() === 0) {
      say(t('scan_needs_amount'));
      chimeRefused();
      amountField.focus();
      return;
    }
    current = { key: crypto.randomUUID(), amount: amount(), code, tries: 0 };
    pending.push(current);
    storeSales(pending);
    charge();
  }

  function settle(sale) {
    pending = pending.filter((one) => one.key !== sale.key);
    storeSales(pending);
  }

  const ask = (sale) => post('/api/charge', { amount: sale.amount, code: sale.code, key: sale.key }, 8_000);

  async function charge() {
    clearTimeout(timer);
    const sale = current;
    state = 'working';
    sale.tries += 1;
    if (sale.tries === 1) drawWorking();
    else drawUnknown();
    try {
      const paid = await ask(sale);
      settle(sale);
      if (current === sale) drawPaid(paid);
      done();
    } catch (error) {
      if (!running) return;
      if (error instanceof Refused) {
        if (error.status === 401) return;
        settle(sale);
        if (current === sale) drawRefused(error);
        return;
      }
      if (current !== sale) return;
      drawUnknown();
      timer = setTimeout(charge, RETRY_MS[Math.min(sale.tries - 1, RETRY_MS.length - 1)]);
    }
  }

  function panel(kind, drawing, title, ...content) {
    entry.hidden = true;
    answer.hidden = false;
    answer.className = `answer answer-${kind}`;
    answer.replaceChildren(el('span', { class: 'answer-picture', 'aria-hidden': 'true' }, drawing), el('h2', { class: 'answer-title', tabindex: '-1' }, title), ...content);
  }

  function drawWorking() {
    panel('working', el('span', { class: 'spinner large-spinner' }), t('working'), el('p', { class: 'answer-amount number' }, yen(current.amount)), el('p', {}, t('working_lead')));
    announce(t('working'));
  }

  function drawUnknown() {
    const words = t('unknown_tries', { n: current.tries, amount: yen(current.amount) });
    if (answer.classList.contains('answer-unknown')) {
      answer.querySelector('.answer-tries').textContent = words;
    } else {
      panel('unknown', icon('question'), t('unknown'), el('p', { class: 'answer-reason' }, t('unknown_lead')), el('p', { class: 'answer-tries number' }, words),
        el('div', { class: 'answer-buttons' }, el('button', { type: 'button', class: 'button', on: { click: charge } }, icon('refresh'), t('check_now'))));
      announce(`${t('unknown')} ${t('unknown_lead')}`, 'assertive');
      answer.querySelector('h2').focus();
    }
    const buttons = answer.querySelector('.answer-buttons');
    if (current.tries >= OFFER_PARKING_AFTER && buttons.childElementCount === 1) {
      buttons.append(el('button', { type: 'button', class: 'button quiet', on: { click: () => { clearTimeout(timer); current = null; ready(''); } } }, t('park')));
    }
  }

  function drawPaid(paid) {
    state = 'final';
    const next = el('button', { type: 'button', class: 'button answer-next', on: { click: () => ready('') } }, t('next_sale'), icon('forward'));
    panel('paid', icon('check'), t('paid'),
      el('p', { class: 'answer-amount number' }, yen(paid.amount)),
      el('dl', { class: 'answer-rows number' },
        el('div', {}, el('dt', {}, t('customer')), el('dd', {}, paid.customer)),
        el('div', {}, el('dt', {}, t('receipt_number')), el('dd', {}, String(paid.receipt_number))),
        el('div', {}, el('dt', {}, t('when')), el('dd', {}, clockTimeSeconds(paid.at_ms)))),
      el('div', { class: 'answer-buttons' }, next, el('p', { class: 'small' }, t('next_hint'))));
    current = null;
    chimePaid();
    announce(`${t('paid')} ${yen(paid.amount)} ${paid.customer}`, 'assertive');
    next.focus();
  }

  function drawRefused(refused) {
    state = 'final';
    const again = current.amount;
    const retry = el('button', { type: 'button', class: 'button answer-next', on: { click: () => { ready(String(again)); codeField.focus(); } } }, icon('scan'), t('same_amount'));
    panel('refused', icon('cross'), t('refused'),
      el('p', { class: 'answer-reason' }, reasonOf(refused)),
      el('p', { class: 'answer-tries number' }, yen(again)),
      el('div', { class: 'answer-buttons' }, retry,
        el('button', { type: 'button', class: 'button quiet', on: { click: () => { ready(String(again)); amountField.focus(); amountField.select(); } } }, t('change_amount')),
        el('button', { type: 'button', class: 'button quiet', on: { click: () => ready('') } }, t('next_sale'))));
    current = null;
    chimeRefused();
    announce(`${t('refused')} ${reasonOf(refused)}`, 'assertive');
    retry.focus();
  }

  function ready(amountAgain) {
    state = 'ready';
    run = [];
    resultRun = '';
    clearTimeout(resultRunTimer);
    entry.hidden = false;
    answer.hidden = true;
    answer.replaceChildren();
    codeField.value = '';
    say('');
    setAmount(amountAgain);
    drawParked();
    amountField.focus();
  }

  function drawParked() {
    const parked = pending.filter((sale) => sale !== current);
    if (parked.length === 0) {
      parkedPlace.replaceChildren();
      return;
    }
    parkedPlace.replaceChildren(el('div', { class: 'note' }, icon('question'), el('div', {}, el('strong', {}, t('parked')), el('p', { class: 'number' }, parked.map((sale) => yen(sale.amount)).join('・')))));
  }

  async function retryParked() {
    for (const sale of pending.filter((one) => one !== current)) {
      try {
        const paid = await ask(sale);
        settle(sale);
        announce(t('parked_paid', { amount: yen(paid.amount) }), 'assertive');
        say(t('parked_paid', { amount: yen(paid.amount) }));
        done();
      } catch (error) {
        if (error instanceof Refused && error.status !== 401) {
          settle(sale);
          announce(t('parked_refused', { amount: yen(sale.amount) }), 'assertive');
          say(t('parked_refused', { amount: yen(sale.amount) }));
        }
      }
    }
    drawParked();
    if (running) parkedTimer = setTimeout(retryParked, PARKED_RETRY_MS);
  }

  function scanWithCamera() {
    if (amount() === 0) {
      say(t('scan_needs_amount'));
      amountField.focus();
      return;
    }
    openCamera(scanned);
  }

  return {
    element,
    start() {
      running = true;
      document.addEventListener('keydown', onDocumentKey);
      ready('');
      // A sale interrupted by a reload is asked about before anything new is sold.
      if (pending.length > 0) {
        current = pending.at(-1);
        current.tries = Math.max(1, current.tries);
        charge();
      }
      parkedTimer = setTimeout(retryParked, PARKED_RETRY_MS);
    },
    stop() {
      running = false;
      clearTimeout(timer);
      clearTimeout(parkedTimer);
      clearTimeout(resultRunTimer);
      document.removeEventListener('keydown', onDocumentKey);
    },
  };
}
