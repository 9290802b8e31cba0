// What the till takes for a scan, and what for an amount.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { customerCode, grouped, isDoubleScan, mayBeMachine, splitRun } from '../till/wedge.js';

const CODE = '900012340112345678901234';
const typed = (text, start_ms, every_ms) => [...text]
  .map((digit, index) => ({ digit, at_ms: start_ms + index * every_ms }));

test('a code is 16 to 24 digits, with the scanner’s terminator and symbology identifier stripped', () => {
  for (const end of ['', '\r', '\n', '\r\n', '\t']) assert.equal(customerCode(CODE + end), CODE);
  assert.equal(customerCode(`]C1${CODE}`), CODE);
  assert.equal(customerCode(`]Q3${CODE}\r`), CODE);
  assert.equal(customerCode('９０００１２３４０１１２３４５６７８９０１２３４'), CODE);
});

test('anything else is no code', () => {
  const others = ['', '1200', '4901234567894', `${CODE}5`, 'https://example.jp/pay', `https://a.jp/${CODE}`, '00020101021126'];
  for (const text of others) assert.equal(customerCode(text), null, text);
});

test('a scan right after a typed amount is split at the cashier’s pause', () => {
  const run = [...typed('1200', 0, 120), ...typed('9000', 900, 8)];
  assert.deepEqual(splitRun(run), { amount: '1200', code: '9000' });
});

test('a scan without an amount before it is all code', () => {
  assert.deepEqual(splitRun(typed('90001234', 0, 6)), { amount: '', code: '90001234' });
});

test('slow steady typing is never cut in two', () => {
  assert.deepEqual(splitRun(typed('90001234', 0, 300)), { amount: '', code: '90001234' });
});

test('one pull of the trigger that reads twice counts once, and only for two seconds', () => {
  const last = { code: CODE, at_ms: 0 };
  assert.equal(isDoubleScan(null, last), false);
  assert.equal(isDoubleScan(last, { code: CODE, at_ms: 1_999 }), true);
  assert.equal(isDoubleScan(last, { code: CODE, at_ms: 2_000 }), false);
  assert.equal(isDoubleScan(last, { code: `${CODE.slice(0, 23)}5`, at_ms: 100 }), false);
});

test('people copy a code with its spaces and hyphens, and chats add what nobody sees', () => {
  for (const text of [
    '9000 1234 0112 3456 7890 1234', '9000-1234-0112-3456-7890-1234', '9000\u20111234\u20110112\u20113456\u20117890\u20111234',
    `\u200B${CODE}\uFE0F`, `\u2068${CODE}\u2069`, `${CODE}\r\r`,
  ]) assert.equal(customerCode(text), CODE, JSON.stringify(text));
});

test('the digits of a code are shown in groups, and other text as it was typed', () => {
  assert.equal(grouped('90001'), '9000 1');
  assert.equal(grouped('9000 12340'), '9000 1234 0');
  assert.equal(grouped(']C0'), ']C0');
});

test('a second terminator of the scanner is no answer of the cashier', () => {
  for (const later_ms of [10, 150, 999]) assert.equal(mayBeMachine(5_000, 5_000 + later_ms), true);
  assert.equal(mayBeMachine(5_000, 6_000), false);
});
