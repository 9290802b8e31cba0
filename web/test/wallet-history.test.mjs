// The history: whole months with their sums, what became of a payment beside the payment itself, and the choice of what is shown.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fates } from '../wallet/wallet-entry.js';
import { beginHistory, monthsOf, updateHistory } from '../wallet/wallet-history-state.js';
import { play, those } from './play.mjs';

/** Entries, newest first, out of lines `kind amount day [payment]`, oldest first; the balance follows from them. */
function entries(...lines) {
  let balance = 0;
  const made = lines.map((line, index) => {
    const [kind, amount, day, about] = line.split(' ');
    const out = { payment: -1, hold: -1, capture: 0 };
    balance += Number(amount) * (out[kind] ?? 1);
    const id = String(index + 1);
    const payment_id = kind === 'payment' ? id : about ?? null;
    return { id, kind, amount: Number(amount), at_ms: Date.parse(`${day}T12:00:00+09:00`), balance_after: balance, payment_id };
  });
  return made.reverse();
}

/** The history after its first page. */
function reading(all, next = null) {
  const one = play(beginHistory, updateHistory);
  one.send({ is: 'read', page: { entries: all, next } });
  return one;
}
const sums = (one) => monthsOf(one.state).map(({ name, sums: found }) => [name, found]);

test('a month says what was spent, less what came back, and what was topped up', () => {
  const one = reading(entries(
    'top_up 5000 2026-10-30', 'payment 700 2026-10-31', 'payment 1200 2026-11-01', 'refund 200 2026-11-02 3',
    'payment 300 2026-11-03', 'cancel 300 2026-11-03 5', 'top_up 1000 2026-11-04'));
  assert.deepEqual(sums(one), [
    ['2026-11', { spent: 1_000, topped_up: 1_000 }], ['2026-10', { spent: 700, topped_up: 5_000 }]]);
});

test('money that is set aside counts until it comes back', () => {
  const one = reading(entries('cash 3000 2026-11-01', 'hold 1000 2026-11-02', 'capture 1000 2026-11-03', 'hold 500 2026-11-04', 'release 500 2026-11-05'));
  assert.deepEqual(sums(one), [['2026-11', { spent: 1_000, topped_up: 3_000 }]]);
});

test('a month begins at midnight in Japan', () => {
  const [late] = entries('payment 1 2026-10-31');
  const one = reading([{ ...late, at_ms: Date.parse('2026-10-31T15:00:00Z') }]);
  assert.deepEqual(sums(one).map(([name]) => name), ['2026-11']);
});

test('what became of a payment stands at the payment', () => {
  const known = fates(entries('top_up 5000 2026-11-01', 'payment 1200 2026-11-01', 'payment 300 2026-11-01',
    'refund 200 2026-11-02 2', 'cancel 300 2026-11-02 3', 'refund 100 2026-11-03 2'));
  assert.deepEqual(known.get('2'), { cancelled: false, refunded: 300 });
  assert.deepEqual(known.get('3'), { cancelled: true, refunded: 0 });
  assert.equal(known.has('1'), false);
});

test('payments, top-ups, refunds: each can be looked at alone, and the sums stay those of the whole month', () => {
  const one = reading(entries('top_up 5000 2026-10-30', 'payment 700 2026-11-01', 'refund 200 2026-11-02 2'));
  for (const [filter, kinds] of [
    ['payments', [['payment']]], ['top_ups', [['top_up']]], ['refunds', [['refund']]], ['all', [['refund', 'payment'], ['top_up']]],
  ]) {
    assert.deepEqual(one.send({ is: 'filter', filter }), []);
    assert.deepEqual(monthsOf(one.state).map(({ shown }) => shown.map(({ kind }) => kind)), kinds, filter);
  }
  one.send({ is: 'filter', filter: 'refunds' });
  assert.deepEqual(sums(one), [['2026-11', { spent: 500, topped_up: 0 }]]);
});

test('a month is read to its end before it is summed up, and not for ever', () => {
  const november = entries('top_up 5000 2026-11-01', 'payment 1 2026-11-01', 'payment 2 2026-11-02');
  const one = play(beginHistory, updateHistory);
  assert.deepEqual(those(one.send({ is: 'read', page: { entries: november.slice(0, 2), next: '2' } }), 'read'), [
    { do: 'read', name: 'read', before: '2' }]);
  assert.deepEqual(sums(one), [['2026-11', null]]);
  assert.deepEqual(one.send({ is: 'read', page: { entries: november.slice(2), next: null } }), []);
  assert.deepEqual(sums(one), [['2026-11', { spent: 3, topped_up: 5_000 }]]);
  const busy = play(beginHistory, updateHistory);
  for (let page = 1; page < 5; page += 1) assert.equal(busy.send({ is: 'read', page: { entries: november, next: '9' } }).length, 1);
  assert.deepEqual(busy.send({ is: 'read', page: { entries: november, next: '9' } }), [], 'five pages for one press');
  assert.equal(busy.state.busy, false);
});

test('more is the next month, and the focus goes on with the reader', () => {
  const all = entries('payment 1 2026-09-01', 'payment 2 2026-10-01', 'payment 3 2026-11-01');
  const one = reading(all.slice(0, 2), '2');
  assert.equal(one.state.busy, false);
  assert.deepEqual(one.send({ is: 'more' }), [{ do: 'focus', id: '2' }, { do: 'read', name: 'read', before: '2' }]);
  assert.deepEqual(one.send({ is: 'more' }), [], 'a second press while it is asked');
  one.send({ is: 'failed', error: new Error('silence') });
  assert.equal(those(one.send({ is: 'more' }), 'read').length, 1);
});

test('what has just happened is put above; after more than a page of it the list begins anew', () => {
  const all = entries('payment 1 2026-11-01', 'payment 2 2026-11-02', 'payment 3 2026-11-03', 'payment 4 2026-11-04');
  const one = reading(all.slice(2));
  assert.deepEqual(one.send({ is: 'moved' }), [{ do: 'read_newest', name: 'newest' }]);
  one.send({ is: 'newest', page: { entries: all.slice(1, 3), next: '2' } });
  assert.deepEqual(one.state.entries.map(({ id }) => id), ['3', '2', '1']);
  const other = reading(all.slice(3));
  other.send({ is: 'newest', page: { entries: all.slice(0, 2), next: '3' } });
  assert.deepEqual(other.state.entries.map(({ id }) => id), ['4', '3']);
  assert.equal(other.state.next, '3');
});
