// Which amounts can be topped up, that a wish is sent under one key, and what is said to those who come back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginChoice, beginReturn, offered, updateChoice, updateReturn } from '../wallet/wallet-top-up-state.js';
import { play, those } from './play.mjs';

const HOME = { balance: 95_000, balance_cap: 100_000, card_top_up: { min: 500, max: 30_000 } };
const choice = (home = HOME) => play(beginChoice(home), updateChoice);
const key = (effects) => those(effects, 'begin_top_up')[0]?.key;

test('why an amount cannot be topped up', () => {
  for (const [text, problem] of [
    ['12a', { key: 'top_up_not_number' }],
    ['499', { key: 'top_up_too_small', amounts: { min: 500 } }],
    ['30001', { key: 'top_up_too_big', amounts: { max: 30_000 } }],
    ['5001', { key: 'top_up_over_cap', amounts: { room: 5_000 } }],
    ['５,０００円', null],
    ['', null],
  ]) {
    const one = choice();
    one.send({ is: 'typed', text });
    assert.equal(one.state.problem, null, `${text}: nobody is told off in the middle of a number`);
    one.send({ is: 'left' });
    assert.deepEqual(one.state.problem, problem, text);
  }
  const full = choice({ ...HOME, balance: 99_900 });
  full.sendAll({ is: 'typed', text: '500' }, { is: 'left' });
  assert.deepEqual(full.state.problem, { key: 'top_up_full' });
});

test('one press chooses one of four amounts, and none that would be refused', () => {
  const card_top_up = { min: 500, max: 30_000 };
  for (const [balance, amounts, full] of [
    [0, [1_000, 3_000, 5_000, 10_000], null],
    [90_000, [1_000, 3_000, 5_000, 10_000], null],
    [94_940, [1_000, 3_000, 5_000], 5_060],
    [95_000, [1_000, 3_000, 5_000], null],
    [99_400, [], 600],
    [99_900, [], null],
  ]) assert.deepEqual(offered({ balance, balance_cap: 100_000, card_top_up }), { amounts, full }, String(balance));
});

test('a complaint about an amount goes when it is mended', () => {
  const one = choice();
  one.sendAll({ is: 'typed', text: '5' }, { is: 'left' });
  assert.deepEqual(one.state.problem, { key: 'top_up_too_small', amounts: { min: 500 } });
  one.send({ is: 'typed', text: '50' });
  assert.equal(one.state.problem, null);
});

test('a form that is sent without a good amount says so and asks nothing', () => {
  const one = choice();
  assert.deepEqual(one.send({ is: 'submit', new_key: 'a' }), [{ do: 'focus' }]);
  assert.deepEqual(one.state.problem, { key: 'top_up_choose' });
});

test('one wish, one key: pressed again after silence it is the same, after a refusal or with another amount it is not', () => {
  const one = choice();
  one.send({ is: 'chip', amount: 3_000, text: '3,000' });
  assert.equal(key(one.send({ is: 'submit', new_key: 'a' })), 'a');
  assert.deepEqual(one.send({ is: 'submit', new_key: 'b' }), [], 'a second press while it is asked');
  one.send({ is: 'failed', error: new Error(), refused: false });
  assert.equal(key(one.send({ is: 'submit', new_key: 'c' })), 'a');
  one.send({ is: 'failed', error: new Error(), refused: true });
  assert.equal(key(one.send({ is: 'submit', new_key: 'd' })), 'd');
  one.sendAll({ is: 'failed', error: new Error(), refused: false }, { is: 'chip', amount: 1_000, text: '1,000' });
  assert.equal(key(one.send({ is: 'submit', new_key: 'e' })), 'e');
});

test('the button stays busy while the page leaves; a top-up that is settled already is shown instead', () => {
  const one = choice();
  one.sendAll({ is: 'chip', amount: 1_000, text: '1,000' }, { is: 'submit', new_key: 'a' });
  const left = one.send({ is: 'started', top_up_id: '7', redirect_url: 'https://card.example/7' });
  assert.equal(those(left, 'leave')[0].url, 'https://card.example/7');
  assert.equal(one.state.busy, true);
  one.send({ is: 'not_left' });
  assert.equal(one.state.busy, false);
  assert.deepEqual(one.send({ is: 'started', top_up_id: '7', redirect_url: null }), [{ do: 'show', top_up_id: '7' }]);
});

const settled = (state) => ({ is: 'settled', top_up: { top_up_id: '7', state, amount: 5_000 }, balance: 6_000 });

test('coming back proves nothing: it is asked until the state is final', () => {
  const one = play(beginReturn, updateReturn(false));
  assert.deepEqual(one.begun, [{ do: 'ask', name: 'ask' }]);
  assert.equal(those(one.send({ is: 'pending', waited_ms: 1_000 }), 'after')[0].ms, 1_000);
  assert.equal(one.state.offer_home, false);
  assert.equal(those(one.send({ is: 'pending', waited_ms: 21_000 }), 'after')[0].ms, 4_000);
  assert.deepEqual(one.state, { is: 'waiting', words: { key: 'top_up_waiting_long' }, offer_home: true });
  const error = new Error('silence');
  assert.equal(those(one.send({ is: 'no_answer', error, waited_ms: 22_000 }), 'after')[0].ms, 3_000);
  assert.deepEqual(one.state.words, { error });
  one.send(settled('succeeded'));
  assert.deepEqual(one.state, { is: 'over', end: 'succeeded', amount: 5_000, balance: 6_000 });
});

test('who chose not to pay hears just that, unless it was paid all the same', () => {
  for (const [state, left, end] of [
    ['failed', true, 'left'], ['expired', true, 'left'], ['succeeded', true, 'succeeded'], ['failed', false, 'failed'],
    ['something new', false, 'unknown'],
  ]) {
    const one = play(beginReturn, updateReturn(left));
    one.send(settled(state));
    assert.equal(one.state.end, end, `${state} ${left}`);
  }
});

test('a refusal ends the asking; being signed out is told elsewhere', () => {
  const one = play(beginReturn, updateReturn(false));
  assert.deepEqual(one.send({ is: 'refused', status: 401 }), []);
  assert.equal(one.state.is, 'waiting');
  one.send({ is: 'refused', status: 404 });
  assert.equal(one.state.end, 'unknown');
});
