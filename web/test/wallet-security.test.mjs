// The check-up: what is good about an account, what is advised, and what its owner is asked to look at. And a list that is read whole.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileName, readWhole } from '../wallet/wallet-my-data-state.js';
import { checkUp, goodOnes } from '../wallet/wallet-security-state.js';

const PASSKEY = { kept: 'one_device' };
const HERE = { current: true };
const careful = {
  passkeys: [PASSKEY, PASSKEY],
  password: { set: false, beside_passkeys: false },
  contacts: [{ removed_at_ms: null }, { removed_at_ms: null }],
  freeze_code: { made_at_ms: 1, used_at_ms: null },
  recovery: { codes_left: 10, trusted: [], open: null },
  sessions: [HERE],
  pays_from: 'here',
};
const standings = (facts) => Object.fromEntries(checkUp({ ...careful, ...facts }).map((one) => [one.name, one.standing]));

test('an owner who has done all of it has nothing to do', () => {
  const checks = checkUp(careful);
  assert.equal(goodOnes(checks), checks.length);
});

test('one passkey on one device is advised to get a second; one that is synchronised is not', () => {
  assert.equal(standings({ passkeys: [PASSKEY] }).second_way, 'todo');
  assert.equal(standings({ passkeys: [{ kept: 'synced' }] }).second_way, 'good');
});

test('without a passkey one is advised, and no second', () => {
  const found = standings({ passkeys: [], password: { set: true, beside_passkeys: false } });
  assert.deepEqual([found.passkey, found.second_way, found.weaker_way], ['todo', undefined, undefined]);
});

test('a password that signs in beside passkeys is named; one that does not is not', () => {
  assert.equal(standings({ password: { set: true, beside_passkeys: true } }).weaker_way, 'todo');
  assert.equal(standings({ password: { set: true, beside_passkeys: false } }).weaker_way, undefined);
});

test('a way back in is prepared by saved codes or by somebody who said yes; few codes are renewed, and one under way is looked at', () => {
  const way = (recovery) => standings({ recovery: { ...careful.recovery, ...recovery } }).way_back;
  assert.equal(way({ codes_left: null }), 'todo');
  assert.equal(way({ codes_left: null, trusted: [{ accepted: false }] }), 'todo');
  assert.equal(way({ codes_left: null, trusted: [{ accepted: true }] }), 'good');
  assert.equal(way({ codes_left: 2 }), 'todo');
  assert.equal(way({ open: {} }), 'look');
});

test('a contact that was removed does not count', () => {
  assert.equal(standings({ contacts: [{ removed_at_ms: null }, { removed_at_ms: 5 }] }).contacts, 'todo');
});

test('what may be somebody else’s doing is for the owner to look at', () => {
  const found = standings({ freeze_code: { made_at_ms: 1, used_at_ms: 2 }, sessions: [HERE, { current: false }], pays_from: 'elsewhere' });
  assert.deepEqual([found.freeze_code, found.sessions, found.device], ['look', 'look', 'look']);
});

test('a list is read page by page to its end, and one that leads to itself ends', async () => {
  const pages = { null: { rows: [1, 2], next: 'b' }, b: { rows: [3], next: null } };
  const told = [];
  assert.deepEqual(await readWhole(async (before) => pages[String(before)], (count) => told.push(count)), [1, 2, 3]);
  assert.deepEqual(told, [2, 3]);
  assert.deepEqual(await readWhole(async () => ({ rows: [1], next: 'same' }), () => {}), [1, 1]);
});

test('the file is named after the wallet and the day', () => {
  assert.equal(fileName('12', new Date('2026-11-28T10:00:00Z')), 'mamori-12-2026-11-28.json');
});
