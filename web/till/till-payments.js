// The till's recent payments, and what can be done with one of them: cancel it, refund it in full or in part.

import { Refused, get, post, sentenceOf } from '/assets/api.js';
import { announce, el, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { clockTime, dateTime, digits, hasText, t, yen } from '/assets/i18n.js';
import { openSheet } from '/assets/sheet.js';

const statusName = (payment) => (hasText(`status_${payment.status}`) ? t(`status_${payment.status}`) : payment.status);
const pictures = { paid: 'check', cancelled: 'cross', refunded: 'undo', part_refunded: 'undo' };

function statusChip(payment) {
  return el('span', { class: `chip-status chip-${payment.status}` }, icon(pictures[payment.status] ?? 'receipt'), statusName(payment));
}

const TOLD_MS = 15_000;

/** Returns {element, refresh}. `changed` is called after a cancel or a refund. */
export function paymentList({ changed }) {
  const list = el('ul', { class: 'payments' });
  const status = el('p', { class: 'soft payments-status', role: 'status' }, t('loading'));
  // What was just given back, for the eye; the ear is told by `announce`.
  const told = el('p', { class: 'payments-told', 'aria-hidden': 'true' });
  let forgetting = 0;

  function tell(sentence) {
    clearTimeout(forgetting);
    told.replaceChildren(icon('check'), sentence);
    forgetting = setTimeout(() => told.replaceChildren(), TOLD_MS);
    announce(sentence, 'assertive');
  }

  async function refresh() {
    try {
      const { payments } = await get('/api/payments?limit=50');
      status.textContent = payments.length === 0 ? t('no_payments') : '';
      const focused = document.activeElement?.dataset?.payment;
      list.replaceChildren(...payments.map((payment) => el('li', {}, row(payment))));
      if (focused) list.querySelector(`[data-payment="${CSS.escape(focused)}"]`)?.focus();
    } catch (error) {
      status.textContent = sentenceOf(error);
    }
  }

  function row(payment) {
    return el('button', { type: 'button', class: 'payment', 'data-payment': payment.payment_id, on: { click: () => openPayment(payment) } },
      el('span', { class: 'payment-time number' }, clockTime(payment.at_ms)),
      el('span', { class: 'payment-words' }, el('span', { class: 'payment-customer' }, payment.customer), el('span', { class: 'small soft number' }, String(payment.receipt_number))),
      el('span', { class: 'payment-money' }, el('span', { class: `payment-amount number${payment.status === 'cancelled' ? ' payment-struck' : ''}` }, yen(payment.amount)), statusChip(payment)));
  }

  function openPayment(payment) {
    const refundable = payment.status === 'cancelled' ? 0 : payment.amount - payment.refunded;
    const body = el('div', { class: 'payment-sheet-body' });
    const problem = el('p', { class: 'problem', role: 'alert' });
    const sheet = openSheet(t('payment'), body);

    function finish(sentence) {
      sheet.close();
      tell(sentence);
      changed();
    }

    const complain = (error) => { problem.textContent = error instanceof Refused ? sentenceOf(error) : t('unknown_press_again'); };
    const back = () => el('button', { type: 'button', class: 'button quiet wide', on: { click: overview } }, t('back'));

    function overview() {
      problem.textContent = '';
      const rows = [[t('customer'), payment.customer], [t('receipt_number'), String(payment.receipt_number)], [t('when'), dateTime(payment.at_ms)], [t('status'), statusChip(payment)],
        payment.refunded > 0 && [t('refunded'), yen(payment.refunded)], refundable > 0 && payment.refunded > 0 && [t('refundable'), yen(refundable)]].filter(Boolean);
      body.replaceChildren(
        el('p', { class: 'sheet-amount number' }, yen(payment.amount)),
        el('dl', { class: 'rows' }, rows.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', { class: 'number' }, value)))),
        el('div', { class: 'sheet-buttons' },
          refundable > 0 ? el('button', { type: 'button', class: 'button wide', on: { click: refundForm } }, icon('undo'), t('refund')) : null,
          payment.status === 'paid' ? el('button', { type: 'button', class: 'button danger-quiet wide', on: { click: voidForm } }, icon('cross'), t('void')) : null));
      sheet.dialog.querySelector('h2').focus();
    }

    function voidForm() {
      problem.textContent = '';
      const go = el('button', { type: 'button', class: 'button danger wide', on: { click: () => whileBusy(go, async () => {
        problem.textContent = '';
        try {
          await post('/api/void', { payment_id: payment.payment_id });
          finish(t('voided', { amount: yen(payment.amount) }));
        } catch (error) {
          complain(error);
        }
      }) } }, t('void_go', { amount: yen(payment.amount) }));
      body.replaceChildren(el('p', { class: 'sheet-question', tabindex: '-1' }, t('void_confirm', { amount: yen(payment.amount) })), problem, el('div', { class: 'sheet-buttons' }, go, back()));
      body.querySelector('.sheet-question').focus();
    }

    function refundForm() {
      problem.textContent = '';
      // One key per refund the cashier means; changing the amount means another one.
      let key = crypto.randomUUID();
      let keyAmount = refundable;
      const field = el('input', { id: 'refund-amount', class: 'number', type: 'text', inputmode: 'numeric', autocomplete: 'off', maxlength: '12', value: digits(refundable), on: { input: draw } });
      const reason = el('select', { id: 'refund-reason' }, ['return', 'wrong_amount', 'other'].map((name) => el('option', { value: name }, t(`reason_${name}`))));
      const go = el('button', { type: 'submit', class: 'button danger wide' });
      const value = () => {
        const plain = field.value.normalize('NFKC').replace(/[,\s円¥]/g, '');
        return /^\d{1,9}$/.test(plain) ? Number(plain) : NaN;
      };
      const good = () => value() >= 1 && value() <= refundable;
      function draw() {
        go.replaceChildren(icon('undo'), good() ? t('refund_go', { amount: yen(value()) }) : t('refund'));
        field.setAttribute('aria-invalid', String(!good()));
        if (good()) problem.textContent = '';
      }
      const form = el('form', { class: 'form', novalidate: true, on: { submit: (event) => {
        event.preventDefault();
        problem.textContent = '';
        if (!good()) {
          problem.textContent = t('refund_wrong', { max: yen(refundable) });
          field.focus();
          return;
        }
        const wanted = value();
        if (wanted !== keyAmount) {
          key = crypto.randomUUID();
          keyAmount = wanted;
        }
        whileBusy(go, async () => {
          try {
            await post('/api/refund', { payment_id: payment.payment_id, amount: wanted, key, reason: reason.value });
            finish(t('refunded_now', { amount: yen(wanted) }));
          } catch (error) {
            if (error instanceof Refused) key = crypto.randomUUID();
            complain(error);
          }
        });
      } } },
      el('div', { class: 'field' }, el('label', { for: 'refund-amount' }, t('refund_amount')), field,
        el('button', { type: 'button', class: 'text-button', on: { click: () => { field.value = digits(refundable); draw(); } } }, `${t('refund_all')} ${yen(refundable)}`)),
      el('div', { class: 'field' }, el('label', { for: 'refund-reason' }, t('refund_reason')), reason),
      problem,
      el('div', { class: 'sheet-buttons' }, go, back()));
      body.replaceChildren(form);
      draw();
      field.focus();
      field.select();
    }

    overview();
  }

  return {
    element: el('section', { class: 'recent-payments', 'aria-labelledby': 'recent-payments-title' }, el('h2', { id: 'recent-payments-title' }, t('recent')), told, status, list),
    refresh,
  };
}
