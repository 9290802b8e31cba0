// How the owner of the wallet is reached: the list, and one more contact (address -> six digits -> passkey). No page, no clock.

import { folded } from '/assets/i18n.js';
import { byEvent } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */
/** @import { OwnContact } from '../types/answers.js' */

/** @typedef {'prefer' | 'remove' | 'put-back'} ContactChange */

/**
 * What is shown below the list: nothing, the two steps of one more contact, the passkey that it waits for.
 * @typedef {'none' | 'contact' | 'code' | 'passkey'} Adding
 */

/**
 * @typedef {object} ContactsState
 * @property {OwnContact[] | null} contacts null until the server has answered
 * @property {number} contacts_max
 * @property {Adding} step
 * @property {string | null} removing the contact whose removal is asked about
 * @property {string} contact as typed; plain from the second step on
 * @property {string} code
 * @property {string} addition the server's word for this contact on its way
 * @property {{ step_up: string, request: unknown } | null} challenge what the passkey is to answer
 * @property {'contact' | 'code' | null} wrong the field that the problem is about
 * @property {{ key: string } | { error: unknown } | null} problem
 * @property {string | null} busy what is being waited for: a step, or the change of a contact
 */

/**
 * @typedef {{ is: 'read', contacts: OwnContact[], contacts_max: number } | { is: 'failed', error: unknown, wrong?: ContactsState['wrong'] }
 *   | { is: 'again' } | { is: 'add' } | { is: 'give_up' } | { is: 'typed', field: 'contact' | 'code', text: string }
 *   | { is: 'start' } | { is: 'started', contact: string, addition: string } | { is: 'prove' }
 *   | { is: 'proved', challenge: { step_up: string, request: unknown } } | { is: 'show_passkey' } | { is: 'added' }
 *   | { is: 'gone', error: unknown } | { is: 'ask_removal', contact_id: string } | { is: 'keep' }
 *   | { is: 'change', change: ContactChange, contact_id: string } | { is: 'changed', change: ContactChange }} ContactsEvent
 */

/**
 * @typedef {{ do: 'read', name: 'read' } | { do: 'start', contact: string } | { do: 'prove', addition: string, code: string }
 *   | { do: 'finish', contact: string, challenge: { step_up: string, request: unknown } }
 *   | { do: 'change', change: ContactChange, contact_id: string } | { do: 'tell', key: string }
 *   | { do: 'focus', on: 'contact' | 'code' | 'heading' | 'add' | 'question' } | After<ContactsEvent> | Cancel} ContactsEffect
 */

/** Those that count, the preferred one first. @param {ContactsState} state */
export const confirmed = ({ contacts }) => (contacts ?? [])
  .filter((one) => one.removed_at_ms === null)
  .sort((one, other) => Number(other.preferred) - Number(one.preferred));

/** Those that can still be put back. @param {ContactsState} state */
export const removed = ({ contacts }) => (contacts ?? []).filter((one) => one.removed_at_ms !== null);

/** Removed ones keep their place for as long as they can come back. @param {ContactsState} state */
export const hasRoom = ({ contacts, contacts_max }) => contacts !== null && contacts.length < contacts_max;

/** Contact as typed: full-width characters become plain ones, separators of phone numbers go. @param {string} text */
function plainContact(text) {
  const plain = folded(text);
  return plain.includes('@') ? plain : plain.replace(/[\s().\p{Pd}ー−]/gu, '');
}

/** @param {string} plain */
const looksLikeContact = (plain) => /^\+?\d{9,15}$/.test(plain) || /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(plain);

/** @param {ContactsState} state @returns {ContactsState} */
const fresh = (state) => ({ ...state, wrong: null, problem: null });

/** @param {ContactsState} state @returns {ContactsState} */
const closed = (state) => ({
  ...fresh(state), step: 'none', removing: null, contact: '', code: '', addition: '', challenge: null, busy: null,
});

/** @param {ContactsState} state @param {string} busy @returns {ContactsState} */
const busyWith = (state, busy) => ({ ...fresh(state), busy });

/**
 * @param {ContactsState} state @param {'contact' | 'code'} wrong @param {string} key
 * @returns {Step<ContactsState, ContactsEffect>}
 */
const complain = (state, wrong, key) => [{ ...fresh(state), wrong, problem: { key } }, { do: 'focus', on: wrong }];

/** @type {ContactsEffect} */
const READ = { do: 'read', name: 'read' };

/** @type {Handlers<ContactsState, ContactsEvent, ContactsEffect>} */
const on = {
  read: (state, { contacts, contacts_max }) => [{ ...state, contacts, contacts_max }],
  failed: (state, { error, wrong = null }) => {
    /** @type {ContactsState} */
    const next = { ...fresh(state), wrong, problem: { error }, busy: null };
    return wrong === null ? [next] : [next, { do: 'focus', on: wrong }];
  },
  again: (state) => [fresh(state), READ],
  add: (state) => [{ ...closed(state), step: 'contact' }, { do: 'focus', on: 'contact' }],
  give_up: (state) => [closed(state), { do: 'focus', on: 'add' }],
  /** What was wrong is being mended: the complaint goes with the first letter. */
  typed: (state, { field, text }) => [{ ...(state.wrong === field ? fresh(state) : state), [field]: text }],
  start(state) {
    if (state.busy) return [state];
    const contact = plainContact(state.contact);
    if (contact === '') return complain(state, 'contact', 'contact_missing');
    if (!looksLikeContact(contact)) return complain(state, 'contact', 'contact_wrong');
    return [busyWith(state, 'start'), { do: 'start', contact }];
  },
  started: (state, { contact, addition }) => [
    { ...fresh(state), step: 'code', contact, addition, code: '', busy: null }, { do: 'focus', on: 'code' }],
  prove(state) {
    if (state.busy) return [state];
    const code = folded(state.code).replace(/[\s\p{Pd}ー−]/gu, '');
    if (!/^\d{6}$/.test(code)) return complain(state, 'code', 'code_wrong');
    return [busyWith(state, 'prove'), { do: 'prove', addition: state.addition, code }];
  },
  /** The digits count once. From here on only the passkey is missing, and it may be tried again. */
  proved: (state, { challenge }) => [
    { ...busyWith(state, 'passkey'), step: 'passkey', challenge },
    { do: 'finish', contact: state.contact, challenge }],
  show_passkey: (state) => (state.busy || state.challenge === null ? [state]
    : [busyWith(state, 'passkey'), { do: 'finish', contact: state.contact, challenge: state.challenge }]),
  added: (state) => [closed(state), READ, { do: 'tell', key: 'contact_added' }, { do: 'focus', on: 'heading' }],
  /** The server has taken the challenge and said no: another code is needed. */
  gone: (state, { error }) => [{ ...closed(state), step: 'contact', contact: state.contact, problem: { error } }, READ],
  ask_removal: (state, { contact_id }) => [{ ...closed(state), removing: contact_id }, { do: 'focus', on: 'question' }],
  keep: (state) => [closed(state), { do: 'focus', on: 'heading' }],
  change: (state, { change, contact_id }) => (state.busy ? [state]
    : [busyWith(state, contact_id), { do: 'change', change, contact_id }]),
  changed: (state, { change }) => [
    closed(state), READ, { do: 'tell', key: `contact_told_${change.replace('-', '_')}` }, { do: 'focus', on: 'heading' }],
};

export const updateContacts = byEvent(on);

/** @type {Step<ContactsState, ContactsEffect>} */
export const beginContacts = [
  {
    contacts: null, contacts_max: 0, step: 'none', removing: null, contact: '', code: '', addition: '', challenge: null,
    wrong: null, problem: null, busy: null,
  }, READ];
