// A stop that was asked for is asked until it is answered, and nobody is told before that anything has stopped.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginStop, updateStop } from '../wallet/wallet-stop-state.js';
import { play, those } from './play.mjs';

const asked = () => {
  const one = play(beginStop, updateStop);
  return { one, begun: one.send({ is: 'ask' }) };
};
const waits = (effects) => those(effects, 'after').map(({ ms }) => ms);

test('one press asks; a second one while it is asked changes nothing', () => {
  const { one, begun } = asked();
  assert.deepEqual(begun.map((effect) => effect.do), ['keep', 'freeze', 'after']);
  assert.deepEqual(one.send({ is: 'ask' }), []);
  one.send({ is: 'frozen' });
  assert.equal(one.state.asked, false);
});

test('whoever waits for more than a moment is told that nothing has stopped yet', () => {
  const { one } = asked();
  assert.equal(one.state.late, false);
  one.send({ is: 'late' });
  assert.equal(one.state.late, true);
});

test('without a network it is asked again, each time after a longer wait, and at once when the network is back', () => {
  const { one } = asked();
  const tries = [1, 2, 3, 4, 5].map(() => {
    const [ms] = waits(one.send({ is: 'no_answer' }));
    one.send({ is: 'again' });
    return ms;
  });
  assert.deepEqual(tries, [2_000, 4_000, 8_000, 15_000, 15_000]);
  assert.equal(one.state.late, true);
  assert.deepEqual(those(one.send({ is: 'again' }), 'freeze').length, 1);
});

test('given up, nothing is asked any more, and how the wallet stands is looked up', () => {
  const { one } = asked();
  one.send({ is: 'no_answer' });
  const effects = one.send({ is: 'give_up' });
  assert.deepEqual(those(effects, 'cancel').map(({ name }) => name), ['freeze', 'again', 'late']);
  assert.equal(those(effects, 'look').length, 1);
  assert.deepEqual(one.send({ is: 'again' }), []);
});

test('stopped from elsewhere, or nobody signed in any more: it is over', () => {
  for (const is of ['frozen', 'left']) {
    const { one } = asked();
    assert.equal(those(one.send({ is }), 'forget').length, 1, is);
    assert.equal(one.state.asked, false, is);
    assert.deepEqual(one.send({ is }), [], is);
  }
});
