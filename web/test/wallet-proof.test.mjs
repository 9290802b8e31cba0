// Proof of work before a sign-up.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { hashStart, solve } from '../wallet/wallet-proof.js';

test('the hash written out here is SHA-256, up to the longest text of one block', () => {
  for (let length = 0; length <= 55; length += 1) {
    const text = 'Mamori-09_'.repeat(6).slice(0, length);
    assert.equal(hashStart(text), createHash('sha256').update(text).digest().readUInt32BE(0), text);
  }
});

test('a challenge is answered as the server reads it', async () => {
  // crates/server/src/proofs.rs holds the same pair.
  assert.equal(await solve('CQkJ'.repeat(11), 9), 1_276);
});

test('the page goes on while the answer is looked for', async () => {
  let drawn = 0;
  const timer = setInterval(() => { drawn += 1; }, 1);
  const answer = await solve('A'.repeat(44), 16);
  clearInterval(timer);
  assert.equal(hashStart(`${'A'.repeat(44)}:${answer}`) >>> 16, 0);
  assert.ok(answer < 4_000 || drawn > 0, `${answer} ${drawn}`);
});
