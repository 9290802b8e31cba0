// What the till takes for a scan, and what for an amount.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { customerCode, isDoubleScan, splitRun } from '../till/wedge.js';

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
  const others = ['', '1200', '4901234567894', `${CODE}5`, 'https://example.jp/pay', `${CODE}\n\n`, '00020101021126'];
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
