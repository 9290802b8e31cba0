// What the pages about passwords make of what people type, and which field a refusal is about.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { setLanguage, useTexts } from '../shared/i18n.js';
import { readCode, readPassword, refusedField } from '../wallet/wallet-password-parts.js';
import { walletPasswordTexts } from '../wallet/wallet-password-texts.js';

globalThis.document ??= { documentElement: {} };
globalThis.navigator ??= { language: 'ja' };
useTexts(walletPasswordTexts);
setLanguage('en');

/** A field with something in it, and what it complains of. */
const typed = (value) => {
  const field = { input: { value }, said: null, complain: (sentence) => { field.said = sentence; } };
  return field;
};

test('a code is read as people type and copy it', () => {
  for (const value of ['123456', ' 123 456 ', '１２３　４５６', '123-456', '123ー456']) {
    const code = typed(value);
    assert.deepEqual([readCode(code), code.said], ['123456', null], value);
  }
  for (const value of ['', '12345', '1234567', '12345a']) {
    const code = typed(value);
    assert.deepEqual([readCode(code), code.said], [null, walletPasswordTexts.en.codes_wrong], value);
  }
});

test('a password is taken as it was typed, spaces and all; only none at all is complained of', () => {
  assert.equal(readPassword(typed(' わたしの ねこ ')), ' わたしの ねこ ');
  const none = typed('');
  assert.deepEqual([readPassword(none), none.said], [null, walletPasswordTexts.en.password_missing]);
});

test('a refusal is shown at the field it is about', () => {
  const about = Object.fromEntries(['password_common', 'password_too_short', 'code_wrong', 'code_expired', 'busy'].map((code) => [code, refusedField(code)]));
  assert.deepEqual(about, { password_common: 'password', password_too_short: 'password', code_wrong: 'code', code_expired: null, busy: null });
});
