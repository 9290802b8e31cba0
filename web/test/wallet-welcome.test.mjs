// Signing up: contact, six digits and a name, passkey. Signing in: one press, or the autofill list.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginWelcome, resendSeconds, resumed, takenUp, toKeep, updateWelcome } from '../wallet/wallet-welcome-state.js';
import { play, those } from './play.mjs';

const welcome = (sentence = '', left = undefined, known = false) => play(beginWelcome(sentence, left, known), updateWelcome);
const typed = (field, text) => ({ is: 'typed', field, text });

const NOW = 1_000_000;

/** Somebody who has sent a contact and waits for the number. */
function proving() {
  const one = welcome();
  one.sendAll(typed('contact', '０９０-1234 5678'), { is: 'start' });
  one.send({ is: 'started', contact: '09012345678', sign_up: 's', now_ms: NOW });
  return one;
}

test('a passkey is offered in the autofill list from the beginning, and only there', () => {
  const one = welcome();
  assert.deepEqual(one.begun.map((effect) => effect.do), ['offer', 'after']);
  assert.equal(those(one.send({ is: 'offer' }), 'offer').length, 1);
  assert.deepEqual(proving().send({ is: 'offer' }), []);
});

test('a contact is taken as people type it', () => {
  for (const [text, contact] of [['０９０-1234 5678', '09012345678'], [' a@example.com ', 'a@example.com'],
    ['\u202a090\u20111234\u20115678\u202c', '09012345678'], ['090\u00a01234\u200b5678\ufe0f', '09012345678'], ['\u2068a@example.com\u2069', 'a@example.com']]) {
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
  for (const code of ['123 456', '\u2068123\u2011456\u2069', '１２３\u200b４５６\ufe0f']) {
    assert.deepEqual(two.sendAll(typed('code', code), { is: 'prove' }), [{ do: 'focus', on: 'name' }], code);
  }
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
  assert.deepEqual(those(other.begun, 'offer'), []);
});

test('a page that was lost on the way to the message goes on where its owner was', () => {
  const one = proving();
  one.sendAll(typed('display_name', 'Aoi'), typed('code', '123'));
  const kept = JSON.parse(JSON.stringify(toKeep(one.state)));
  assert.equal('code' in kept, false, 'the number is nobody else’s');
  const other = welcome('', resumed(kept, NOW + 60_000));
  assert.deepEqual([other.state.step, other.state.contact, other.state.display_name], ['prove', '09012345678', 'Aoi']);
  const [asked] = other.sendAll(typed('code', '123456'), { is: 'prove' });
  assert.equal(asked.sign_up, 's');
});

test('a proven number is not asked for again: only the passkey is missing', () => {
  const one = proving();
  one.sendAll(typed('code', '123456'), typed('display_name', 'Aoi'), { is: 'prove' });
  one.send({ is: 'proved', creation: { challenge: 'c' }, display_name: 'Aoi' });
  const other = welcome('', resumed(toKeep(one.state), NOW + 60_000));
  assert.equal(other.state.step, 'finish');
  assert.deepEqual(those(other.send({ is: 'make_passkey' }), 'make_passkey'), [
    { do: 'make_passkey', sign_up: 's', creation: { challenge: 'c' } }]);
});

test('ten minutes later only the contact is left; what makes no sense is nothing', () => {
  const kept = toKeep(proving().state);
  assert.deepEqual(resumed(kept, NOW + 10 * 60_000), { contact: '09012345678', known: false });
  for (const strange of [null, 'x', {}, { step: 'prove', contact: 7 }]) assert.equal(resumed(strange, NOW), undefined);
  assert.equal(toKeep(welcome().state), null);
});

test('another tab goes on with a sign-up as long as its number counts, and learns no contact after that', () => {
  const kept = toKeep(proving().state);
  assert.equal(takenUp(null, kept, NOW + 60_000).step, 'prove');
  assert.equal(takenUp(null, kept, NOW + 10 * 60_000), undefined);
  assert.deepEqual(takenUp({ ...kept, contact: 'own@example.com' }, kept, NOW).contact, 'own@example.com');
  assert.equal(takenUp(null, null, NOW), undefined);
});

test('who comes back is met with the passkey; who is new here asks for the form', () => {
  const one = welcome('', undefined, true);
  assert.equal(one.state.known, true);
  assert.deepEqual(one.send({ is: 'newcomer' }), [{ do: 'focus', on: 'contact' }]);
  assert.equal(one.state.known, false);
  assert.equal(welcome('', one.state, true).state.known, false, 'a change of language keeps the form');
  assert.equal(welcome('', resumed(toKeep(proving().state), NOW), true).state.step, 'prove');
});

test('a number can be sent again after half a minute, and the wait is counted', () => {
  const one = proving();
  assert.equal(resendSeconds(one.state), 30);
  assert.deepEqual(one.send({ is: 'resend' }), [], 'three messages an hour are soon used up');
  one.send({ is: 'time', now_ms: NOW + 12_400 });
  assert.equal(resendSeconds(one.state), 18);
  assert.deepEqual(one.send({ is: 'time', now_ms: NOW + 30_000 }), [], 'the clock is not looked at any more');
  assert.deepEqual(one.send({ is: 'resend' }), [{ do: 'start', contact: '09012345678' }]);
  one.send({ is: 'started', contact: '09012345678', sign_up: 't', now_ms: NOW + 31_000 });
  assert.equal(one.state.resent, true);
  assert.equal(one.state.sign_up, 't');
  assert.equal(resendSeconds(one.state), 30);
});

test('a number that the server refuses is marked at its field, and no longer when it is mended', () => {
  const one = proving();
  one.sendAll(typed('code', '123456'), typed('display_name', 'Aoi'), { is: 'prove' });
  const effects = one.send({ is: 'failed', error: new Error('wrong'), refused: true, wrong: 'code' });
  assert.deepEqual(effects, [{ do: 'focus', on: 'code' }]);
  assert.equal(one.state.wrong, 'code');
  one.send(typed('code', '12345'));
  assert.deepEqual([one.state.wrong, one.state.problem], [null, null]);
});

test('while there is a crowd the page works for a moment and asks again by itself, three times at most', () => {
  const one = welcome();
  one.sendAll(typed('contact', 'a@example.com'), { is: 'start' });
  const wanted = { is: 'proof_wanted', contact: 'a@example.com', challenge: 'c', bits: 17, error: new Error('proof_wanted') };
  for (let check = 1; check <= 3; check += 1) {
    assert.deepEqual(one.send(wanted), [{ do: 'start', contact: 'a@example.com', challenge: 'c', bits: 17 }]);
    assert.deepEqual([one.state.checks, one.state.busy, one.state.problem], [check, 'start', null]);
  }
  assert.deepEqual(one.send(wanted), []);
  assert.deepEqual([one.state.checks, one.state.busy, one.state.problem], [0, null, { error: wanted.error }]);
  assert.deepEqual(one.send({ is: 'start' }), [{ do: 'start', contact: 'a@example.com' }], 'and once more by hand');
  one.send(wanted);
  one.send({ is: 'started', contact: 'a@example.com', sign_up: 's', now_ms: NOW });
  assert.deepEqual([one.state.step, one.state.checks], ['prove', 0]);
});
