// The close of a day, and the receipt of a sale.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginDay, updateDay } from '../till/till-day-state.js';
import { beginSheet } from '../till/till-payments-state.js';
import { beginSale, updateSale } from '../till/till-sale-state.js';
import { play } from './play.mjs';

const EVENING = Date.UTC(2026, 10, 28, 14, 30);
const TAKINGS = { sales: { count: 2, amount: 800 }, refunds: { count: 0, amount: 0 }, voids: { count: 1, amount: 300 }, net: 500 };

test('the close begins with today, and says that the day is not over', () => {
  const one = play(beginDay(EVENING), updateDay);
  assert.deepEqual(one.begun, [{ do: 'read', name: 'read', day: '2026-11-28' }]);
  one.send({ is: 'read', day: '2026-11-28', takings: TAKINGS, at_ms: EVENING });
  assert.equal(one.state.close.is_over, false);
  one.send({ is: 'read', day: '2026-11-28', takings: TAKINGS, at_ms: EVENING + 30 * 60_000 });
  assert.equal(one.state.close.is_over, true, 'midnight in Japan');
});

test('another day is asked for, and until it is there nothing can be printed', () => {
  const one = play(beginDay(EVENING), updateDay);
  one.send({ is: 'read', day: '2026-11-28', takings: TAKINGS, at_ms: EVENING });
  assert.deepEqual(one.send({ is: 'chosen', day: '2026-11-27' }), [{ do: 'read', name: 'read', day: '2026-11-27' }]);
  assert.equal(one.state.close, null);
  assert.deepEqual(one.send({ is: 'chosen', day: '' }), [{ do: 'cancel', name: 'read' }], 'a day that is being typed');
});

test('the paper of a sale that was just paid, and of any other, is one press away', () => {
  const paid = { payment_id: '1', amount: 100, refunded: 0, status: 'paid', at_ms: EVENING };
  const sale = play(beginSale([{ key: 'a', amount: 100, code: '900012340112345678901234', tries: 1 }]), updateSale);
  assert.deepEqual(sale.send({ is: 'receipt' }), []);
  sale.send({ is: 'paid', key: 'a', paid, at_ms: 0 });
  assert.deepEqual(sale.send({ is: 'receipt' }), [{ do: 'receipt', paid }]);
  assert.equal(beginSheet(paid, String, EVENING, 'receipt')[0].step, 'receipt');
});
