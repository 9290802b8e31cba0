// Signing up and signing in without a page. Sign-up is contact -> six digits and a name -> passkey; sign-in is one
// press, or a choice in the autofill list of the contact field.

import { folded } from '/assets/i18n.js';
import { after, byEvent, cancel } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */

/**
 * @typedef {object} WelcomeState
 * @property {'contact' | 'prove' | 'finish'} step
 * @property {boolean} known whether this browser has opened a wallet before: then its owner is met with the passkey
 * @property {string} contact as typed; plain from the second step on
 * @property {string} code
 * @property {string} display_name
 * @property {string} sign_up the server's word for this sign-up
 * @property {unknown} creation what the passkey is to be made of
 * @property {'contact' | 'code' | 'name' | null} wrong the field that the problem is about
 * @property {{ key: string } | { error: unknown } | { sentence: string } | null} problem
 * @property {'start' | 'sign_in' | 'prove' | 'finish' | null} busy
 * @property {number} sent_at_ms when the last code was sent
 * @property {number} now_ms the clock, as it was last looked at
 * @property {number} checks proofs of work that were asked for since the last press
 * @property {boolean} resent whether the last code was sent again
 */

/**
 * @typedef {{ is: 'typed', field: 'contact' | 'code' | 'display_name', text: string } | { is: 'start' }
 *   | { is: 'proof_wanted', contact: string, challenge: string, bits: number, error: unknown }
 *   | { is: 'started', contact: string, sign_up: string, now_ms: number } | { is: 'prove' }
 *   | { is: 'resend' } | { is: 'tick' } | { is: 'time', now_ms: number }
 *   | { is: 'proved', creation: unknown, display_name: string } | { is: 'other_contact' } | { is: 'make_passkey' }
 *   | { is: 'sign_in' } | { is: 'newcomer' } | { is: 'offer' } | { is: 'failed', error: unknown, refused: boolean, wrong?: WelcomeState['wrong'] }
 *   | { is: 'offer_failed', error: unknown }} WelcomeEvent
 */

/**
 * @typedef {{ do: 'start', contact: string, challenge?: string, bits?: number } | { do: 'prove', sign_up: string, code: string, display_name: string }
 *   | { do: 'make_passkey', sign_up: string, creation: unknown } | { do: 'sign_in' } | { do: 'offer' }
 *   | { do: 'end_offer' } | { do: 'read_clock' } | { do: 'focus', on: 'contact' | 'code' | 'name' | 'heading' }
 *   | After<WelcomeEvent> | Cancel} WelcomeEffect
 */

// The offer in the autofill list lasts as long as the challenge does; it is renewed quietly before that.
export const RENEW_OFFER_MS = 4 * 60_000;

// A message needs this long to arrive. Who asks again before that only uses up the three that a contact gets in an hour.
const RESEND_AFTER_MS = 30_000;
// Each answer opens one start; who is asked once more has changed networks, or the answer came too late.
const CHECKS_MAX = 3;
// As long as the server takes the code.
const CODE_LIFE_MS = 10 * 60_000;

/** Until the code may be sent again. @param {WelcomeState} state */
export const resendSeconds = ({ sent_at_ms, now_ms }) => (
  Math.max(0, Math.ceil((sent_at_ms + RESEND_AFTER_MS - now_ms) / 1_000)));

/**
 * What a page that is loaded anew goes on with: nothing secret, since the handle opens nothing without the browser's cookie, and
 * the code is not among it. Nothing is left of a sign-up whose first step is not done.
 * @param {WelcomeState} state @returns {Partial<WelcomeState> | null}
 */
export function toKeep({ step, contact, display_name, sign_up, creation, sent_at_ms }) {
  return step === 'contact' ? null : { step, contact, display_name, sign_up, creation, sent_at_ms };
}

/**
 * What was kept, if it can still be gone on with; else only the contact, which need not be typed again.
 * @param {any} kept @param {number} now_ms @returns {Partial<WelcomeState> | undefined}
 */
export function resumed(kept, now_ms) {
  if (kept === null || typeof kept !== 'object') return undefined;
  const { step, contact, display_name, sign_up, creation, sent_at_ms } = kept;
  if (typeof contact !== 'string' || typeof display_name !== 'string') return undefined;
  // A clock that was set right meanwhile may have gone back.
  const age_ms = Math.abs(now_ms - sent_at_ms);
  const goes_on = (step === 'prove' || (step === 'finish' && creation)) && typeof sign_up === 'string'
    && age_ms < CODE_LIFE_MS;
  return goes_on
    ? { step, contact, display_name, sign_up, creation, sent_at_ms, now_ms, known: false }
    : { contact, known: false };
}

/**
 * What a page begins with: what its own tab has kept, else what another one has begun in this browser and can still be gone on
 * with. A contact alone is nobody's business but that of the tab it was typed in.
 * @param {any} of_tab @param {any} of_browser @param {number} now_ms @returns {Partial<WelcomeState> | undefined}
 */
export function takenUp(of_tab, of_browser, now_ms) {
  const elsewhere = resumed(of_browser, now_ms);
  return resumed(of_tab, now_ms) ?? (elsewhere?.step === undefined ? undefined : elsewhere);
}

/** Contact as typed: full-width characters become plain ones, separators of phone numbers go. @param {string} text */
function plainContact(text) {
  const plain = folded(text);
  return plain.includes('@') ? plain : plain.replace(/[\s().\p{Pd}ー−]/gu, '');
}

/** @param {string} plain */
const looksLikeContact = (plain) => /^\+?\d{9,15}$/.test(plain) || /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(plain);

/** @type {WelcomeEffect[]} */
const OFFER = [{ do: 'offer' }, after('offer', RENEW_OFFER_MS, { is: 'offer' })];

/** @type {WelcomeEffect} */
const TICK = after('clock', 1_000, { is: 'tick' });

/**
 * @param {WelcomeState} state @param {'contact' | 'code' | 'name'} wrong @param {string} key
 * @returns {Step<WelcomeState, WelcomeEffect>}
 */
const complain = (state, wrong, key) => [{ ...state, wrong, problem: { key } }, { do: 'focus', on: wrong }];

/** @param {WelcomeState} state @returns {WelcomeState} */
const fresh = (state) => ({ ...state, wrong: null, problem: null, checks: 0 });

/** @param {WelcomeState} state @param {WelcomeState['busy']} busy @returns {WelcomeState} */
const busyWith = (state, busy) => ({ ...fresh(state), busy });

/** @type {Handlers<WelcomeState, WelcomeEvent, WelcomeEffect>} */
const on = {
  /** What was wrong is being mended: the complaint goes with the first letter. */
  typed: (state, { field, text }) => [
    { ...(state.wrong === (field === 'display_name' ? 'name' : field) ? fresh(state) : state), [field]: text }],
  start(state) {
    if (state.busy) return [state];
    const contact = plainContact(state.contact);
    if (contact === '') return complain(state, 'contact', 'contact_missing');
    if (!looksLikeContact(contact)) return complain(state, 'contact', 'contact_wrong');
    return [busyWith(state, 'start'), { do: 'start', contact }];
  },
  /** There is a crowd at the door: the page works for a moment, and asks again by itself. */
  proof_wanted: (state, { contact, challenge, bits, error }) => (state.checks >= CHECKS_MAX
    ? [{ ...fresh(state), problem: { error }, busy: null }]
    : [{ ...state, checks: state.checks + 1 }, { do: 'start', contact, challenge, bits }]),
  started: (state, { contact, sign_up, now_ms }) => [
    {
      ...fresh(state), step: 'prove', contact, sign_up, code: '', creation: null, busy: null,
      sent_at_ms: now_ms, now_ms, resent: state.step === 'prove',
    },
    { do: 'end_offer' }, cancel('offer'), { do: 'focus', on: 'code' }, TICK],
  resend: (state) => (state.busy || resendSeconds(state) > 0 ? [state]
    : [busyWith(state, 'start'), { do: 'start', contact: state.contact }]),
  tick: (state) => [state, { do: 'read_clock' }],
  time(state, { now_ms }) {
    const next = { ...state, now_ms };
    return resendSeconds(next) > 0 && next.step === 'prove' ? [next, TICK] : [next];
  },
  prove(state) {
    if (state.busy) return [state];
    const code = folded(state.code).replace(/[\s\p{Pd}ー−]/gu, '');
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
  newcomer: (state) => [{ ...fresh(state), known: false }, { do: 'focus', on: 'contact' }],
  offer: (state) => (state.step === 'contact' ? [state, ...OFFER] : [state]),
  failed(state, { error, refused, wrong = null }) {
    /** @type {WelcomeState} */
    const next = { ...fresh(state), wrong, problem: { error }, busy: null };
    // The ceremony took the place of the offer.
    if (state.busy === 'sign_in') return [next, ...OFFER];
    if (state.step !== 'finish' || !refused) return wrong === null ? [next] : [next, { do: 'focus', on: wrong }];
    return [{ ...next, step: 'contact', creation: null }, ...OFFER];
  },
  offer_failed: (state, { error }) => [{ ...state, problem: { error } }],
};

export const updateWelcome = byEvent(on);

/**
 * `left` is a half-done sign-up, taken over a change of language or a new loading of the page.
 * @param {string} sentence @param {Partial<WelcomeState> | undefined} left @param {boolean} known @returns {Step<WelcomeState, WelcomeEffect>}
 */
export function beginWelcome(sentence, left, known) {
  /** @type {WelcomeState} */
  const state = {
    step: 'contact', known, contact: '', code: '', display_name: '', sign_up: '', creation: null,
    sent_at_ms: 0, now_ms: 0, resent: false, ...left, checks: 0, wrong: null, busy: null, problem: sentence === '' ? null : { sentence },
  };
  return state.step === 'contact' ? [state, ...OFFER] : [state, { do: 'read_clock' }];
}
