// The live stream of a wallet: it is patient while nobody looks, and tries again at once when somebody does.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { eventStream } from '../wallet/wallet-events.js';

/** A browser's stream that does what the test says. */
class FakeSource extends EventTarget {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSED = 2;
  static all = [];

  constructor() {
    super();
    this.readyState = FakeSource.CONNECTING;
    FakeSource.all.push(this);
  }

  close() { this.readyState = FakeSource.CLOSED; }

  open() {
    this.readyState = FakeSource.OPEN;
    this.dispatchEvent(new Event('open'));
  }

  fail() {
    this.readyState = FakeSource.CLOSED;
    this.dispatchEvent(new Event('error'));
  }
}
globalThis.EventSource = FakeSource;

/** A stream whose owner opens it again whenever it has ended, and notes what it hears. */
function listening() {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  FakeSource.all = [];
  const heard = [];
  const stream = eventStream({
    event: (kind, data) => heard.push([kind, data]),
    opened: () => heard.push('opened'),
    missed: () => heard.push('missed'),
    ended: () => heard.push('ended'),
  });
  stream.open();
  return { stream, heard, source: () => FakeSource.all.at(-1) };
}

test('while a failed stream waits for its next try, a look at the page tries at once', () => {
  const { stream, heard, source } = listening();
  for (const ms of [1_000, 2_000, 4_000]) {
    source().fail();
    mock.timers.tick(ms - 1);
    assert.deepEqual(heard, []);
    mock.timers.tick(1);
    assert.deepEqual(heard.splice(0), ['ended']);
    stream.open();
  }
  source().fail();
  stream.look();
  assert.deepEqual(heard.splice(0), ['ended'], 'not after eight seconds');
  mock.timers.tick(60_000);
  assert.deepEqual(heard, [], 'and the try that was waited for is not made a second time');
});

test('a look at the page does not wait for a browser that is still connecting', () => {
  const { stream, heard, source } = listening();
  source().open();
  assert.deepEqual(heard.splice(0), ['opened']);
  stream.look();
  assert.deepEqual(heard.splice(0), ['opened'], 'what happened meanwhile is asked for');
  source().readyState = FakeSource.CONNECTING;
  stream.look();
  assert.deepEqual(heard, ['ended']);
});

test('a stream that was closed on purpose stays closed', () => {
  const { stream, heard } = listening();
  stream.close();
  stream.look();
  assert.deepEqual(heard, []);
});

test('payments, top-ups and sign-ins elsewhere are told as they come', () => {
  const { heard, source } = listening();
  for (const kind of ['payment', 'top_up', 'sign_in']) {
    source().dispatchEvent(Object.assign(new Event(kind), { data: JSON.stringify({ kind }) }));
  }
  assert.deepEqual(heard.map(([kind]) => kind), ['payment', 'top_up', 'sign_in']);
});
