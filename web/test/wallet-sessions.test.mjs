// A sign-in elsewhere that happened while the page was away is told when it is back, once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { untold } from '../wallet/wallet-sessions.js';

const session = (name, made_at_ms, current = false) => ({ session: name, made_at_ms, current });

test('who has signed in elsewhere since this session began is told of, once', () => {
  const here = session('here', 1_000, true);
  const sessions = [here, session('before', 500), session('since', 2_000)];
  assert.deepEqual(untold(sessions, []).map((one) => one.session), ['since']);
  assert.deepEqual(untold(sessions, ['since']), []);
  assert.deepEqual(untold([here], []), []);
  assert.deepEqual(untold([session('since', 2_000)], []), [], 'nobody is signed in here');
});
