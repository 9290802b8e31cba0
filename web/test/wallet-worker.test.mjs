// The wallet's worker and a notice that comes by push: what is shown, and where its button leads.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';

const script = readFileSync(new URL('../wallet/sw.js', import.meta.url), 'utf8');
const page = `/not-me#${'A'.repeat(38)}`;

/** A worker with a window, or without one; what it shows and opens. */
function worker(windows = []) {
  const on = {};
  const shown = [];
  const opened = [];
  const self = {
    addEventListener: (name, listener) => { on[name] = listener; },
    location: { origin: 'https://wallet.example.jp' },
    registration: { showNotification: async (title, options) => { shown.push({ title, ...options }); } },
    clients: { openWindow: async (url) => { opened.push(url); }, matchAll: async () => windows },
  };
  runInNewContext(script, { self, URL });
  /** @param {string} name @param {object} event */
  const happens = async (name, event) => {
    let work;
    on[name]({ ...event, waitUntil: (promise) => { work = promise; } });
    await work;
  };
  return { shown, opened, happens };
}
const pushed = (notice) => ({ data: { json: () => notice } });
const clicked = (action, data) => ({ action, notification: { close() {}, data } });

test('a notice is shown in its language, with a button that leads to its page', async () => {
  for (const [lang, words] of [['ja', '心当たりがない'], ['en', 'This was not me']]) {
    const { shown, happens } = worker();
    await happens('push', pushed({ title: 'a', body: 'b', lang, at_ms: 1, not_me: page }));
    const [{ title, body, lang: language, actions: [button], data }] = shown;
    assert.deepEqual([title, body, language, button.action, button.title, data.page], ['a', 'b', lang, 'not-me', words, page]);
  }
});

test('the button opens the page of the notice and nothing else', async () => {
  const { opened, happens } = worker();
  await happens('notificationclick', clicked('not-me', { page }));
  await happens('notificationclick', clicked('', { page }));
  await happens('notificationclick', clicked('not-me', { page: 'https://evil.example/' }));
  assert.deepEqual(opened, [page, '/', '/']);
});

test('a link that is none of ours gets no button', async () => {
  for (const not_me of ['https://evil.example/', '/not-me', `//evil.example${page}`, undefined, 7]) {
    const { shown, happens } = worker();
    await happens('push', pushed({ title: 'a', body: 'b', lang: 'ja', at_ms: 1, not_me }));
    assert.deepEqual([shown[0].actions.length, shown[0].data.page], [0, null]);
  }
});

test('a tap on a notice brings the open wallet to the front', async () => {
  let focused = 0;
  const { opened, happens } = worker([{ focus: async () => { focused += 1; } }]);
  await happens('notificationclick', clicked('', { page }));
  assert.deepEqual([focused, opened], [1, []]);
});
