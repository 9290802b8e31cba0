// The page of passkeys in words: what a passkey is called, where it was used, what its removal ends; and what browsers are told.

import assert from 'node:assert/strict';
import { test } from 'node:test';

globalThis.document ??= { documentElement: {} };
Object.defineProperty(globalThis, 'navigator', { configurable: true, value: { language: 'ja', userAgent: '' } });

const { addTexts, setLanguage, useTexts } = await import('/assets/i18n.js');
const { walletTexts } = await import('/assets/wallet-texts.js');
const { walletLaterTexts } = await import('/assets/wallet-later-texts.js');
const { walletPasskeysTexts } = await import('/assets/wallet-passkeys-texts.js');
useTexts(walletTexts);
addTexts(walletLaterTexts);
addTexts(walletPasskeysTexts);
const { lastUse, nameOfPasskey, proposedName, removalWords } = await import('/assets/wallet-passkeys.js');
const { hearsSignals, tellAccepted, tellUnknown } = await import('/assets/passkey-signals.js');

const AGENTS = {
  iphone: 'Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Version/19.1 Mobile/15E148 Safari/604.1',
  android: 'Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/144.0.0.0 Mobile Safari/537.36',
  windows: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/144.0.0.0 Safari/537.36',
  mac: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Safari/605.1.15',
};

test('a new passkey is offered the name of the device that makes it', () => {
  setLanguage('ja');
  assert.deepEqual(Object.values(AGENTS).map(proposedName),
    ['iPhone のパスキー', 'Android のパスキー', 'Windows のパスキー', 'Mac のパスキー']);
  assert.equal(proposedName('something else'), '');
  setLanguage('en');
  assert.equal(proposedName(AGENTS.windows), 'Passkey of Windows');
});

test('a passkey is called what its owner calls it, or by the browser it was made in', () => {
  setLanguage('ja');
  assert.equal(nameOfPasskey({ name: '金庫の鍵', browser: 'chrome' }), '金庫の鍵');
  assert.equal(nameOfPasskey({ name: null, browser: 'safari_phone' }), 'iPhone のパスキー');
  assert.equal(nameOfPasskey({ name: null, browser: 'chrome' }), 'Chrome のパスキー');
  assert.equal(nameOfPasskey({ name: null, browser: 'unknown' }), 'パスキー');
  assert.equal(nameOfPasskey({ name: null, browser: 'of_a_later_program' }), 'パスキー');
});

test('the place of the last use is this network or another one, or is not said', () => {
  setLanguage('en');
  const at = Date.UTC(2026, 10, 28, 3, 4);
  assert.equal(lastUse({ used_at_ms: null, used_here: null }), 'Not used since it was made');
  assert.match(lastUse({ used_at_ms: at, used_here: true }), /^Last used: .+ \(this network\)$/);
  assert.match(lastUse({ used_at_ms: at, used_here: false }), /^Last used: .+ \(another network\)$/);
  assert.doesNotMatch(lastUse({ used_at_ms: at, used_here: null }), /network/);
});

test('whoever removes a passkey reads first which sign-ins end with it', () => {
  setLanguage('en');
  const passkey = { name: 'Old phone', browser: 'safari_phone', sessions: 0, opened_this_session: false };
  assert.deepEqual(removalWords(passkey), [
    'Nobody can sign in with “Old phone” any more, at once.', 'A payment code on a screen stops working.',
  ]);
  const words = removalWords({ ...passkey, sessions: 2, opened_this_session: true });
  assert.equal(words[1], '2 sign-ins that it opened end at once too.');
  assert.equal(words[2], 'This page is signed out as well. Please come back with another passkey.');
});

test('a browser with the signal calls is told in its own words; one without, or one that fails, stops nothing', async () => {
  const signals = { rp_id: 'wallet.example.jp', user_id: 'dXNlcg', accepted: ['YQ', 'Yg'], name: 's***@example.jp', display_name: 'そら' };
  delete globalThis.PublicKeyCredential;
  assert.equal(hearsSignals(), false);
  await tellAccepted(signals);
  await tellUnknown('wallet.example.jp', 'YQ');
  const told = [];
  const hear = (name) => async (what) => { told.push([name, what]); };
  globalThis.PublicKeyCredential = {
    signalAllAcceptedCredentials: hear('accepted'),
    signalCurrentUserDetails: async () => { throw new TypeError('not today'); },
    signalUnknownCredential: hear('unknown'),
  };
  assert.equal(hearsSignals(), true);
  await tellAccepted(signals);
  await tellUnknown('wallet.example.jp', 'YQ');
  assert.deepEqual(told, [
    ['accepted', { rpId: 'wallet.example.jp', userId: 'dXNlcg', allAcceptedCredentialIds: ['YQ', 'Yg'] }],
    ['unknown', { rpId: 'wallet.example.jp', credentialId: 'YQ' }],
  ]);
  delete globalThis.PublicKeyCredential;
});
