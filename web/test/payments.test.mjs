// The console's list of payments: what is asked for, how the list goes on, and the file for the office.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csvOf, inShiftJis, inUtf8 } from '../console/console-csv.js';
import { beginPayments, updatePayments } from '../console/console-payments-state.js';
import { play, those } from './play.mjs';

const list = (named) => play(beginPayments(named, '2026-11-28'), updatePayments);
const queries = (effects, kind = 'read') => those(effects, kind).map((effect) => effect.query);
const page = (ids, next = null) => ({ payments: ids.map((payment_id) => ({ payment_id })), next, reached_ms: next && 5 });
const fill = (one, fields) => Object.entries(fields).forEach(([name, value]) => one.send({ is: 'field', name, value }));

test('the list begins with the newest payments of all', () => {
  assert.deepEqual(queries(list().begun), ['']);
  assert.deepEqual(queries(list('store-x').begun), ['']);
});

test('a store of today leads to its payments of today', () => {
  assert.deepEqual(queries(list('store-12').begun), ['store=12&from=2026-11-28&to=2026-11-28']);
});

test('digits in full width, commas and signs are read as people type them', () => {
  const one = list();
  fill(one, { amount: '１，２００円', store: ' １２ ', merchant: '3', from: '2026-11-01', to: '2026-11-28', state: 'voided' });
  assert.deepEqual(queries(one.send({ is: 'find' })),
    ['merchant=3&store=12&from=2026-11-01&to=2026-11-28&amount=1200&state=voided']);
});

test('a number that was read out is looked for alone', () => {
  const one = list();
  fill(one, { id: '０００００４２', amount: 'abc', merchant: '3' });
  assert.deepEqual(queries(one.send({ is: 'find' })), ['merchant=3&id=0000042']);
});

test('nothing is called wrong before it was typed to the end', () => {
  const one = list();
  fill(one, { amount: '12a' });
  assert.equal(one.state.wrong, null);
  assert.deepEqual(one.send({ is: 'find' }), [{ do: 'focus', on: 'amount' }]);
  assert.equal(one.state.wrong, 'amount');
  fill(one, { amount: '12' });
  assert.equal(one.state.wrong, null, 'whoever corrects it is not told again');
  fill(one, { from: '2026-11-28', to: '2026-11-01' });
  assert.deepEqual(one.send({ is: 'find' }), [{ do: 'focus', on: 'to' }]);
});

test('another language keeps what was typed and found; what was on the way is asked for again', () => {
  const one = list('store-12');
  const again = (state) => play(beginPayments(undefined, '2026-11-28', state), updatePayments);
  assert.deepEqual(queries(again(one.state).begun), ['store=12&from=2026-11-28&to=2026-11-28']);
  one.send({ is: 'read', page: page(['9']), more: false });
  fill(one, { amount: '12' });
  const other = again(one.state);
  assert.deepEqual(other.begun, []);
  assert.deepEqual([other.state.fields.amount, other.state.payments.length], ['12', 1]);
});

test('the list goes on where it was, whatever is typed meanwhile', () => {
  const one = list();
  fill(one, { amount: '100' });
  one.send({ is: 'find' });
  one.send({ is: 'read', page: page(['9', '8'], '8'), more: false });
  fill(one, { amount: '200' });
  assert.deepEqual(queries(one.send({ is: 'more' })), ['amount=100&before=8']);
  assert.deepEqual(one.send({ is: 'more' }), [], 'pressed twice');
  one.send({ is: 'read', page: page(['7']), more: true });
  assert.deepEqual(one.state.payments.map((payment) => payment.payment_id), ['9', '8', '7']);
});

test('the file holds all that is found, page after page, and says how far it is', () => {
  const one = list();
  one.send({ is: 'read', page: page(['9', '8'], '8'), more: false });
  assert.deepEqual(queries(one.send({ is: 'export', encoding: 'shift_jis' }), 'export_read'), ['limit=500']);
  assert.deepEqual(one.send({ is: 'export', encoding: 'utf-8' }), [], 'one file at a time');
  assert.deepEqual(queries(one.send({ is: 'export_read', page: page(['9'], '9') }), 'export_read'), ['limit=500&before=9']);
  assert.equal(one.state.exporting.payments.length, 1);
  const [saved] = one.send({ is: 'export_read', page: page(['8', '7']) });
  assert.equal(saved.do, 'save');
  assert.equal(saved.encoding, 'shift_jis');
  assert.deepEqual(saved.payments.map((payment) => payment.payment_id), ['9', '8', '7']);
  assert.equal(one.state.exporting, null);
});

test('a file that is given up is not saved', () => {
  const one = list();
  one.send({ is: 'read', page: page(['9'], '9'), more: false });
  one.send({ is: 'export', encoding: 'utf-8' });
  assert.deepEqual(one.send({ is: 'export_stop' }), [{ do: 'cancel', name: 'export' }]);
  assert.deepEqual(one.send({ is: 'export_read', page: page(['9']) }), []);
});

test('no cell is a formula for the office program that opens the file', () => {
  assert.equal(csvOf([['=1+1', '+81', '-5', '@x', '＝1', '\tx', 'a=b']]), "'=1+1,'+81,'-5,'@x,'＝1,'\tx,a=b\r\n");
  assert.equal(csvOf([['a,b', 'say "x"', '二\n行', '=HYPERLINK("x")']]), '"a,b","say ""x""","二\n行","\'=HYPERLINK(""x"")"\r\n');
  assert.equal(csvOf([[1200, 0]]), '1200,0\r\n');
});

test('UTF-8 begins with its mark', () => {
  assert.deepEqual([...inUtf8('a').slice(0, 4)], [0xef, 0xbb, 0xbf, 0x61]);
});

test('Shift_JIS says what the browser reads back, and 〓 for what it lacks', () => {
  const decoded = (text) => new TextDecoder('shift_jis', { fatal: true }).decode(inShiftJis(text));
  const office = '駅前店ﾚｼﾞ1 １２３円,"高橋 髙﨑①㈱Ⅲ"\r\n~\\';
  assert.equal(decoded(office), office);
  assert.deepEqual([...inShiftJis('亜円ｱ①髙')], [0x88, 0x9f, 0x89, 0x7e, 0xb1, 0x87, 0x40, 0xfb, 0xfc]);
  assert.equal(decoded('𠮷野家😀한'), '〓野家〓〓');
  assert.equal(decoded('10〜20 −5 ¥'), '10～20 －5 \\');
});
