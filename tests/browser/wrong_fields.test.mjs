// Every field of every call of the pages, wrong in every way: each is a typed refusal, none a server error. The calls are
// made from inside the pages, as an attacker with the browser's tools would.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';

import { customer, dev, freshCode } from '../peers/dev.mjs';
import { enrol, giveAuthenticator, openBrowser, openDevice, sendAsPage, signUp } from './stage.mjs';

const LONG = 'x'.repeat(100_000);
const KEY = 'b7f9a2de-0000-4000-8000-000000000001';
/** Written into the body as they stand: what no script would write. */
const RAW = ['NaN', '1e400', '-1e400', '99999999999999999999', '-9223372036854775809', '01', '+1', '"\\ud800"', '"\\u0000"', "'x'"];

const anything = [true, 1.5, [], {}, [[1]], { a: 1 }, LONG];
const text = (...own) => ({ right: 'x', wrong: [...anything, 7, '', '\u0000', 'a\nb', ...own] });
const number = (right, ...own) => ({ right, wrong: [...anything, '', '1', '100', -1, ...own] });
const credential = { right: {}, wrong: [true, 1.5, 7, [], {}, 'x', { id: 'x' }, { id: 1, rawId: 1, type: 1, response: 1 }, { id: 'AA', rawId: 'AA', type: 'public-key', response: {} }, { id: 'AA', rawId: 'AA', type: 'public-key', clientExtensionResults: {}, response: { clientDataJSON: 'AA', attestationObject: 'AA', authenticatorData: 'AA', signature: 'AA' } }] };
const optional = (field) => ({ ...field, optional: true });

/** Addresses that answer a GET as well, with what stands there. */
const alsoRead = new Set(['/api/top-ups']);

/** Fields of each call; `right` is what the other fields get meanwhile. */
const calls = {
  stranger: {
    '/api/sign-up/start': { contact: { ...text('x', '090', '@', 'a@', 'あ@い', '+819', '０'), right: '09000000000' }, locale: optional({ ...text(), right: 'ja' }), challenge: optional({ right: 'x', wrong: [true, 7, [], {}, LONG, '\u0000', 'a\nb'] }), answer: optional({ right: 0, wrong: [true, 1.5, '1', -1, [], {}, 4_294_967_296] }) },
    '/api/sign-up/prove': { sign_up: text(), code: { ...text('1', '0000000', '１２３４５６', '12345a'), right: '000000' }, display_name: text(' ', '\u202e', 'あ'.repeat(1_000)) },
    '/api/sign-up/finish': { sign_up: text(), credential },
    '/api/sign-in/finish': { sign_in: text(), credential },
  },
  customer: {
    '/api/top-ups': { amount: number(1_000, 0, 1, 499, 30_001, 1_000_000_000, 9_007_199_254_740_991), key: { ...text(), right: KEY }, locale: optional({ ...text(), right: 'ja' }) },
    '/api/unfreeze/finish': { step_up: text(), credential },
  },
  till: {
    '/api/charge': { amount: number(100, 0, 1_000_000_000, 9_007_199_254_740_991), code: { ...text('1', '9'.repeat(23), '9'.repeat(25), '9'.repeat(24), 'https://example.com'), right: '9'.repeat(24) }, key: { ...text(), right: KEY } },
    '/api/void': { payment_id: text('0', '-1', '999999999999', '1e3', '18446744073709551616') },
    '/api/refund': { payment_id: text('0', '-1', '999999999999'), amount: number(1, 0, 1_000_000_000), key: { ...text(), right: KEY }, reason: optional(text()) },
  },
  newTill: {
    '/api/enrol': { pairing_code: text('0000', '!'.repeat(8)) },
  },
};

const reads = {
  customer: ['/api/history?before=x', '/api/history?limit=x', '/api/history?limit=-1', '/api/history?limit=99999999999999999999', '/api/history?before=%00', '/api/receipts/x', '/api/receipts/99999999999999999999', '/api/receipts/%00', `/api/receipts/${'9'.repeat(2_000)}`, '/api/top-ups/x', '/api/top-ups/%ff', '/api/nothing'],
  till: ['/api/till/sales', '/api/till/sales?amount=100', '/api/till/sales?day=2026-02-30', '/api/till/sales?number=%EF%BC%91', '/api/till/sales?day=2026-11-28&amount=1e3', '/api/till/sales?day=2026-11-28&before=%00', '/api/till/day', '/api/till/day?day=x', '/api/payments?limit=x', '/api/payments?limit=-1', '/api/nothing'],
};

let browser;
const devices = {};

before(async () => {
  browser = await openBrowser();
  for (const name of ['stranger', 'customer', 'till', 'newTill']) devices[name] = await openDevice(browser, { phone: name === 'customer' });
  await giveAuthenticator(devices.customer);
  await signUp(devices.customer.page, `wrong-${Date.now()}@example.com`, 'Ren');
  await devices.stranger.page.goto(dev.wallet_url);
  await enrol(devices.till.page, dev.merchant.tills[3].pairing_code);
  await devices.newTill.page.goto(dev.till_url);
});
after(async () => { await browser?.close(); });

/** Sends one body as it stands from inside the page. */
const send = (page, path, body, options = {}) => sendAsPage(page, path, body, { method: 'POST', ...options });

function assertRefused({ status, type, text: body }, what) {
  // A till that gives back as often as this table does is told to wait: that is a refusal too, before anything was decided.
  const paced = status === 503 && JSON.parse(body).refusal === 'busy';
  assert.ok(paced || (status >= 400 && status < 500), `${what}: ${status} ${body.slice(0, 200)}`);
  assert.match(type, /^application\/json/, `${what}: ${type}`);
  assert.match(JSON.parse(body).refusal ?? '', /^[a-z0-9_]+$/, `${what}: ${body.slice(0, 200)}`);
}

for (const [who, paths] of Object.entries(calls)) {
  for (const [path, fields] of Object.entries(paths)) {
    test(`${who} ${path}`, async () => {
      const { page } = devices[who];
      const right = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.right]));
      const refuse = async (body, what, more) => assertRefused(await send(page, path, body, more), `${path} ${what}`);
      for (const [name, field] of Object.entries(fields)) {
        for (const value of field.wrong) {
          await refuse(JSON.stringify({ ...right, [name]: value }), `${name} = ${JSON.stringify(value).slice(0, 60)}`);
        }
        for (const raw of RAW) {
          await refuse(JSON.stringify({ ...right, [name]: '@' }).replace(`"${name}":"@"`, `"${name}":${raw}`), `${name} = ${raw}`);
        }
        if (field.optional) continue;
        await refuse(JSON.stringify({ ...right, [name]: undefined }), `without ${name}`);
        await refuse(JSON.stringify({ ...right, [name]: null }), `${name} = null`);
      }
      const whole = JSON.stringify(right);
      for (const body of ['', '{', '[]', 'null', '1', '"x"', `[${whole}]`, `${whole}{}`, '\u0000', '['.repeat(20_000)]) await refuse(body, `body ${body.slice(0, 20)}`);
      await refuse(`{"x":"${'x'.repeat(3_000_000)}",${whole.slice(1)}`, 'a body of 3 MB');
      await refuse(whole, 'as text/plain', { type: 'text/plain' });
      await refuse(whole, 'with PUT', { method: 'PUT' });
      if (!alsoRead.has(path)) await refuse(null, 'with GET', { method: 'GET' });
    });
  }
}

for (const [who, paths] of Object.entries(reads)) {
  test(`${who}: odd addresses`, async () => {
    for (const path of paths) {
      const answer = await send(devices[who].page, path, null, { method: 'GET' });
      assert.ok(answer.status < 500, `${path}: ${answer.status}`);
      assert.match(answer.type, /^application\/json/, path);
      if (answer.status >= 400) assertRefused(answer, path);
    }
  });
}

/** A request that a browser on another site would send for its user. */
function fromElsewhere(url, path, headers) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path, method: 'POST', headers: { host: `${hostname}:${port}`, 'content-type': 'application/json', 'content-length': 2, ...headers } }, (answer) => {
      let body = '';
      answer.on('data', (part) => { body += part; });
      answer.on('end', () => resolve({ status: answer.statusCode, type: answer.headers['content-type'] ?? '', text: body }));
    });
    request.on('error', reject);
    request.end('{}');
  });
}

test('no other site can act for a signed-in customer or till', async () => {
  for (const [who, url, path] of [['customer', dev.wallet_url, '/api/freeze'], ['till', dev.till_url, '/api/void']]) {
    const cookies = await devices[who].context.cookies(url);
    assert.ok(cookies.length > 0);
    for (const cookie of cookies) {
      // A nonce and the hash of the token are what a page proves its device with.
      const isForScripts = /_(nonce|ath)$/.test(cookie.name);
      assert.ok(cookie.httpOnly || isForScripts, `${cookie.name} is out of reach of scripts`);
      assert.match(cookie.sameSite, /Lax|Strict/);
    }
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
    for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }, { origin: 'null' }]) {
      const answer = await fromElsewhere(url, path, { cookie, ...headers });
      assertRefused(answer, `${path} ${JSON.stringify(headers)}`);
    }
  }
  const home = JSON.parse((await sendAsPage(devices.customer.page, '/api/home')).text);
  assert.equal(home.status, 'active');
});

test('after all this, both pages still work', async () => {
  const { page } = devices.till;
  const paid = await send(page, '/api/charge', JSON.stringify({ amount: 100, code: freshCode(customer().name), key: crypto.randomUUID() }));
  // The till may be locked for a minute: it asked for many codes that nobody ever had.
  if (paid.status !== 200) assert.equal(JSON.parse(paid.text).refusal, 'till_locked');
  const code = await send(devices.customer.page, '/api/code', '{}');
  assert.equal(code.status, 200);
});
