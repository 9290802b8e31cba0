// How the owner of the wallet is reached: the list, one contact more, and what asks for the passkey.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginContacts, confirmed, hasRoom, removed, updateContacts } from '../wallet/wallet-contacts-state.js';
import { play, those } from './play.mjs';

const PHONE = { contact_id: 'p', kind: 'phone', contact: '+819012345678', preferred: true, since_ms: 1, removed_at_ms: null };
const MAIL = { ...PHONE, contact_id: 'm', kind: 'mail', contact: 'sora@example.jp', preferred: false };
const typed = (field, text) => ({ is: 'typed', field, text });
const CHALLENGE = { step_up: 's', request: 'r' };

/** Sora looks at her contacts. */
function page(...contacts) {
  const one = play(beginContacts, updateContacts);
  one.send({ is: 'read', contacts, contacts_max: 5 });
  return one;
}

test('the list is read when the page is opened; the preferred contact stands first', () => {
  assert.deepEqual(play(beginContacts, updateContacts).begun, [{ do: 'read', name: 'read' }]);
  const one = page({ ...PHONE, preferred: false }, { ...MAIL, preferred: true });
  assert.deepEqual(confirmed(one.state).map((contact) => contact.contact_id), ['m', 'p']);
});

test('what was removed stands apart, and keeps its place', () => {
  const one = page(PHONE, { ...MAIL, removed_at_ms: 5 });
  assert.deepEqual(confirmed(one.state).map((contact) => contact.contact_id), ['p']);
  assert.deepEqual(removed(one.state).map((contact) => contact.contact_id), ['m']);
  assert.equal(hasRoom(one.state), true);
  assert.equal(hasRoom(page(PHONE, MAIL, MAIL, MAIL, { ...MAIL, removed_at_ms: 5 }).state), false);
});

test('a contact more: as people type it, six digits, and then only the passkey is missing', () => {
  const one = page(PHONE);
  assert.deepEqual(one.send({ is: 'add' }), [{ do: 'focus', on: 'contact' }]);
  assert.deepEqual(one.sendAll(typed('contact', '０８０-1234 5678'), { is: 'start' }), [{ do: 'start', contact: '08012345678' }]);
  assert.deepEqual(one.send({ is: 'start' }), [], 'one press is enough');
  one.send({ is: 'started', contact: '08012345678', addition: 'a' });
  assert.deepEqual(one.sendAll(typed('code', '１２３ 456'), { is: 'prove' }), [{ do: 'prove', addition: 'a', code: '123456' }]);
  const proved = one.send({ is: 'proved', challenge: CHALLENGE });
  assert.deepEqual(proved, [{ do: 'finish', contact: '08012345678', challenge: CHALLENGE }]);
  one.send({ is: 'failed', error: new Error('the owner pressed cancel') });
  assert.equal(one.state.step, 'passkey', 'the digits were right: no new code is needed');
  assert.deepEqual(one.send({ is: 'show_passkey' }), [{ do: 'finish', contact: '08012345678', challenge: CHALLENGE }]);
  const added = one.send({ is: 'added' });
  assert.equal(one.state.step, 'none');
  assert.deepEqual(added.map((effect) => effect.do), ['read', 'tell', 'focus']);
});

test('what is no contact and no number is told at its field, and mended by typing', () => {
  const one = page(PHONE);
  one.send({ is: 'add' });
  assert.deepEqual(one.send({ is: 'start' }), [{ do: 'focus', on: 'contact' }]);
  assert.deepEqual(one.state.problem, { key: 'contact_missing' });
  one.sendAll(typed('contact', 'abc'), { is: 'start' });
  assert.deepEqual(one.state.problem, { key: 'contact_wrong' });
  one.send(typed('contact', 'abc@'));
  assert.equal(one.state.problem, null);
  one.send({ is: 'started', contact: 'a@b.jp', addition: 'a' });
  assert.deepEqual(one.sendAll(typed('code', '12345'), { is: 'prove' }), [{ do: 'focus', on: 'code' }]);
  one.sendAll(typed('code', '123456'), { is: 'prove' });
  assert.deepEqual(one.send({ is: 'failed', error: new Error('wrong'), wrong: 'code' }), [{ do: 'focus', on: 'code' }]);
  assert.equal(one.state.step, 'code');
});

test('a challenge that the server has taken and refused is not shown again', () => {
  const one = page(PHONE);
  one.sendAll({ is: 'add' }, { is: 'started', contact: 'a@b.jp', addition: 'a' }, { is: 'proved', challenge: CHALLENGE });
  one.send({ is: 'gone', error: new Error('refused') });
  assert.deepEqual([one.state.step, one.state.contact, one.state.challenge], ['contact', 'a@b.jp', null]);
  assert.deepEqual(one.send({ is: 'show_passkey' }), []);
});

test('a removal is asked about first, and nothing else happens meanwhile', () => {
  const one = page(PHONE, MAIL);
  assert.deepEqual(one.send({ is: 'ask_removal', contact_id: 'p' }), [{ do: 'focus', on: 'question' }]);
  one.send({ is: 'keep' });
  assert.equal(one.state.removing, null);
  one.send({ is: 'ask_removal', contact_id: 'p' });
  const asked = one.send({ is: 'change', change: 'remove', contact_id: 'p' });
  assert.deepEqual(asked, [{ do: 'change', change: 'remove', contact_id: 'p' }]);
  assert.deepEqual(one.send({ is: 'change', change: 'prefer', contact_id: 'm' }), []);
  const changed = one.send({ is: 'changed', change: 'remove' });
  assert.deepEqual(those(changed, 'tell'), [{ do: 'tell', key: 'contact_told_remove' }]);
  assert.equal(one.state.removing, null);
});

test('what did not come is asked for again', () => {
  const one = play(beginContacts, updateContacts);
  one.send({ is: 'failed', error: new Error('no network') });
  assert.notEqual(one.state.problem, null);
  assert.deepEqual(one.send({ is: 'again' }), [{ do: 'read', name: 'read' }]);
  assert.equal(one.state.problem, null);
});
