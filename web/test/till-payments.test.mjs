// The till's list of payments, and the sheet in which one is cancelled or refunded.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginList, beginSheet, updateList, updateSheet } from '../till/till-payments-state.js';
import { beginTill, updateTill } from '../till/till-state.js';
import { play, those } from './play.mjs';

const PAYMENT = { payment_id: '1', amount: 1_200, refunded: 200, status: 'part_refunded' };
const sheet = (payment = PAYMENT) => play(beginSheet(payment, String), updateSheet);
const key = (effects) => those(effects, 'refund')[0]?.key;

test('all that is left can be refunded, and of a cancelled payment nothing', () => {
  assert.equal(sheet().state.text, '1000');
  assert.equal(sheet({ ...PAYMENT, status: 'cancelled' }).state.refundable, 0);
});

test('an amount that is too large is told, and no more once it is mended', () => {
  const one = sheet();
  assert.deepEqual(one.sendAll({ is: 'typed', text: '1001' }, { is: 'refund', new_key: 'a' }), [{ do: 'focus', on: 'amount' }]);
  assert.equal(one.state.problem, 'wrong');
  one.send({ is: 'typed', text: '1002' });
  assert.equal(one.state.problem, 'wrong');
  one.send({ is: 'typed', text: '１,０００円' });
  assert.equal(one.state.problem, null);
});

test('one refund, one key: also after the cashier went back and came again', () => {
  const one = sheet();
  assert.equal(key(one.send({ is: 'refund', new_key: 'a' })), 'a');
  assert.deepEqual(one.send({ is: 'refund', new_key: 'b' }), [], 'a second press while it is asked');
  one.send({ is: 'failed', error: new Error('silence'), refusal: null });
  one.sendAll({ is: 'step', to: 'overview' }, { is: 'step', to: 'refund' });
  assert.equal(key(one.send({ is: 'refund', new_key: 'c' })), 'a');
  one.send({ is: 'failed', error: new Error('no'), refusal: 'busy' });
  assert.equal(key(one.send({ is: 'refund', new_key: 'd' })), 'd');
});

test('what needs a supervisor is asked for again with the PIN, under the same key', () => {
  const one = sheet();
  one.sendAll({ is: 'step', to: 'refund' }, { is: 'refund', new_key: 'a' });
  assert.deepEqual(one.send({ is: 'failed', error: new Error('no'), refusal: 'approval_needed' }), [{ do: 'focus', on: 'pin' }]);
  assert.equal(one.state.step, 'pin');
  assert.equal(one.state.problem, null, 'it is no fault of the cashier');
  one.sendAll({ is: 'pin', text: '12345' }, { is: 'approve' });
  assert.equal(one.state.problem, 'pin_form');
  one.send({ is: 'pin', text: '１２３４５６' });
  assert.deepEqual(one.send({ is: 'approve' }),
    [{ do: 'refund', payment: PAYMENT, amount: 1_000, key: 'a', reason: 'return', pin: '123456' }]);
  assert.deepEqual(one.send({ is: 'approve' }), [], 'a second press while it is asked');
  one.send({ is: 'failed', error: new Error('no'), refusal: 'pin_wrong' });
  assert.equal(one.state.pin, '', 'a wrong one is typed anew');
  one.send({ is: 'pin', text: '654321' });
  assert.equal(key(one.send({ is: 'approve' })), 'a');
});

test('a cancel that needs a supervisor goes on as a cancel, and the PIN is gone with the step', () => {
  const one = sheet({ ...PAYMENT, refunded: 0, status: 'paid' });
  one.sendAll({ is: 'step', to: 'void' }, { is: 'void' }, { is: 'failed', error: new Error('no'), refusal: 'approval_needed' },
    { is: 'pin', text: '123456' });
  assert.equal(those(one.send({ is: 'approve' }), 'void')[0].pin, '123456');
  one.sendAll({ is: 'failed', error: new Error('silence'), refusal: null }, { is: 'step', to: 'overview' });
  assert.equal(one.state.pin, '');
});

test('a cancel is asked once, and its end closes the sheet', () => {
  const one = sheet({ ...PAYMENT, refunded: 0, status: 'paid' });
  assert.equal(those(one.send({ is: 'void' }), 'void').length, 1);
  assert.deepEqual(one.send({ is: 'void' }), []);
  const words = { key: 'voided', amount: 1_200 };
  const payment = { ...PAYMENT, refunded: 0, status: 'cancelled' };
  assert.deepEqual(one.send({ is: 'done', words }), [{ do: 'finish', words, payment }]);
});

test('what was given back is told for a while, and the last good list stays when the next one does not come', () => {
  const one = play(beginList, updateList);
  one.send({ is: 'listed', payments: [PAYMENT] });
  const words = { key: 'refunded_now', amount: 200 };
  const payment = { ...PAYMENT, refunded: 400 };
  assert.deepEqual(one.send({ is: 'given_back', words, payment }).map((effect) => effect.do), ['announce', 'after']);
  assert.deepEqual(one.state.told, words);
  one.sendAll({ is: 'told_enough' }, { is: 'not_listed', error: new Error('silence') });
  assert.equal(one.state.told, null);
  assert.deepEqual(one.state.payments, [payment]);
});

test('what was given back is not offered again, also when the list was read a moment too early', () => {
  const [refund] = those(sheet().send({ is: 'done', words: { key: 'refunded_now', amount: 1_000 } }), 'finish');
  assert.deepEqual(refund.payment, { ...PAYMENT, refunded: 1_200, status: 'refunded' });
  const one = play(beginList, updateList);
  one.send({ is: 'listed', payments: [PAYMENT] });
  one.send({ is: 'given_back', ...refund });
  one.send({ is: 'listed', payments: [PAYMENT] });
  assert.deepEqual(one.state.payments, [refund.payment]);
  const [cancel] = those(sheet().send({ is: 'done', words: { key: 'voided', amount: 1_200 } }), 'finish');
  one.send({ is: 'listed', payments: [cancel.payment] });
  one.send({ is: 'listed', payments: [refund.payment] });
  assert.deepEqual(one.state.payments, [cancel.payment]);
});

test('what was just done is asked for now and once more, because the lists follow by a moment', () => {
  const one = play(beginTill({ till_id: '1' }), updateTill);
  const effects = one.send({ is: 'changed' });
  assert.deepEqual(effects.map((effect) => effect.do), ['read', 'after']);
  assert.deepEqual(one.send(effects[1].event), [{ do: 'read' }]);
});
