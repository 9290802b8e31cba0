// Who is told that nobody is signed in, and when.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { get, onSignedOut, post, Refused, Unreachable } from '../shared/api.js';

const answer = (status, body) => ({ ok: status < 400, status, text: async () => JSON.stringify(body) });
const signedOut = () => answer(401, { refusal: 'signed_out' });

let told = 0;
onSignedOut(() => { told += 1; });

/** The server answers these, one after the other. */
function serverAnswers(...answers) {
  told = 0;
  globalThis.fetch = async () => (await answers.shift())();
}

test('a visitor who never signed in is told so at once', async () => {
  serverAnswers(signedOut, () => assert.fail('asked twice'));
  await assert.rejects(get('/api/home'), Refused);
  assert.equal(told, 1);
});

test('a session that a passkey renewed in that moment is no sign-out', async () => {
  serverAnswers(() => answer(200, {}));
  await get('/api/today');
  let renew;
  const renewed = new Promise((resolve) => { renew = resolve; });
  // The step-up waits for its answer; the question beside it went with the old cookie.
  serverAnswers(renewed.then(() => () => answer(200, { made: true })), signedOut, () => answer(200, { balance: 5 }));
  const made = post('/api/api-keys', {});
  const today = get('/api/today');
  renew();
  assert.deepEqual(await made, { made: true });
  assert.deepEqual(await today, { balance: 5 });
  assert.equal(told, 0);
});

test('who is signed out is told so once', async () => {
  serverAnswers(signedOut, signedOut);
  await assert.rejects(get('/api/today'), Refused);
  assert.equal(told, 1);
});

test('what was posted is not sent a second time', async () => {
  serverAnswers(signedOut, () => assert.fail('posted twice'));
  await assert.rejects(post('/api/freeze', {}), Refused);
  assert.equal(told, 1);
});

test('a page that has everything already says so, and hears nothing again', async () => {
  const asked = [];
  globalThis.fetch = async (_, { headers }) => {
    asked.push(headers['if-none-match']);
    return asked.length === 1 ? answer(200, { version: '"1"' }) : { ok: false, status: 304, text: async () => '' };
  };
  assert.deepEqual(await get('/api/today'), { version: '"1"' });
  assert.deepEqual(await get('/api/today', 1_000, '"1"'), {});
  assert.deepEqual(asked, [undefined, '"1"']);
});

test('who must wait for a turn reads why; a bare 429 says nothing for good', async () => {
  serverAnswers(() => answer(429, { refusal: 'sign_ups_crowded', message_ja: '混み合っています。' }), () => answer(429, {}), () => answer(429, null));
  await assert.rejects(post('/api/sign-up/start'), (error) => error instanceof Refused && error.code === 'sign_ups_crowded');
  await assert.rejects(post('/api/sign-up/start'), Unreachable);
  await assert.rejects(post('/api/sign-up/start'), Unreachable);
});
