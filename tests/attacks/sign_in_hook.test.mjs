// A script signs in as a seeded customer, by the command line that `mamori-lab dev --json` names: cookie, the device's key, password and
// the secret of the codes. The same password and codes sign in at the page's own routes.

import assert from 'node:assert/strict';
import { execSync } from 'node:child_process';
import { createHmac, createPrivateKey } from 'node:crypto';
import { test } from 'node:test';

import { customer, dev, remember } from '../peers/dev.mjs';
import { Browser, DeviceKey } from './wire.mjs';

/** What the command line of a customer prints. */
function signIn(who) {
  const told = JSON.parse(execSync(who.sign_in_hook, { encoding: 'utf8' }));
  for (const secret of [told.cookie.split('=')[1], told.dpop_key_jwk.d, told.password, told.totp_secret]) remember(secret);
  return told;
}

/** A browser with this cookie and this key. */
function browserOf({ cookie, dpop_key_jwk: whole }) {
  const browser = new Browser('wallet');
  for (const pair of cookie.split('; ')) browser.cookies.set(...pair.split(/=(.*)/s, 2));
  const { d, ...jwk } = whole;
  Object.assign(browser.device, { key: createPrivateKey({ key: whole, format: 'jwk' }), jwk });
  return browser;
}

/** The code of an authenticator app, so many steps from now. */
function codeOf(secret, ahead = 0) {
  const bits = [...secret].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const hash = createHmac('sha1', Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)))).update(counter).digest();
  return String((hash.readUInt32BE(hash[19] & 15) & 0x7fff_ffff) % 1_000_000).padStart(6, '0');
}

test('the hook gives a session on a device that the wallet pays from, the same one each time', async () => {
  const [first, second] = [signIn(customer()), signIn(customer())];
  assert.deepEqual(Object.keys(first).sort(), ['cookie', 'dpop_key_jwk', 'password', 'totp_secret']);
  assert.deepEqual(first.dpop_key_jwk, second.dpop_key_jwk);
  assert.notEqual(first.cookie, second.cookie);
  const browser = browserOf(second);
  const home = await browser.ok('GET', '/api/home');
  assert.deepEqual([home.wallet_id, home.display_name, home.pays_from], [customer().wallet_id, customer().name, 'here']);
  assert.match((await browser.ok('POST', '/api/code', {})).code, /^\d{24}$/);
});

test('its cookie is worth nothing with another key', async () => {
  const stolen = browserOf(signIn(customer()));
  stolen.device = new DeviceKey();
  assert.equal((await stolen.send('GET', '/api/home')).json.refusal, 'signed_out');
});

test('its password and codes sign in at the page', async () => {
  const who = dev.customers[1];
  const { password, totp_secret } = signIn(who);
  const browser = new Browser('wallet');
  const { sign_in } = await browser.ok('POST', '/api/password/sign-in/start', { contact: who.contact, password });
  // Another run of this test within the same half minute has used the code of now.
  const codes = [0, 1].map((ahead) => codeOf(totp_secret, ahead));
  const [answer] = await codes.reduce(async (before, code) => {
    const tried = await before;
    return tried.some((one) => one.status === 200) ? tried : [await browser.send('POST', '/api/password/sign-in/finish', { sign_in, code })];
  }, Promise.resolve([]));
  assert.equal(answer.status, 200, answer.text);
  assert.equal((await browser.ok('GET', '/api/home')).pays_from, 'elsewhere');
});

test('nobody signs in as a customer without the token of the run', async () => {
  const api = new Browser('api');
  const answer = await api.send('POST', '/dev/sign-in', { wallet_id: customer().wallet_id });
  assert.equal(answer.status, 401);
});

test('the mail server is named as mail programs name it', () => {
  assert.match(dev.smtp_url, /^smtp:\/\/127\.0\.0\.1:\d+$/);
});
