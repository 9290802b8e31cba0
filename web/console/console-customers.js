// Customers: one wallet at a time, found by the number its owner reads out, and the erasure of that person.

import { Refused, get } from '/assets/api.js';
import { announce, el, whileBusy } from '/assets/elements.js';
import { agree, card, consoleHead, postFresh, problemPlace } from '/assets/console-frame.js';
import { icon } from '/assets/icons.js';
import { dateTime, t, yen } from '/assets/i18n.js';

export function customersView(tools) {
  const problem = problemPlace();
  const place = el('div', { class: 'customer' });
  const input = el('input', { id: 'wallet-number', type: 'text', inputmode: 'numeric', autocomplete: 'off', required: true, maxlength: '20', 'aria-describedby': 'wallet-number-hint' });
  const button = el('button', { type: 'submit', class: 'button' }, t('find'));
  const form = el('form', { class: 'find-form', on: { submit: (event) => {
    event.preventDefault();
    whileBusy(button, () => look(input.value.trim()));
  } } },
  el('div', { class: 'field' }, el('label', { for: 'wallet-number' }, t('wallet_number')), input, el('span', { class: 'hint', id: 'wallet-number-hint' }, t('wallet_number_hint'))), button);

  async function look(id) {
    problem.clear();
    place.replaceChildren();
    try {
      draw(await get(`/api/wallets/${encodeURIComponent(id)}`));
    } catch (error) {
      if (error instanceof Refused && error.status === 404) problem.element.textContent = t('no_such_wallet');
      else problem.complain(error);
    }
  }

  function erase(wallet) {
    const empty = wallet.balance === 0 && wallet.held === 0;
    agree({
      title: t('erase_title', { id: wallet.wallet_id }), danger: true, action: t('erase_now'),
      lead: [t('erase_lead'), empty ? null : el('span', { class: 'note' }, icon('alert'), el('span', {}, t('erase_despite', { amount: yen(wallet.balance + wallet.held) })))].filter(Boolean),
      async run() {
        await postFresh('/api/people/erase', { wallet_id: wallet.wallet_id, despite_balance: !empty });
        announce(t('erased_now'), 'assertive');
        await look(wallet.wallet_id);
      },
    });
  }

  function draw(wallet) {
    const row = (word, value) => el('div', {}, el('dt', {}, t(word)), el('dd', { class: 'number' }, value));
    const erased = wallet.erased_at_ms !== null;
    place.replaceChildren(el('dl', { class: 'rows' },
      row('wallet_number', wallet.wallet_id),
      row('customer_name', wallet.name ?? t('nobody')),
      row('contact', wallet.contact ?? t('nobody')),
      row('balance', yen(wallet.balance)),
      row('account_held', yen(wallet.held)),
      row('state', t(erased ? 'state_erased' : wallet.frozen ? 'state_frozen' : 'state_active')),
      erased && row('erased_at', dateTime(wallet.erased_at_ms))),
    !erased && wallet.name !== null && el('button', { type: 'button', class: 'button danger-quiet', on: { click: () => erase(wallet) } }, t('erase')) || '');
  }

  return { element: [consoleHead('customers', t('nav_customers'), null, tools),
    el('main', { class: 'dashboard narrow' },
      card(t('find_customer'), 'person', 'customer', el('p', { class: 'small soft' }, t('find_customer_lead')), form, problem.element, place))] };
}
