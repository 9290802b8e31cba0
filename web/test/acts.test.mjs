// The lists of what was done: the operator's, found by customer, operator, till or day, and the customer's own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginActs, updateActs } from '../console/console-acts-state.js';
import { beginCustomers, updateCustomers } from '../console/console-customers-state.js';
import { beginActivity, updateActivity } from '../wallet/wallet-activity-state.js';
import { play, those } from './play.mjs';

const queries = (effects) => those(effects, 'read').map((effect) => effect.query);
const acts = (...ids) => ids.map((act) => ({ act }));
const ids = (state) => state.acts.map((one) => one.act);

test('the list begins with the newest of everybody, or with the wallet that the address names', () => {
  assert.deepEqual(queries(play(beginActs(undefined), updateActs).begun), ['']);
  assert.deepEqual(queries(play(beginActs('wallet-12'), updateActs).begun), ['wallet=12']);
  assert.deepEqual(queries(play(beginActs('wallet-x'), updateActs).begun), ['']);
});

test('a chosen operator is looked for at once; a number when it is typed whole', () => {
  const one = play(beginActs(undefined), updateActs);
  assert.deepEqual(queries(one.send({ is: 'by', by: 'operator', value: 'a0b' })), ['operator=a0b']);
  assert.deepEqual(queries(one.send({ is: 'by', by: 'wallet', value: '' })), []);
  assert.deepEqual(queries(one.send({ is: 'typed', value: ' １２ ' })), []);
  assert.deepEqual(queries(one.send({ is: 'find' })), ['wallet=12']);
  assert.equal(one.state.acts, null, 'what was found before is gone');
});

test('another language keeps what was found; what was on the way is asked for again', () => {
  const one = play(beginActs('wallet-12'), updateActs);
  assert.deepEqual(queries(play(beginActs(undefined, one.state), updateActs).begun), ['wallet=12']);
  one.send({ is: 'read', acts: acts('9'), next: null, more: false });
  const other = play(beginActs(undefined, one.state), updateActs);
  assert.deepEqual([queries(other.begun), ids(other.state)], [[], ['9']]);
});

test('the list goes on where it was, whatever is typed meanwhile', () => {
  const one = play(beginActs('wallet-12'), updateActs);
  one.send({ is: 'read', acts: acts('9', '8'), next: '8', more: false });
  one.send({ is: 'typed', value: '34' });
  assert.deepEqual(queries(one.send({ is: 'more' })), ['wallet=12&before=8']);
  assert.deepEqual(one.send({ is: 'more' }), [], 'pressed twice');
  one.send({ is: 'failed', error: new Error('silence') });
  assert.deepEqual(ids(one.state), ['9', '8'], 'what is shown stays');
  one.send({ is: 'more' });
  one.send({ is: 'read', acts: acts('7'), next: null, more: true });
  assert.deepEqual(ids(one.state), ['9', '8', '7']);
  assert.deepEqual(one.send({ is: 'more' }), [], 'that was all');
});

test('a customer goes on in the own list, and asks for the same page again after a failure', () => {
  const one = play(beginActivity, updateActivity);
  assert.deepEqual(one.begun, [{ do: 'read', name: 'read', before: null }]);
  one.send({ is: 'failed', error: new Error('silence') });
  assert.deepEqual(one.send({ is: 'more' }), [{ do: 'read', name: 'read', before: null }]);
  one.send({ is: 'read', acts: acts('9'), next: '9' });
  assert.deepEqual(one.send({ is: 'more' }), [{ do: 'read', name: 'read', before: '9' }]);
  one.send({ is: 'read', acts: acts('8'), next: null });
  assert.deepEqual(ids(one.state), ['9', '8']);
});

test('a note stays in its field until the server has it, and is written once', () => {
  const one = play(beginCustomers(), updateCustomers);
  const found = one.send({ is: 'found', wallet: { wallet_id: '1' } });
  assert.deepEqual(found, [{ do: 'read_notes', name: 'notes', id: '1' }]);
  assert.deepEqual(one.send({ is: 'write' }), [], 'nothing to write');
  one.send({ is: 'note_typed', text: ' 電話で本人を確認 ' });
  assert.deepEqual(those(one.send({ is: 'write' }), 'write_note').map((effect) => effect.text), ['電話で本人を確認']);
  assert.deepEqual(one.send({ is: 'write' }), [], 'pressed twice');
  one.send({ is: 'note_failed', error: new Error('silence') });
  assert.equal(one.state.note, ' 電話で本人を確認 ');
  one.send({ is: 'write' });
  assert.equal(those(one.send({ is: 'written' }), 'read_notes').length, 1);
  assert.equal(one.state.note, '');
  one.send({ is: 'note_typed', text: '書きかけ' });
  one.send({ is: 'find' });
  assert.equal(one.state.note, '', 'a note for one wallet is not written on another');
});

test('a customer is looked for by contact or receipt only once a reason was given, and the reason is for that search alone', () => {
  const one = play(beginCustomers(), updateCustomers);
  one.sendAll({ is: 'by', by: 'contact' }, { is: 'typed', text: '０９０－１２３４－５６７８' });
  assert.deepEqual(one.send({ is: 'find' }), [], 'no reason yet');
  one.send({ is: 'reason_typed', text: ' 電話での問い合わせ ' });
  assert.deepEqual(one.send({ is: 'find' }),
    [{ do: 'locate', name: 'look', by: 'contact', text: '090-1234-5678', reason: '電話での問い合わせ' }]);
  assert.deepEqual(one.send({ is: 'located', id: '7' }), [{ do: 'look', name: 'look', id: '7' }]);
  assert.equal(one.state.reason, '');
});

test('a history stays shut until it was opened for a reason, goes on under the same one, and belongs to its wallet', () => {
  const one = play(beginCustomers(), updateCustomers);
  one.send({ is: 'found', wallet: { wallet_id: '1' } });
  assert.equal(one.state.entries, null);
  assert.deepEqual(one.send({ is: 'history_more' }), [], 'nothing is open');
  one.send({ is: 'history_read', page: { entries: [{ id: '9' }], next: '9' }, reason: '問い合わせ', more: false });
  assert.deepEqual(one.send({ is: 'history_more' }), [{ do: 'read_history', name: 'history', id: '1', reason: '問い合わせ', before: '9' }]);
  assert.deepEqual(one.send({ is: 'history_more' }), [], 'pressed twice');
  const read = one.send({ is: 'history_read', page: { entries: [{ id: '8' }], next: null }, reason: '問い合わせ', more: true });
  assert.deepEqual(one.state.entries.map((entry) => entry.id), ['9', '8']);
  assert.equal(those(read, 'read_notes').length, 1, 'the reason stands among the notes');
  one.send({ is: 'found', wallet: { wallet_id: '1' } });
  assert.equal(one.state.entries.length, 2, 'read again after a freeze');
  one.send({ is: 'find' });
  assert.equal(one.state.entries, null);
});
