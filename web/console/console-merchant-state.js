// One merchant: its stores, found by what is typed, its keys, and the tills of the stores that stand open.

import { after, byEvent } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */
/** @import { Merchant, Store } from '../types/answers.js' */

/** @typedef {{ store: Store | null, problem: unknown }} OpenStore Null until the server has answered. */

/**
 * @typedef {object} MerchantState
 * @property {Merchant} merchant
 * @property {string} query
 * @property {unknown} problem
 * @property {ReadonlyMap<number, OpenStore>} open the stores that stand open, by their number
 */

/**
 * @typedef {{ is: 'typed', query: string } | { is: 'reload' } | { is: 'read', merchant: Merchant }
 *   | { is: 'failed', error: unknown } | { is: 'open', store_id: number } | { is: 'close', store_id: number }
 *   | { is: 'store_read', store: Store } | { is: 'store_failed', store_id: number, error: unknown }} MerchantEvent
 */

/**
 * @typedef {{ do: 'read', name: 'read', merchant_id: number, query: string }
 *   | { do: 'read_store', name: string, store_id: number } | After<MerchantEvent> | Cancel} MerchantEffect
 */

const SEARCH_AFTER_MS = 250;

/** @param {number} store_id @returns {MerchantEffect} */
const readStore = (store_id) => ({ do: 'read_store', name: `store ${store_id}`, store_id });

/**
 * The state with what is known of an open store changed.
 * @param {MerchantState} state @param {number} store_id @param {Partial<OpenStore>} change @returns {MerchantState}
 */
function withStore(state, store_id, change) {
  const known = state.open.get(store_id);
  if (known === undefined) return state;
  return { ...state, open: new Map(state.open).set(store_id, { ...known, ...change }) };
}

/** @type {Handlers<MerchantState, MerchantEvent, MerchantEffect>} */
const on = {
  typed: (state, { query }) => [{ ...state, query }, after('search', SEARCH_AFTER_MS, { is: 'reload' })],
  reload: (state) => [
    state, { do: 'read', name: 'read', merchant_id: state.merchant.merchant_id, query: state.query }],
  read: (state, { merchant }) => [
    { ...state, merchant, problem: null },
    ...merchant.stores.filter((store) => state.open.has(store.store_id)).map((store) => readStore(store.store_id))],
  failed: (state, { error }) => [{ ...state, problem: error }],
  open(state, { store_id }) {
    if (state.open.has(store_id)) return [state];
    const open = new Map(state.open).set(store_id, { store: null, problem: null });
    return [{ ...state, open }, readStore(store_id)];
  },
  close(state, { store_id }) {
    const open = new Map(state.open);
    open.delete(store_id);
    return [{ ...state, open }];
  },
  store_read: (state, { store }) => [withStore(state, store.store_id, { store, problem: null })],
  store_failed: (state, { store_id, error }) => [withStore(state, store_id, { problem: error })],
};

export const updateMerchant = byEvent(on);

/** @param {Merchant} merchant @returns {Step<MerchantState, MerchantEffect>} */
export const beginMerchant = (merchant) => [{ merchant, query: '', problem: null, open: new Map() }];
