// Signing up: contact, six digits and a name, passkey. Signing in: one press, or the autofill list.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginWelcome, updateWelcome } from '../wallet/wallet-welcome-state.js';
import { play, those } from './play.mjs';

const welcome = (sentence = '', left = undefined) => play(beginWelcome(sentence, left), updateWelcome);
const typed = (field, text) => ({ is: 'typed', field, text });

/** Somebody who has sent a contact and waits for the number. */
function proving() {
  const one = welcome();
  one.sendAll(typed('contact', '０９０-1234 5678'), { is: 'start' });
  one.send({ is: 'started', contact: '09012345678', sign_up: 's' });
  return one;
}

test('a passkey is offered in the autofill list from the beginning, and only there', () => {
  const one = welcome();
  assert.deepEqual(one.begun.map((effect) => effect.do), ['offer', 'after']);
  assert.equal(those(one.send({ is: 'offer' }), 'offer').length, 1);
  assert.deepEqual(proving().send({ is: 'offer' }), []);
});

test('a contact is taken as people type it', () => {
  for (const [text, contact] of [['０９０-1234 5678', '09012345678'], [' a@example.com ', 'a@example.com']]) {
    const one = welcome();
    assert.deepEqual(one.sendAll(typed('contact', text), { is: 'start' }), [{ do: 'start', contact }]);
  }
});

test('what is no contact, no number, no name is told at its field', () => {
  const one = welcome();
  assert.deepEqual(one.send({ is: 'start' }), [{ do: 'focus', on: 'contact' }]);
  assert.deepEqual(one.state.problem, { key: 'contact_missing' });
  one.sendAll(typed('contact', 'abc'), { is: 'start' });
  assert.deepEqual(one.state.problem, { key: 'contact_wrong' });
  const two = proving();
  assert.deepEqual(two.sendAll(typed('code', '12345'), { is: 'prove' }), [{ do: 'focus', on: 'code' }]);
  assert.deepEqual(two.sendAll(typed('code', '123 456'), { is: 'prove' }), [{ do: 'focus', on: 'name' }]);
  assert.equal(two.state.wrong, 'name');
});

test('the number counts once: from then on only the passkey is missing, and it may be tried again', () => {
  const one = proving();
  const asked = one.sendAll(typed('code', '１２３-456'), typed('display_name', ' Aoi '), { is: 'prove' });
  assert.deepEqual(asked, [{ do: 'prove', sign_up: 's', code: '123456', display_name: 'Aoi' }]);
  const proved = one.send({ is: 'proved', creation: 'c', display_name: 'Aoi' });
  assert.deepEqual(those(proved, 'make_passkey'), [{ do: 'make_passkey', sign_up: 's', creation: 'c' }]);
  one.send({ is: 'failed', error: new Error('cancelled'), refused: false });
  assert.equal(one.state.step, 'finish');
  assert.equal(those(one.send({ is: 'make_passkey' }), 'make_passkey').length, 1);
  one.send({ is: 'failed', error: new Error('too late'), refused: true });
  assert.equal(one.state.step, 'contact', 'the server has forgotten this sign-up');
});

test('a sign-in that did not end well leaves the offer in the autofill list as it was', () => {
  const one = welcome();
  assert.deepEqual(one.send({ is: 'sign_in' }), [{ do: 'sign_in' }]);
  assert.deepEqual(one.send({ is: 'sign_in' }), [], 'a second press while it is asked');
  const effects = one.send({ is: 'failed', error: new Error('cancelled'), refused: false });
  assert.equal(those(effects, 'offer').length, 1);
});

test('a change of language keeps a half-done sign-up', () => {
  const one = proving();
  one.send(typed('display_name', 'Aoi'));
  const other = welcome('', one.state);
  assert.equal(other.state.step, 'prove');
  assert.equal(other.state.display_name, 'Aoi');
  assert.deepEqual(other.begun, []);
});
