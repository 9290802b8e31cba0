// Answers that are read again, stores that stand open, sheets in which something is done.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginAnswer, updateAnswer } from '../console/console-answer-state.js';
import { beginCustomers, updateCustomers } from '../console/console-customers-state.js';
import { beginMerchant, updateMerchant } from '../console/console-merchant-state.js';
import { beginSheet, beginSheetWith, updateSheet } from '../console/console-sheet-state.js';
import { mergeToday } from '../console/console-today-state.js';
import { play, those } from './play.mjs';

const PACE = { good_ms: 1_000, bad_ms: 5_000 };
const answer = (pace = PACE, in_hand = true) => play(beginAnswer('first', pace, in_hand), updateAnswer(pace));
const waits = (effects) => those(effects, 'after').map((effect) => effect.ms);

test('an answer is read again at its pace, more patiently when there was none, and the last one stays', () => {
  const one = answer();
  assert.deepEqual(waits(one.begun), [1_000]);
  assert.deepEqual(one.send({ is: 'due' }), [{ do: 'read', name: 'read' }]);
  assert.deepEqual(waits(one.send({ is: 'answered', answer: 'second' })), [1_000]);
  const error = new Error('silence');
  assert.deepEqual(waits(one.send({ is: 'failed', error })), [5_000]);
  assert.deepEqual(one.state, { answer: 'second', problem: error });
  one.send({ is: 'unseen' });
  assert.equal(one.state.problem, error, 'a hidden page learns nothing');
  one.send({ is: 'answered', answer: 'third' });
  assert.equal(one.state.problem, null);
});

test('an answer without a pace is read when it is asked for; one that is not in hand at once', () => {
  const never = { good_ms: null, bad_ms: null };
  assert.deepEqual(answer(never).begun, []);
  assert.deepEqual(answer(never).send({ is: 'answered', answer: 'second' }), []);
  assert.deepEqual(answer(PACE, false).begun, [{ do: 'read', name: 'read' }]);
});

const MERCHANT = { merchant_id: 3, name: 'そら書房', api_keys: [], stores: [{ store_id: 7, name: '駅前店', tills: 0 }] };

test('a store that stands open is read with every reading of its merchant, and keeps its tills meanwhile', () => {
  const one = play(beginMerchant(MERCHANT), updateMerchant);
  assert.deepEqual(those(one.send({ is: 'open', store_id: 7 }), 'read_store').map((effect) => effect.store_id), [7]);
  assert.deepEqual(one.send({ is: 'open', store_id: 7 }), [], 'the browser tells it twice');
  one.send({ is: 'store_read', store: { store_id: 7, tills: [{ till_id: 1 }] } });
  assert.equal(those(one.send({ is: 'read', merchant: MERCHANT }), 'read_store').length, 1);
  assert.equal(one.state.open.get(7).store.tills.length, 1);
  one.send({ is: 'close', store_id: 7 });
  assert.deepEqual(one.send({ is: 'read', merchant: MERCHANT }), []);
  one.send({ is: 'store_read', store: { store_id: 7, tills: [] } });
  assert.equal(one.state.open.size, 0, 'an answer that comes late opens nothing');
});

test('a search begins when the typing rests', () => {
  const one = play(beginMerchant(MERCHANT), updateMerchant);
  const [rest] = one.send({ is: 'typed', query: '駅' });
  assert.equal(rest.name, 'search');
  assert.deepEqual(one.send(rest.event), [{ do: 'read', name: 'read', merchant_id: 3, query: '駅' }]);
});

test('a sheet does its work once, and closes or shows what is to be kept', () => {
  const one = play(beginSheet, updateSheet);
  assert.deepEqual(one.sendAll({ is: 'typed', text: ' 駅前店 ' }, { is: 'go' }), [{ do: 'run', text: '駅前店', fields: {} }]);
  assert.deepEqual(one.send({ is: 'go' }), []);
  one.send({ is: 'failed', error: new Error('taken') });
  assert.equal(one.state.text, ' 駅前店 ', 'what was typed stays to be mended');
  one.send({ is: 'go' });
  assert.deepEqual(one.send({ is: 'done', result: null }), [{ do: 'close' }]);
  assert.deepEqual(one.send({ is: 'done', result: ['a secret'] }), [{ do: 'focus' }]);
});

test('what is shown this once does not go without being asked about', () => {
  const one = play(beginSheetWith({}, true), updateSheet);
  assert.deepEqual(one.send({ is: 'leave' }), [{ do: 'close' }], 'nothing is there yet');
  one.send({ is: 'go' });
  assert.deepEqual(one.send({ is: 'leave' }), [], 'it is being made');
  one.send({ is: 'done', result: ['a secret'] });
  assert.deepEqual(one.send({ is: 'leave' }), []);
  assert.equal(one.state.asking, true);
  assert.deepEqual(one.send({ is: 'kept' }), [{ do: 'close' }]);
});

test('a sheet with several fields begins with what is known and keeps what is changed', () => {
  const one = play(beginSheetWith({ prefecture: '13', town: '', kind: '' }), updateSheet);
  const [run] = one.sendAll({ is: 'field', name: 'town', value: '千代田区' }, { is: 'go' });
  assert.deepEqual(run.fields, { prefecture: '13', town: '千代田区', kind: '' });
});

test('a search for a customer forgets the one before', () => {
  const one = play(beginCustomers(), updateCustomers);
  one.send({ is: 'found', wallet: { wallet_id: '1' } });
  const looked = one.sendAll({ is: 'typed', text: ' ２ ' }, { is: 'find' });
  assert.deepEqual(looked, [{ do: 'look', name: 'look', id: '2' }]);
  assert.equal(one.state.wallet, null);
  one.send({ is: 'not_found' });
  assert.equal(one.state.problem, 'not_found');
});

test('another language keeps the customer that was found, and the history that was opened for a reason', () => {
  const one = play(beginCustomers(), updateCustomers);
  one.send({ is: 'found', wallet: { wallet_id: '1' } });
  one.send({ is: 'history_read', page: { entries: [{ id: '9' }], next: '9' }, reason: '問い合わせ', more: false });
  one.send({ is: 'note_typed', text: '書きかけ' });
  const other = play(beginCustomers(one.state), updateCustomers);
  assert.deepEqual(other.begun, [{ do: 'read_notes', name: 'notes', id: '1' }]);
  const { wallet, entries, next, opened_for, note } = other.state;
  assert.deepEqual([wallet.wallet_id, entries.length, next, opened_for, note], ['1', 1, '9', '問い合わせ', '書きかけ']);
});

test('a console takes what changed into what it has, and counts a second again that was not over', () => {
  const second = (at_ms, count) => ({ at_ms, count, amount: 100 * count });
  const known = { now_ms: 400_000, version: 'a', wallets: 5, owed_to_customers: 1, payments_per_second: [second(99_000, 1), second(400_000, 2)] };
  const more = mergeToday(known, { now_ms: 401_000, version: 'b', owed_to_customers: 9, payments_per_second: [second(400_000, 3), second(401_000, 1)] }, 1_005);
  assert.deepEqual(more, { now_ms: 401_000, version: 'b', wallets: 5, owed_to_customers: 9, payments_per_second: [second(400_000, 3), second(401_000, 1)] });
  const same = mergeToday(more, {}, 1_000);
  assert.deepEqual(same, { ...more, now_ms: 402_000 }, 'the clock goes on where nothing came');
});

test('a sheet that renames begins with the name that stands there', () => {
  const one = play(beginSheetWith({}, false, '駅前店'), updateSheet);
  assert.deepEqual(one.send({ is: 'go' }), [{ do: 'run', text: '駅前店', fields: {} }]);
});
