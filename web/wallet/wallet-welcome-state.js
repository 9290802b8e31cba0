// Signing up and signing in without a page. Sign-up is contact -> six digits and a name -> passkey; sign-in is one
// press, or a choice in the autofill list of the contact field.

import { after, byEvent, cancel } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */

/**
 * @typedef {object} WelcomeState
 * @property {'contact' | 'prove' | 'finish'} step
 * @property {string} contact as typed; plain from the second step on
 * @property {string} code
 * @property {string} display_name
 * @property {string} sign_up the server's word for this sign-up
 * @property {unknown} creation what the passkey is to be made of
 * @property {'contact' | 'code' | 'name' | null} wrong the field that the problem is about
 * @property {{ key: string } | { error: unknown } | { sentence: string } | null} problem
 * @property {'start' | 'sign_in' | 'prove' | 'finish' | null} busy
 */

/**
 * @typedef {{ is: 'typed', field: 'contact' | 'code' | 'display_name', text: string } | { is: 'start' }
 *   | { is: 'started', contact: string, sign_up: string } | { is: 'prove' }
 *   | { is: 'proved', creation: unknown, display_name: string } | { is: 'other_contact' } | { is: 'make_passkey' }
 *   | { is: 'sign_in' } | { is: 'offer' } | { is: 'failed', error: unknown, refused: boolean }
 *   | { is: 'offer_failed', error: unknown }} WelcomeEvent
 */

/**
 * @typedef {{ do: 'start', contact: string } | { do: 'prove', sign_up: string, code: string, display_name: string }
 *   | { do: 'make_passkey', sign_up: string, creation: unknown } | { do: 'sign_in' } | { do: 'offer' }
 *   | { do: 'end_offer' } | { do: 'focus', on: 'contact' | 'code' | 'name' | 'heading' }
 *   | After<WelcomeEvent> | Cancel} WelcomeEffect
 */

// The offer in the autofill list lasts as long as the challenge does; it is renewed quietly before that.
export const RENEW_OFFER_MS = 4 * 60_000;

/** Contact as typed: full-width characters become plain ones, separators of phone numbers go. @param {string} text */
function plainContact(text) {
  const plain = text.normalize('NFKC').trim();
  return plain.includes('@') ? plain : plain.replace(/[\s()\-‐‑–—ー−.]/g, '');
}

/** @param {string} plain */
const looksLikeContact = (plain) => /^\+?\d{9,15}$/.test(plain) || /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(plain);

/** @type {WelcomeEffect[]} */
const OFFER = [{ do: 'offer' }, after('offer', RENEW_OFFER_MS, { is: 'offer' })];

/**
 * @param {WelcomeState} state @param {'contact' | 'code' | 'name'} wrong @param {string} key
 * @returns {Step<WelcomeState, WelcomeEffect>}
 */
const complain = (state, wrong, key) => [{ ...state, wrong, problem: { key } }, { do: 'focus', on: wrong }];

/** @param {WelcomeState} state @returns {WelcomeState} */
const fresh = (state) => ({ ...state, wrong: null, problem: null });

/** @param {WelcomeState} state @param {WelcomeState['busy']} busy @returns {WelcomeState} */
const busyWith = (state, busy) => ({ ...fresh(state), busy });

/** @type {Handlers<WelcomeState, WelcomeEvent, WelcomeEffect>} */
const on = {
  typed: (state, { field, text }) => [{ ...state, [field]: text }],
  start(state) {
    if (state.busy) return [state];
    const contact = plainContact(state.contact);
    if (contact === '') return complain(state, 'contact', 'contact_missing');
    if (!looksLikeContact(contact)) return complain(state, 'contact', 'contact_wrong');
    return [busyWith(state, 'start'), { do: 'start', contact }];
  },
  started: (state, { contact, sign_up }) => [
    { ...fresh(state), step: 'prove', contact, sign_up, code: '', creation: null, busy: null },
    { do: 'end_offer' }, cancel('offer'), { do: 'focus', on: 'code' }],
  prove(state) {
    if (state.busy) return [state];
    const code = state.code.normalize('NFKC').replace(/[\s-]/g, '');
    const display_name = state.display_name.normalize('NFC').trim();
    if (!/^\d{6}$/.test(code)) return complain(state, 'code', 'code_wrong');
    if (display_name === '') return complain(state, 'name', 'name_missing');
    return [busyWith(state, 'prove'), { do: 'prove', sign_up: state.sign_up, code, display_name }];
  },
  /** The number counts once. From here on only the passkey is missing, and it may be tried again. */
  proved: (state, { creation, display_name }) => [
    { ...busyWith(state, 'finish'), step: 'finish', creation, display_name },
    { do: 'focus', on: 'heading' }, { do: 'make_passkey', sign_up: state.sign_up, creation }],
  other_contact: (state) => [{ ...fresh(state), step: 'contact' }, { do: 'focus', on: 'contact' }, ...OFFER],
  make_passkey: (state) => (state.busy ? [state]
    : [busyWith(state, 'finish'), { do: 'make_passkey', sign_up: state.sign_up, creation: state.creation }]),
  sign_in: (state) => (state.busy ? [state] : [busyWith(state, 'sign_in'), { do: 'sign_in' }]),
  offer: (state) => (state.step === 'contact' ? [state, ...OFFER] : [state]),
  failed(state, { error, refused }) {
    /** @type {WelcomeState} */
    const next = { ...fresh(state), problem: { error }, busy: null };
    // The ceremony took the place of the offer.
    if (state.busy === 'sign_in') return [next, ...OFFER];
    if (state.step !== 'finish' || !refused) return [next];
    return [{ ...next, step: 'contact', creation: null }, ...OFFER];
  },
  offer_failed: (state, { error }) => [{ ...state, problem: { error } }],
};

export const updateWelcome = byEvent(on);

/**
 * `left` is a half-done sign-up, taken over a change of language.
 * @param {string} sentence @param {WelcomeState | undefined} left @returns {Step<WelcomeState, WelcomeEffect>}
 */
export function beginWelcome(sentence, left) {
  /** @type {WelcomeState} */
  const state = {
    step: 'contact', contact: '', code: '', display_name: '', sign_up: '', creation: null,
    ...left, wrong: null, busy: null, problem: sentence === '' ? null : { sentence },
  };
  return state.step === 'contact' ? [state, ...OFFER] : [state];
}
