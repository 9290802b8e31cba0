// What home asks for when something happened, and the switch that stops everything.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginHome, updateHome } from '../wallet/wallet-home-state.js';
import { play } from './play.mjs';

const home = (status = 'active', pays_from = 'here') => play(beginHome({ balance: 1_000, status, pays_from }, false, false), updateHome);
const kinds = (effects) => effects.map((effect) => effect.do);

test('home shows a code at once; a stopped wallet shows none', () => {
  assert.deepEqual(kinds(home().begun), ['start_code', 'read_recent', 'read_open']);
  assert.deepEqual(kinds(home('frozen').begun), ['read_recent', 'read_open']);
});

test('a changed balance is shown, and what led to it is read', () => {
  const one = home();
  assert.deepEqual(kinds(one.send({ is: 'balance', balance: 400 })), ['read_recent', 'read_open']);
  assert.equal(one.state.balance, 400);
  assert.deepEqual(kinds(one.send({ is: 'top_ups' })), ['read_open']);
});

test('stopping takes one press, ends the code and leads to the way back', () => {
  const one = home();
  assert.deepEqual(kinds(one.send({ is: 'freeze' })), ['freeze']);
  one.send({ is: 'stop', stopping: true });
  assert.deepEqual(one.send({ is: 'freeze' }), [], 'a second press while it is asked');
  assert.deepEqual(kinds(one.send({ is: 'status', status: 'frozen' })), ['stop_code', 'show_unfreeze']);
  one.send({ is: 'stop', stopping: false });
  assert.deepEqual(kinds(one.send({ is: 'unfreeze' })), ['unfreeze']);
  assert.deepEqual(kinds(one.send({ is: 'status', status: 'active' })), ['start_code']);
  assert.deepEqual(kinds(one.send({ is: 'unfrozen' })), ['announce_unfrozen']);
});

test('a stop from elsewhere ends the code and leaves the reader where they are', () => {
  assert.deepEqual(kinds(home().send({ is: 'status', status: 'frozen' })), ['stop_code']);
});

test('a way back that failed is told, and can be tried again', () => {
  const one = home('frozen');
  const error = new Error('silence');
  one.sendAll({ is: 'unfreeze' }, { is: 'failed', error });
  assert.equal(one.state.problem, error);
  assert.deepEqual(kinds(one.send({ is: 'unfreeze' })), ['unfreeze']);
  assert.equal(one.state.problem, null);
});

test('after a long absence the code is asked for anew: what became of it is not known', () => {
  assert.deepEqual(kinds(home().send({ is: 'status', status: 'active' })), ['renew_code']);
  assert.deepEqual(home('frozen').send({ is: 'status', status: 'frozen' }), []);
});

test('the offer to install goes when it is waved away', () => {
  const one = home();
  one.send({ is: 'install', may: true });
  assert.deepEqual(kinds(one.send({ is: 'dismiss_install' })), ['dismiss_install']);
  assert.equal(one.state.may_install, false);
});

test('a wallet that pays from another device shows no code here, until this one has taken over', () => {
  const one = home('active', 'elsewhere');
  assert.deepEqual(kinds(one.begun), ['read_recent', 'read_open']);
  assert.deepEqual(one.send({ is: 'status', status: 'active' }), [], 'nor after a long absence');
  assert.deepEqual(kinds(one.send({ is: 'pays', elsewhere: false })), ['start_code']);
  assert.deepEqual(one.send({ is: 'pays', elsewhere: false }), [], 'told twice');
  assert.deepEqual(kinds(one.send({ is: 'pays', elsewhere: true })), ['stop_code']);
  const frozen = home('frozen', 'elsewhere');
  assert.deepEqual(frozen.send({ is: 'pays', elsewhere: false }), [], 'a stopped wallet shows none either');
  assert.deepEqual(kinds(home('active', 'anywhere').begun), ['start_code', 'read_recent', 'read_open']);
});
