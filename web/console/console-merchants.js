// Merchants: what there is, what is opened anew, and the API keys of each.

import { get, post } from '/assets/api.js';
import { announce, el } from '/assets/elements.js';
import { agree, askForName, cardWith, consoleHead, copyable, postFresh, problemPlace, smallButton } from '/assets/console-frame.js';
import { tillRow } from '/assets/console-operations.js';
import { icon } from '/assets/icons.js';
import { digits, shortDateTime, t } from '/assets/i18n.js';

// From so many stores on, a list is searched and not read.
const SEARCH_FROM = 8;
const SEARCH_AFTER_MS = 250;

const addButton = (words, press) => smallButton([icon('plus'), words], 'soft-fill', press);

export function merchantsView({ merchants }, tools) {
  const list = merchants.length === 0 ? el('p', { class: 'soft' }, t('no_merchants')) : el('ul', { class: 'merchants' }, merchants.map((one) => el('li', {},
    el('a', { class: 'merchant-row', href: `#merchants/${one.merchant_id}` },
      el('span', { class: 'merchant-words' }, el('strong', {}, one.name),
        el('span', { class: 'small soft number' }, t('merchant_sums', { id: one.merchant_id, stores: digits(one.stores), tills: digits(one.tills), keys: digits(one.api_keys) }))),
      icon('forward')))));
  const add = () => askForName({
    title: t('add_merchant'), label: t('merchant_name'), action: t('add'),
    async run(name) {
      const { merchant_id } = await post('/api/merchants', { name });
      announce(t('added', { name }));
      tools.go(`merchants/${merchant_id}`);
    },
  });
  return { element: [consoleHead('merchants', t('nav_merchants'), null, tools),
    el('main', { class: 'dashboard narrow' }, cardWith(t('merchants'), 'shop', 'merchants', addButton(t('add_merchant'), add), list))] };
}

export function merchantView(first, tools) {
  let merchant = first;
  const keysPlace = el('div', {});
  const storesPlace = el('div', { class: 'stores' });
  const found = el('p', { class: 'small soft', role: 'status' });
  const problem = problemPlace();
  const search = el('input', { id: 'store-search', type: 'search', autocomplete: 'off', on: { input: () => { clearTimeout(timer); timer = setTimeout(reload, SEARCH_AFTER_MS); } } });
  const searchField = el('div', { class: 'field' }, el('label', { for: 'store-search' }, t('store_search')), search);
  const open = new Set();
  let timer = 0;
  let asked = 0;

  async function reload() {
    asked += 1;
    const mine = asked;
    try {
      const answer = await get(`/api/merchants/${merchant.merchant_id}?q=${encodeURIComponent(search.value)}`);
      if (mine !== asked) return;
      problem.clear();
      merchant = answer;
      draw();
    } catch (error) {
      if (mine === asked) problem.complain(error);
    }
  }

  function makeKey() {
    agree({
      title: t('make_key'), lead: t('make_key_lead', { name: merchant.name }), action: t('make_key_now'),
      async run() {
        const made = await postFresh('/api/api-keys', { merchant_id: merchant.merchant_id });
        await reload();
        return [el('p', { class: 'note' }, icon('alert'), el('span', {}, t('secret_once'))), copyable(t('api_key'), made.api_key), copyable(t('api_secret'), made.api_secret)];
      },
    });
  }

  function revokeKey(key) {
    agree({
      title: t('revoke_key'), lead: [t('revoke_key_lead'), el('code', { class: 'key-name' }, key.api_key)], action: t('revoke_key_now'), danger: true,
      async run() {
        await postFresh('/api/api-keys/revoke', { api_key: key.api_key });
        announce(t('revoked_now'), 'assertive');
        await reload();
      },
    });
  }

  function switchOpa(key) {
    const takes = !key.opa_auth;
    agree({
      title: t(takes ? 'opa_on' : 'opa_off'), lead: [t(takes ? 'opa_on_lead' : 'opa_off_lead'), el('code', { class: 'key-name' }, key.api_key)], action: t(takes ? 'opa_on_now' : 'opa_off_now'), danger: !takes,
      async run() {
        await postFresh('/api/api-keys/opa-auth', { api_key: key.api_key, takes });
        announce(t(takes ? 'opa_is_on' : 'opa_is_off'));
        await reload();
      },
    });
  }

  function keyRow(key) {
    const state = key.live ? el('span', { class: 'state state-good' }, icon('check'), t('key_live'))
      : el('span', { class: 'state' }, icon('minus'), key.revoked_at_ms === null ? t('key_revoked') : t('key_revoked_at', { time: shortDateTime(key.revoked_at_ms) }));
    return el('li', { class: `key-row ${key.live ? '' : 'key-dead'}`.trim() },
      el('div', { class: 'key-words' }, el('code', { class: 'key-name' }, key.api_key), el('span', { class: 'small soft number' }, t('key_made', { time: shortDateTime(key.made_at_ms) }))),
      state,
      key.live && el('div', { class: 'key-schemes small' }, el('span', { class: 'soft' }, 'OPA-Auth'), el('strong', {}, t(key.opa_auth ? 'opa_is_on' : 'opa_is_off'))),
      key.live && el('div', { class: 'key-acts' },
        smallButton(t(key.opa_auth ? 'opa_off' : 'opa_on'), 'quiet', () => switchOpa(key), `${t(key.opa_auth ? 'opa_off' : 'opa_on')}: ${key.api_key}`),
        smallButton(t('revoke_key'), 'danger-quiet', () => revokeKey(key), `${t('revoke_key')}: ${key.api_key}`)));
  }

  function addStore() {
    askForName({
      title: t('add_store'), label: t('store_name'), action: t('add'),
      async run(name) {
        const { store_id } = await post('/api/stores', { merchant_id: merchant.merchant_id, name });
        announce(t('added', { name }));
        open.add(store_id);
        await reload();
      },
    });
  }

  function storeRow(store) {
    const tills = el('div', { class: 'store-tills' }, el('p', { class: 'soft' }, t('loading')));
    const complaint = problemPlace();

    function addTill() {
      askForName({
        title: t('add_till', { store: store.name }), label: t('till_name'), hint: t('till_name_hint'), action: t('add'),
        async run(name) {
          await post('/api/tills', { store_id: store.store_id, name });
          announce(t('added', { name }));
          await reload();
        },
      });
    }

    async function load() {
      try {
        const answer = await get(`/api/stores/${store.store_id}`);
        complaint.clear();
        const list = answer.tills.length === 0 ? el('p', { class: 'soft' }, t('no_tills')) : el('ul', { class: 'tills' }, answer.tills.map((till) => tillRow({ ...till, store: store.name }, till.name, complaint)));
        tills.replaceChildren(complaint.element, list, addButton(t('add_till_short'), addTill));
      } catch (error) {
        complaint.complain(error);
        tills.replaceChildren(complaint.element);
      }
    }

    const details = el('details', { class: 'store', on: { toggle: () => {
      if (details.open) {
        open.add(store.store_id);
        load();
      } else open.delete(store.store_id);
    } } },
    el('summary', {}, el('span', { class: 'store-words' }, el('strong', {}, store.name), el('span', { class: 'small soft number' }, t('store_sums', { id: store.store_id, tills: digits(store.tills) }))), icon('forward')),
    tills);
    details.open = open.has(store.store_id);
    return details;
  }

  function draw() {
    keysPlace.replaceChildren(merchant.api_keys.length === 0 ? el('p', { class: 'soft' }, t('no_keys')) : el('ul', { class: 'keys' }, merchant.api_keys.map(keyRow)));
    searchField.hidden = merchant.stores_in_all < SEARCH_FROM;
    const cut = merchant.stores_found > merchant.stores.length;
    found.textContent = merchant.stores_in_all < SEARCH_FROM ? '' : t(cut ? 'stores_cut' : 'stores_found', { shown: digits(merchant.stores.length), found: digits(merchant.stores_found) });
    found.hidden = found.textContent === '';
    storesPlace.replaceChildren(...(merchant.stores_in_all === 0 ? [el('p', { class: 'soft' }, t('no_stores'))] : merchant.stores.map(storeRow)));
  }

  draw();
  return {
    element: [consoleHead('merchants', merchant.name, el('p', { class: 'updated number' }, t('merchant_number', { id: merchant.merchant_id })), tools),
      el('main', { class: 'dashboard narrow' },
        el('a', { class: 'text-button back-link', href: '#merchants' }, icon('back'), t('all_merchants')),
        problem.element,
        cardWith(t('stores'), 'shop', 'places', addButton(t('add_store'), addStore), searchField, found, storesPlace),
        cardWith(t('api_keys'), 'key', 'keys', addButton(t('make_key'), makeKey), el('p', { class: 'small soft' }, t('api_keys_lead')), keysPlace))],
    stop() { clearTimeout(timer); asked += 1; },
  };
}
