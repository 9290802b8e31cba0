// A connection that says nothing is given up after two missed beats, and one that beats is left alone.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { SILENCE_MS, watchdog } from '../shared/watchdog.js';

/** A watchdog on a clock that the test turns. */
function onAClock(run) {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  let barks = 0;
  const dog = watchdog(() => { barks += 1; });
  try {
    run(dog, mock.timers.tick.bind(mock.timers), () => barks);
  } finally {
    mock.timers.reset();
  }
}

test('silence is told once, and only when it lasts', () => onAClock((dog, tick, barks) => {
  dog.heard();
  tick(SILENCE_MS - 1);
  assert.equal(barks(), 0);
  tick(1);
  assert.equal(barks(), 1);
  tick(SILENCE_MS * 3);
  assert.equal(barks(), 1);
}));

test('a stream that beats every ten seconds is never given up', () => onAClock((dog, tick, barks) => {
  dog.heard();
  for (let beats = 0; beats < 100; beats += 1) {
    tick(10_000);
    dog.heard();
  }
  assert.equal(barks(), 0);
}));

test('a stream that was closed on purpose is not missed', () => onAClock((dog, tick, barks) => {
  dog.heard();
  dog.rest();
  tick(SILENCE_MS * 2);
  assert.equal(barks(), 0);
}));

test('a phone that slept knows by the clock that it heard nothing', () => onAClock((dog) => {
  dog.heard();
  mock.timers.setTime(Date.now() + SILENCE_MS + 1);
  assert.equal(dog.isSilent(), true);
  dog.heard();
  assert.equal(dog.isSilent(), false);
}));
