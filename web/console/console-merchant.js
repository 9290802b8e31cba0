// One merchant: its stores with their tills, and its API keys.

import { get, post } from '/assets/api.js';
import { h, patch } from '/assets/draw.js';
import { announce, el } from '/assets/elements.js';
import {
  agree, askForName, cardWith, consoleHead, copyable, drawing, postFresh, problemLine, rename, smallButton,
} from '/assets/console-frame.js';
import { may } from '/assets/console-may.js';
import { askForDetails, askForStore, detailsOf, storeWords } from '/assets/console-store-form.js';
import { beginMerchant, updateMerchant } from '/assets/console-merchant-state.js';
import { addSupervisor, changeRule, ruleWords, supervisorList } from '/assets/console-returns.js';
import { addButton } from '/assets/console-merchants.js';
import { tillRow } from '/assets/console-operations.js';
import { counted, digits, shortDateTime, t } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';

/** @import { Child, Machine, View } from '../types/pages.js' */
/** @import { ApiKey, Merchant, Store, StoreRow } from '../types/answers.js' */
/** @import { Tools } from '/assets/console-frame.js' */
/** @import { MerchantEvent, MerchantState, OpenStore } from '/assets/console-merchant-state.js' */

/**
 * @typedef {{ send(event: MerchantEvent): void, reload(): Promise<void>, restart(): void }} Doing What the drawing may ask for;
 * `restart` draws the head anew as well.
 */

// From so many stores on, a list is searched and not read.
const SEARCH_FROM = 8;

/** @param {Merchant} merchant @param {Doing} doing */
const makeKey = ({ merchant_id, name }, { reload }) => agree({
  title: t('make_key'), once: true, lead: t('make_key_lead', { name }), action: t('make_key_now'),
  async run() {
    const made = await postFresh('/api/api-keys', { merchant_id });
    await reload();
    return [
      h('p', { class: 'note' }, drawing('alert'), h('span', {}, t('secret_once'))),
      copyable(t('api_key'), made.api_key), copyable(t('api_secret'), made.api_secret),
    ];
  },
});

/** @param {ApiKey} key */
const keyName = ({ api_key }) => h('code', { class: 'key-name' }, api_key);

/** @param {ApiKey} key @param {Doing} doing */
const revokeKey = (key, { reload }) => agree({
  title: t('revoke_key'), lead: [t('revoke_key_lead'), keyName(key)], action: t('revoke_key_now'), danger: true,
  async run() {
    await postFresh('/api/api-keys/revoke', { api_key: key.api_key });
    announce(t('revoked_now'), 'assertive');
    await reload();
  },
});

/** @param {ApiKey} key @param {Doing} doing */
function switchOpa(key, { reload }) {
  const takes = !key.opa_auth;
  agree({
    title: t(takes ? 'opa_on' : 'opa_off'), lead: [t(takes ? 'opa_on_lead' : 'opa_off_lead'), keyName(key)],
    action: t(takes ? 'opa_on_now' : 'opa_off_now'), danger: !takes,
    async run() {
      await postFresh('/api/api-keys/opa-auth', { api_key: key.api_key, takes });
      announce(t(takes ? 'opa_is_on' : 'opa_is_off'));
      await reload();
    },
  });
}

/** @param {ApiKey} key */
function keyState({ live, revoked_at_ms }) {
  if (live) return h('span', { class: 'state state-good' }, drawing('check'), t('key_live'));
  const words = revoked_at_ms === null ? t('key_revoked') : t('key_revoked_at', { time: shortDateTime(revoked_at_ms) });
  return h('span', { class: 'state' }, drawing('minus'), words);
}

/** @param {ApiKey} key @param {Doing} doing */
function keyActs(key, doing) {
  const opa = t(key.opa_auth ? 'opa_off' : 'opa_on');
  const revoke = t('revoke_key');
  return h('div', { class: 'key-acts' },
    smallButton(t('label_key'), 'quiet', () => labelKey(key, doing), `${t('label_key')}: ${key.api_key}`),
    smallButton(opa, 'quiet', () => switchOpa(key, doing), `${opa}: ${key.api_key}`),
    smallButton(revoke, 'danger-quiet', () => revokeKey(key, doing), `${revoke}: ${key.api_key}`));
}

/** @param {ApiKey} key @param {Doing} doing */
function keyRow(key, doing) {
  return h('li', { key: key.api_key, class: key.live ? 'key-row' : 'key-row key-dead' },
    h('div', { class: 'key-words' }, key.label !== null && h('strong', {}, key.label), keyName(key),
      h('span', { class: 'small soft number' }, t('key_made', { time: shortDateTime(key.made_at_ms) }))),
    keyState(key),
    key.live && h('div', { class: 'key-schemes small' },
      h('span', { class: 'soft' }, 'OPA-Auth'), h('strong', {}, t(key.opa_auth ? 'opa_is_on' : 'opa_is_off'))),
    key.live && may('manage_api_keys') && keyActs(key, doing));
}

/** @param {Merchant} merchant @param {Doing} doing */
const addStore = ({ merchant_id }, { send, reload }) => askForStore(async (name, fields) => {
  const { store_id } = await post('/api/stores', { merchant_id, name, ...detailsOf(fields) });
  announce(t('added', { name }));
  await reload();
  send({ is: 'open', store_id });
});

/** @param {Store} store @param {Doing} doing */
const describeStore = (store, { reload }) => askForDetails(store, async (_, fields) => {
  await post(`/api/stores/${store.store_id}/details`, detailsOf(fields));
  announce(t('saved'));
  await reload();
});

/** @param {StoreRow} store @param {Doing} doing */
const renameStore = ({ store_id, name }, { reload }) => rename(
  t('store_name'), name, (text) => post(`/api/stores/${store_id}/name`, { name: text }), reload);

/** @param {Merchant} merchant @param {Doing} doing */
const renameMerchant = ({ merchant_id, name }, { restart }) => rename(
  t('merchant_name'), name, (text) => post(`/api/merchants/${merchant_id}/name`, { name: text }), async () => restart());

/** @param {Merchant} merchant @param {Doing} doing */
const changeInvoiceNumber = ({ merchant_id, invoice_number }, { reload }) => askForName({
  title: t('invoice_number'), label: t('invoice_number_label'), hint: t('invoice_number_hint'), value: invoice_number ?? '', action: t('save'),
  optional: true,
  async run(number) {
    await post(`/api/merchants/${merchant_id}/invoice-number`, { number });
    announce(t('saved'));
    await reload();
  },
});

/** @param {ApiKey} key @param {Doing} doing */
const labelKey = ({ api_key, label }, { reload }) => rename(
  t('key_label'), label ?? '', (text) => post('/api/api-keys/label', { api_key, label: text }), reload, t('key_label_hint'));

/** @param {StoreRow} store @param {Doing} doing */
const addTill = ({ store_id, name: store }, { reload }) => askForName({
  title: t('add_till', { store }), label: t('till_name'), hint: t('till_name_hint'), action: t('add'),
  async run(name) {
    await post('/api/tills', { store_id, name });
    announce(t('added', { name }));
    await reload();
  },
});

/** @param {StoreRow} store @param {OpenStore} open @param {Doing} doing @returns {Child} */
function storeTills(store, { store: known, problem }, doing) {
  if (known === null) return problem === null ? h('p', { class: 'soft' }, t('loading')) : problemLine(problem);
  const { tills } = known;
  const rows = tills.map((till) => tillRow({ ...till, store: store.name }, till.name, doing.reload));
  return [
    problemLine(problem),
    h('div', { class: 'store-details' },
      h('span', { class: 'soft' }, storeWords(known) || t('not_described')),
      may('manage_shops') && h('span', { class: 'row-acts' },
        smallButton(t('rename'), 'quiet', () => renameStore(store, doing), `${t('rename')}: ${store.name}`),
        smallButton(t('describe_store'), 'quiet', () => describeStore(known, doing), `${t('describe_store')}: ${store.name}`))),
    tills.length === 0 ? h('p', { class: 'soft' }, t('no_tills_here')) : h('ul', { class: 'tills' }, rows),
    may('manage_shops') && addButton(t('add_till_short'), () => addTill(store, doing)),
    supervisorList(known.supervisors, doing.reload),
    may('manage_shops') && addButton(t('add_supervisor'), () => addSupervisor(store, doing.reload)),
  ];
}

/** @param {StoreRow} store @param {OpenStore | undefined} open @param {Doing} doing */
function storeRow(store, open, doing) {
  const { store_id } = store;
  /** @param {Event & { target: HTMLDetailsElement }} event */
  const toggle = ({ target }) => doing.send({ is: target.open ? 'open' : 'close', store_id });
  const sums = t('store_sums', { id: store_id, tills: digits(store.tills) });
  return h('details', { key: String(store_id), class: 'store', open: open !== undefined, on: { toggle } },
    h('summary', {},
      h('span', { class: 'store-words' },
        h('strong', {}, store.name), h('span', { class: 'small soft number' }, sums)),
      drawing('forward')),
    h('div', { class: 'store-tills' }, open && storeTills(store, open, doing)));
}

/** @param {MerchantState} state @param {Doing} doing @returns {Child} */
function searchField({ merchant, query }, { send }) {
  const { stores, stores_found, stores_in_all } = merchant;
  const searched = stores_in_all >= SEARCH_FROM;
  const found = counted(stores_found > stores.length ? 'stores_cut' : 'stores_found', stores_found,
    { shown: digits(stores.length), found: digits(stores_found) });
  return [
    h('div', { class: 'field', hidden: !searched },
      h('label', { for: 'store-search' }, t('store_search')),
      h('input', {
        id: 'store-search', type: 'search', autocomplete: 'off', value: query,
        on: { input: (event) => send({ is: 'typed', query: event.target.value }) },
      })),
    h('p', { class: 'small soft', role: 'status', hidden: !searched }, searched && found),
  ];
}

/** @param {MerchantState} state @param {Doing} doing @returns {Child[]} */
function drawMerchant(state, doing) {
  const { merchant, open } = state;
  const keys = merchant.api_keys.map((key) => keyRow(key, doing));
  const stores = merchant.stores.map((store) => storeRow(store, open.get(store.store_id), doing));
  return [
    h('div', { class: 'merchant-head' },
      h('a', { class: 'text-button back-link', href: '#merchants' }, drawing('back'), t('all_merchants')),
      may('manage_shops') && smallButton(t('rename'), 'quiet', () => renameMerchant(merchant, doing), `${t('rename')}: ${merchant.name}`)),
    h('p', { class: 'merchant-number' },
      h('span', { class: 'soft' }, t('invoice_number')), h('strong', { class: 'number' }, merchant.invoice_number ?? t('not_said')),
      may('set_money_rules') && smallButton(t('change'), 'quiet', () => changeInvoiceNumber(merchant, doing), `${t('change')}: ${t('invoice_number')}`)),
    problemLine(state.problem),
    cardWith(t('stores'), 'shop', 'places', may('manage_shops') && addButton(t('add_store'), () => addStore(merchant, doing)),
      searchField(state, doing),
      h('div', { class: 'stores' },
        stores.length === 0 ? h('p', { class: 'soft' }, t(merchant.stores_in_all === 0 ? 'no_stores' : 'no_stores_found')) : stores)),
    cardWith(t('returns'), 'undo', 'returns',
      may('set_money_rules') && smallButton(t('change'), 'quiet', () => changeRule(merchant, doing.reload), `${t('change')}: ${t('returns')}`),
      ruleWords(merchant.reversals).map((words) => h('p', { key: words }, words))),
    cardWith(t('api_keys'), 'key', 'keys', may('manage_api_keys') && addButton(t('make_key'), () => makeKey(merchant, doing)),
      h('p', { class: 'small soft' }, t('api_keys_lead')),
      h('div', {}, keys.length === 0 ? h('p', { class: 'soft' }, t('no_keys')) : h('ul', { class: 'keys' }, keys))),
  ];
}

/** @param {{ merchant_id: number, query: string }} what @returns {Promise<MerchantEvent>} */
async function read({ merchant_id, query }) {
  try {
    return { is: 'read', merchant: await get(`/api/merchants/${merchant_id}?q=${encodeURIComponent(query)}`) };
  } catch (error) {
    return { is: 'failed', error };
  }
}

/** @param {{ store_id: number }} what @returns {Promise<MerchantEvent>} */
async function readStore({ store_id }) {
  try {
    return { is: 'store_read', store: await get(`/api/stores/${store_id}`) };
  } catch (error) {
    return { is: 'store_failed', store_id, error };
  }
}

/** @param {Merchant} first @param {Tools} tools @returns {View} */
export function merchantView(first, tools) {
  const place = el('main', { class: 'dashboard narrow' });
  /** @type {Doing} */
  const doing = {
    send: (event) => view.send(event),
    restart: () => tools.go(`merchants/${first.merchant_id}`),
    reload: async () => view.send(await read({ merchant_id: first.merchant_id, query: view.state().query })),
  };
  /** @type {Machine<MerchantState, MerchantEvent>} */
  const view = machine({
    begin: beginMerchant(first),
    update: updateMerchant,
    draw: (state) => patch(place, drawMerchant(state, doing)),
    perform: { read, read_store: readStore },
  });
  const number = el('p', { class: 'updated number' }, t('merchant_number', { id: first.merchant_id }));
  return { element: [consoleHead('merchants', first.name, number, tools), place], ready: view.start, stop: view.stop };
}
