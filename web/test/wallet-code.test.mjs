// When a payment code is asked for, and everything that takes it from the screen.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RENEW_BEFORE_MS, beginCode, updateCode } from '../wallet/wallet-code-state.js';
import { play, those } from './play.mjs';

const LIFE_MS = 60_000;
const CODE = { code: '9'.repeat(24), barcode_svg: '<svg/>', qr_svg: '<svg/>', life_ms: LIFE_MS, expires_at_ms: 0 };
const at = (ms) => ({ page_ms: ms, wall_ms: 1_000_000 + ms });
const answered = (asked_ms, spoken = false) => ({ is: 'answered', code: CODE, asked: at(asked_ms), spoken });
const time = (ms) => ({ is: 'time', clocks: at(ms) });

function shown() {
  const card = play(beginCode(true), updateCode);
  card.send(answered(0));
  return card;
}

test('a code is asked for at once, and shown with its time', () => {
  const card = play(beginCode(true), updateCode);
  assert.equal(those(card.begun, 'issue').length, 1);
  assert.equal(card.state.held, null);
  const effects = card.send(answered(0));
  assert.equal(card.state.held.code, CODE.code);
  assert.deepEqual(those(effects, 'after').map((one) => one.name), ['tick']);
  card.send(time(20_000));
  assert.equal(card.state.held.left_ms, 40_000);
});

test('nobody looks: no code is asked for', () => {
  const card = play(beginCode(false), updateCode);
  assert.deepEqual(those(card.begun, 'issue'), []);
  for (const event of [{ is: 'renew', spoken: true }, { is: 'online' }]) assert.deepEqual(card.send(event), []);
});

test('the next code is fetched before the shown one dies, once', () => {
  const card = shown();
  assert.deepEqual(card.send(time(LIFE_MS - RENEW_BEFORE_MS - 1)), []);
  assert.equal(those(card.send(time(LIFE_MS - RENEW_BEFORE_MS)), 'issue').length, 1);
  assert.deepEqual(card.send(time(LIFE_MS - 1_000)), []);
  assert.notEqual(card.state.held, null, 'the old one is shown until the new one is here');
});

test('a dead code is gone, whichever clock says so', () => {
  for (const clocks of [at(LIFE_MS), { page_ms: 5, wall_ms: 1_000_000 + LIFE_MS }]) {
    const card = shown();
    const effects = card.send({ is: 'time', clocks });
    assert.equal(card.state.held, null);
    assert.deepEqual(card.state.blank, { is: 'loading' });
    assert.equal(those(effects, 'issue').length, 1);
  }
});

test('a hidden page holds no code, and an answer under way is forgotten', () => {
  const card = shown();
  card.sendAll({ is: 'enlarge' }, { is: 'renew', spoken: false });
  const effects = card.send({ is: 'hidden' });
  assert.equal(card.state.held, null);
  assert.deepEqual(those(effects, 'cancel').map((one) => one.name).sort(), ['issue', 'retry', 'tick']);
  assert.equal(those(effects, 'close_large').length, 1, 'the large barcode goes, too');
  const seen = card.send({ is: 'seen' });
  assert.equal(those(seen, 'issue').length, 1);
  assert.equal(those(seen, 'keep_awake').length, 1);
});

test('a spent code is gone at once, and the next one waits until its owner has seen the result', () => {
  const card = shown();
  assert.deepEqual(those(card.send({ is: 'spent' }), 'issue'), []);
  assert.equal(card.state.held, null);
  assert.equal(those(card.send({ is: 'renew', spoken: false }), 'issue').length, 1);
});

test('no answer while a code is shown: it stays, and the question is asked again soon', () => {
  const card = shown();
  card.send({ is: 'renew', spoken: true });
  const effects = card.send({ is: 'failed', error: new Error(), refused: false, clocks: at(10_000) });
  assert.notEqual(card.state.held, null);
  assert.deepEqual(those(effects, 'after'), [
    { do: 'after', name: 'retry', ms: 1_000, event: { is: 'renew', spoken: false } }]);
});

test('no answer and nothing to show: the reason is told; only a refusal is not asked again', () => {
  for (const [refused, retries] of [[false, 1], [true, 0]]) {
    const card = play(beginCode(true), updateCode);
    const error = new Error('why');
    const effects = card.send({ is: 'failed', error, refused, clocks: at(0) });
    assert.deepEqual(card.state.blank, { is: 'failed', error });
    assert.equal(those(effects, 'after').length, retries);
  }
});

test('only a code that was asked for by hand is announced', () => {
  const card = shown();
  assert.equal(those(card.send(answered(0, true)), 'announce').length, 1);
  assert.deepEqual(those(card.send(answered(0)), 'announce'), []);
});
