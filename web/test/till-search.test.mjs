// Looking for a sale of yesterday, or of the other register.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginSheet } from '../till/till-payments-state.js';
import { beginSearch, dayInJapan, queryOf, updateSearch } from '../till/till-search-state.js';
import { play, those } from './play.mjs';

const NOON = Date.UTC(2026, 10, 28, 3);
const typed = (fields) => queryOf({ day: '2026-11-27', number: '', amount: '', ...fields });
const sale = (payment_id) => ({ payment_id, amount: 100, refunded: 0, status: 'paid' });
const search = () => play(beginSearch(NOON), updateSearch);

test('a day begins at midnight in Japan', () => {
  assert.equal(dayInJapan(Date.UTC(2026, 10, 27, 14, 59)), '2026-11-27');
  assert.equal(dayInJapan(Date.UTC(2026, 10, 27, 15)), '2026-11-28');
  assert.equal(search().state.typed.day, '2026-11-28');
});

test('what a cashier types is understood, full-width digits too; a receipt number needs neither day nor amount', () => {
  assert.deepEqual(typed({}), { query: 'day=2026-11-27' });
  assert.deepEqual(typed({ amount: '１,２００円' }), { query: 'day=2026-11-27&amount=1200' });
  assert.deepEqual(typed({ number: ' ００００００４２ ', amount: 'x' }), { query: 'number=00000042' });
  for (const dash of ['-', '－', '−', 'ー', '–']) assert.deepEqual(typed({ number: `１${dash}４２`, day: '' }), { query: 'number=1-42' });
});

test('what cannot be read is told beside its field, and the field is ready to be mended', () => {
  for (const [fields, problem] of [[{ day: '' }, 'day'], [{ number: 'abc' }, 'number'], [{ amount: '0' }, 'amount'], [{ amount: '12.5' }, 'amount']]) {
    assert.deepEqual(typed(fields), { problem });
    const one = search();
    for (const [field, text] of Object.entries(fields)) one.send({ is: 'typed', field, text });
    assert.deepEqual(one.send({ is: 'search' }), [{ do: 'focus', on: problem }]);
    assert.equal(one.state.problem, problem);
    one.send({ is: 'typed', field: problem, text: '1' });
    assert.equal(one.state.problem, null);
  }
});

test('a busy day comes in pages, one after the other, and the end is known', () => {
  const one = search();
  assert.deepEqual(those(one.send({ is: 'search' }), 'find').map(({ query }) => query), ['day=2026-11-28']);
  const shown = one.send({ is: 'found', sales: [sale('9'), sale('8')], next: '8', first: true });
  assert.deepEqual(shown, [{ do: 'show' }], 'on a phone it lies below the form');
  const more = one.send({ is: 'more' });
  assert.deepEqual(more, [{ do: 'find', name: 'find', query: 'day=2026-11-28&before=8', first: false }]);
  assert.deepEqual(one.send({ is: 'more' }), [], 'a second press while it is asked');
  assert.deepEqual(one.send({ is: 'found', sales: [sale('7')], next: null, first: false }), [], 'its reader is there already');
  assert.deepEqual(one.state.sales.map(({ payment_id }) => payment_id), ['9', '8', '7']);
  assert.deepEqual(one.send({ is: 'more' }), [], 'there is no more');
});

test('what was given back from the search stands in its list at once', () => {
  const one = search();
  one.sendAll({ is: 'search' }, { is: 'found', sales: [sale('9'), sale('8')], next: null, first: true });
  const words = { key: 'refunded_now', amount: 100 };
  one.send({ is: 'given_back', words, payment: { ...sale('8'), refunded: 100, status: 'refunded' } });
  assert.deepEqual(one.state.sales.map(({ status }) => status), ['paid', 'refunded']);
  assert.deepEqual(one.state.told, words);
});

test('a sale of yesterday is offered to be refunded and not to be cancelled, from a quarter past midnight in Japan on', () => {
  const evening = { ...sale('1'), at_ms: Date.UTC(2026, 10, 27, 14, 50) };
  const mayVoid = (payment, now_ms) => beginSheet(payment, String, now_ms)[0].may_void;
  assert.equal(mayVoid(evening, Date.UTC(2026, 10, 27, 15, 14, 59)), true);
  assert.equal(mayVoid(evening, Date.UTC(2026, 10, 27, 15, 15)), false);
  assert.equal(mayVoid({ ...evening, status: 'part_refunded' }, evening.at_ms), false);
  assert.equal(beginSheet(evening, String, NOON)[0].refundable, 100);
});
