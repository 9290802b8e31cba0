// The live stream of a wallet: it is patient while nobody looks, and tries again at once when somebody does.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { eventStream, readMessages } from '../wallet/wallet-events.js';

/** Lets promises that are settled be heard. */
const settled = () => new Promise((resolve) => { setImmediate(resolve); });

/** A server's streams that do what the test says. */
const server = { asked: [] };
globalThis.fetch = (path, { headers, signal }) => new Promise((resolve, reject) => {
  signal.addEventListener('abort', () => reject(signal.reason));
  let control;
  const body = new ReadableStream({ start(controller) { control = controller; } });
  server.asked.push({
    path, headers,
    async open() {
      resolve(new Response(body, { headers: { 'content-type': 'text/event-stream' } }));
      await settled();
    },
    async refuse(status) {
      resolve(new Response('{}', { status }));
      await settled();
    },
    async say(text) {
      control.enqueue(new TextEncoder().encode(text));
      await settled();
    },
    async break() {
      control.error(new TypeError('network'));
      await settled();
    },
  });
});

/** A stream whose owner opens it again whenever it has ended, and notes what it hears. */
async function listening() {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  server.asked = [];
  const heard = [];
  const stream = eventStream({
    event: (kind, data) => heard.push([kind, data]),
    opened: () => heard.push('opened'),
    missed: () => heard.push('missed'),
    ended: () => heard.push('ended'),
  });
  stream.open();
  await settled();
  return { stream, heard, source: () => server.asked.at(-1) };
}

test('while a failed stream waits for its next try, a look at the page tries at once', async () => {
  const { stream, heard, source } = await listening();
  for (const ms of [1_000, 2_000, 4_000]) {
    await source().refuse(503);
    mock.timers.tick(ms - 1);
    assert.deepEqual(heard, []);
    mock.timers.tick(1);
    assert.deepEqual(heard.splice(0), ['ended']);
    stream.open();
    await settled();
  }
  await source().refuse(503);
  stream.look();
  assert.deepEqual(heard.splice(0), ['ended'], 'not after eight seconds');
  mock.timers.tick(60_000);
  assert.deepEqual(heard, [], 'and the try that was waited for is not made a second time');
});

test('a look at the page does not wait for a connection that is taken up again', async () => {
  const { stream, heard, source } = await listening();
  await source().open();
  assert.deepEqual(heard.splice(0), ['opened']);
  stream.look();
  assert.deepEqual(heard.splice(0), ['opened'], 'what happened meanwhile is asked for');
  await source().break();
  stream.look();
  assert.deepEqual(heard, ['ended']);
});

test('a broken connection is taken up again behind the last event', async () => {
  const { heard, source } = await listening();
  await source().open();
  await source().say('id: 41\nevent: payment\ndata: {"id":"41"}\n\nid: 42\nevent: refund\ndata: {"id":"42"}\n\n');
  await source().break();
  mock.timers.tick(2_000);
  await settled();
  assert.equal(server.asked.length, 2);
  assert.equal(source().headers['last-event-id'], '42');
  await source().open();
  await source().say('id: 42\nevent: refund\ndata: {"id":"42"}\n\nid: 43\nevent: cancel\ndata: {"id":"43"}\n\n');
  assert.deepEqual(heard.filter((one) => one !== 'opened').map(([kind]) => kind), ['payment', 'refund', 'cancel'], 'each once');
});

test('a stream that was closed on purpose stays closed', async () => {
  const { stream, heard, source } = await listening();
  await source().open();
  heard.splice(0);
  stream.close();
  stream.look();
  await settled();
  mock.timers.tick(60_000);
  assert.deepEqual(heard, []);
  assert.equal(server.asked.length, 1);
});

test('payments, top-ups, sign-ins elsewhere and devices that ask are told as they come', async () => {
  const { heard, source } = await listening();
  await source().open();
  for (const kind of ['payment', 'top_up', 'sign_in', 'device_asks']) await source().say(`event: ${kind}\ndata: {"kind":"${kind}"}\n\n`);
  assert.deepEqual(heard.slice(1).map(([kind]) => kind), ['payment', 'top_up', 'sign_in', 'device_asks']);
  await source().say('event: closed\ndata: {}\n\n');
  assert.equal(heard.at(-1), 'ended');
});

test('messages are whole however the network cuts them', async () => {
  const text = ': hello\r\nid: 7\nevent: payment\ndata: {"store":"守り"}\n\nevent: beat\ndata: {}\n\nevent: late\ndata: {';
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const heard = [];
    const body = new ReadableStream({
      start(control) {
        for (let at = 0; at < bytes.length; at += size) control.enqueue(bytes.slice(at, at + size));
        control.close();
      },
    });
    await readMessages(body, (message) => heard.push(message));
    assert.deepEqual(heard, [{ id: '7', name: 'payment', data: '{"store":"守り"}' }, { id: '', name: 'beat', data: '{}' }]);
  }
});
