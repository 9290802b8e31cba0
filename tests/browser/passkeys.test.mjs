// A customer with several passkeys on two devices: a synchronised one that opens the wallet on both, a security key that is added,
// named and carried over, one that is removed and ends what it opened; and what the browser is told of them.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { walletTexts } from './texts.mjs';
import { dev } from '../peers/dev.mjs';
import {
  assertAccessible, giveAuthenticator, lookAt, lookInBothLanguages, openBrowser, openDevice, picture, signUp, story, until,
} from './stage.mjs';

const words = walletTexts.ja;
const fill = (text, values) => Object.entries(values).reduce((filled, [name, value]) => filled.replaceAll(`{${name}}`, value), text);
const CONTACT = 'minato.passkeys@example.jp';
const KEY = '金庫の鍵';

let browser;
let phone;
let tablet;
let finger;
let tabletFinger;
let key;
/** The same key, plugged into the tablet. */
let carried;

/** Writes down what the page tells the browser of passkeys. */
const hearSignals = ({ context }) => context.addInitScript(() => {
  globalThis.signals = JSON.parse(sessionStorage.getItem('signals') ?? '[]');
  for (const name of ['signalAllAcceptedCredentials', 'signalCurrentUserDetails', 'signalUnknownCredential']) {
    PublicKeyCredential[name] = async (what) => {
      globalThis.signals.push({ name, what });
      sessionStorage.setItem('signals', JSON.stringify(globalThis.signals));
    };
  }
});
const heard = ({ page }, name) => page.evaluate((wanted) => globalThis.signals.filter((one) => one.name === wanted).map((one) => one.what), name);
const base64url = (base64) => base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
const ids = async (authenticator) => (await authenticator.passkeys()).map((one) => base64url(one.credentialId));

const button = (page, name) => page.getByRole('button', { name, exact: true });
const rowOf = (page, name) => page.locator('main li').filter({ hasText: name });
const openPasskeys = async (page) => {
  await page.goto(new URL('#passkeys', dev.wallet_url).href);
  await page.getByRole('heading', { name: words.passkeys, level: 1 }).waitFor();
  await button(page, words.passkey_add).waitFor();
};

/** By the button, or faster than it: a browser that offers passkeys by itself takes one as soon as it is there. */
const signIn = (page) => until('signed in', async () => {
  await button(page, words.sign_in).click({ timeout: 1_000 }).catch(() => {});
  return page.locator('.balance-figure').isVisible();
});

before(async () => {
  browser = await openBrowser();
  phone = await openDevice(browser, { phone: true });
  tablet = await openDevice(browser);
  await hearSignals(phone);
  await hearSignals(tablet);
  finger = await giveAuthenticator(phone);
  tabletFinger = await giveAuthenticator(tablet);
});
after(() => browser?.close());

const step = story(() => ({ phone, tablet }));

step('whoever has signed up finds the passkey of this phone in the settings, and the browser hears of it', async () => {
  const { page } = phone;
  await signUp(page, CONTACT, 'みなと');
  const own = await ids(finger);
  assert.equal(own.length, 1);
  const [accepted] = await until('the browser is told', async () => {
    const told = await heard(phone, 'signalAllAcceptedCredentials');
    return told.length > 0 && told;
  });
  assert.deepEqual(accepted.allAcceptedCredentialIds, own);
  assert.equal(accepted.rpId, new URL(dev.wallet_url).hostname);
  const [called] = await until('what the account is called', async () => {
    const told = await heard(phone, 'signalCurrentUserDetails');
    return told.length > 0 && told;
  });
  assert.deepEqual([called.name, called.displayName, called.userId], ['m***@example.jp', 'みなと', accepted.userId]);
  await page.goto(new URL('#settings', dev.wallet_url).href);
  await page.getByRole('link', { name: words.passkeys_hint }).click();
  await page.getByText(words.passkey_synced).waitFor();
  await page.getByText(words.passkey_this_session).waitFor();
  await page.getByText(words.passkey_last).waitFor();
  assert.equal(await button(page, words.passkey_remove).count(), 0);
  await lookInBothLanguages(page, 'wallet-passkeys-one');
});

step('a device whose passkey is there makes no second one', async () => {
  const { page } = phone;
  await button(page, words.passkey_add).click();
  await button(page, words.passkey_add_confirm).click();
  await button(page, words.passkey_make).click();
  await page.getByRole('dialog').getByText(words.passkey_is_there).waitFor();
  assert.equal((await finger.passkeys()).length, 1);
  await assertAccessible(page, 'the second step of adding');
  await picture(page, 'wallet-passkeys-is-there');
});

step('a security key is added with the passkey that is there, and a message tells of it', async () => {
  const { page } = phone;
  key = await giveAuthenticator(phone, { transport: 'usb' });
  await finger.present(false);
  const name = page.getByRole('textbox', { name: words.passkey_name });
  await name.fill('a\u202Eb');
  await button(page, words.passkey_make).click();
  await page.getByRole('dialog').getByText(words.passkey_name_wrong).waitFor();
  await name.fill(KEY);
  await button(page, words.passkey_make).click();
  await rowOf(page, KEY).waitFor();
  await finger.present(true);
  await rowOf(page, KEY).getByText(words.passkey_one_device).waitFor();
  await rowOf(page, KEY).getByText(words.passkey_never_used).waitFor();
  const both = [...await ids(finger), ...await ids(key)];
  await until('the browser is told of both', async () => {
    const told = await heard(phone, 'signalAllAcceptedCredentials');
    return told.at(-1)?.allAcceptedCredentialIds.join() === both.join();
  });
  await until('a message', async () => {
    const { messages } = await (await fetch(new URL('/api/messages', dev.inbox_url))).json();
    return messages.some((one) => one.to === CONTACT && one.text.includes('サインインの方法'));
  });
});

step('a passkey is called otherwise, and the list is read in both languages and on the narrowest phone', async () => {
  const { page } = phone;
  await page.getByRole('button', { name: fill(words.passkey_rename_named, { name: KEY }) }).click();
  await lookAt(page, 'wallet-passkeys-rename');
  await page.getByRole('textbox', { name: words.passkey_name }).fill('引き出しの鍵');
  await page.keyboard.press('Enter');
  await rowOf(page, '引き出しの鍵').waitFor();
  await lookInBothLanguages(page, 'wallet-passkeys-two');
  await page.setViewportSize({ width: 320, height: 640 });
  await page.emulateMedia({ colorScheme: 'dark' });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 320, `${wide} px wide`);
  await lookAt(page, 'wallet-passkeys-narrow-dark', { fullPage: true });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 390, height: 844 });
});

step('a synchronised passkey opens the wallet on another device, and so does the key that is carried over', async () => {
  const { page } = tablet;
  for (const credential of await finger.passkeys()) await tabletFinger.adopt(credential);
  // The browser offers it by itself, and the finger is on it.
  await page.goto(dev.wallet_url);
  await page.locator('.balance-figure').waitFor();
  await openPasskeys(page);
  await page.getByText(words.passkey_this_session).waitFor();
  assert.equal(await page.locator('main li').count(), 2);

  await tabletFinger.clear();
  await page.goto(new URL('#settings', dev.wallet_url).href);
  await button(page, words.sign_out).click();
  await button(page, words.sign_in).waitFor();
  carried = await giveAuthenticator(tablet, { transport: 'usb' });
  for (const credential of await key.passkeys()) await carried.adopt(credential);
  await signIn(page);
  await openPasskeys(page);
  await rowOf(page, '引き出しの鍵').getByText(words.passkey_this_session).waitFor();
});

step('what was removed elsewhere meanwhile leaves the list as soon as it is touched', async () => {
  const { page } = tablet;
  await page.route('**/api/passkeys/rename', (route) => route.fulfill({ status: 404, contentType: 'application/json', body: '{"refusal":"not_found","message_ja":"見つかりません。","message_en":"Not found."}' }));
  await page.getByRole('button', { name: fill(words.passkey_rename_named, { name: '引き出しの鍵' }) }).click();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.unroute('**/api/passkeys/rename');
  await rowOf(page, '引き出しの鍵').waitFor();
});

step('a removed passkey is gone at once, and with it what it opened, on this device as well', async () => {
  const { page } = tablet;
  await key.present(false);
  const name = fill(words.passkey_of, { browser: words.browser_chrome });
  await page.getByRole('button', { name: fill(words.passkey_remove_named, { name }) }).click();
  const sheet = page.getByRole('dialog');
  await sheet.getByText(fill(words.passkey_remove_sessions, { count: 1 })).waitFor();
  await lookAt(page, 'wallet-passkeys-remove');
  await button(page, words.passkey_remove_yes).click();
  await until('one row is left', async () => (await page.locator('main li').count()) === 1);
  await page.getByText(words.passkey_last).waitFor();
  // The phone was signed in by it: its page is told, and its owner enters with what is left.
  const [gone] = await ids(finger);
  await phone.page.getByText('このパスキーは、ここではもう使えません').waitFor();
  const [unknown] = await heard(phone, 'signalUnknownCredential');
  assert.deepEqual(unknown, { rpId: new URL(dev.wallet_url).hostname, credentialId: gone });
  await assertAccessible(phone.page, 'an unknown passkey');
  await picture(phone.page, 'wallet-passkeys-unknown');
  // The key comes back; it has counted on meanwhile, and a copy that has not would be refused.
  await finger.present(false);
  await key.clear();
  for (const credential of await carried.passkeys()) await key.adopt(credential);
  await key.present(true);
  await signIn(phone.page);
});

step('the scripts of both devices had nothing to complain about', async () => {
  assert.deepEqual([...phone.problems, ...tablet.problems], []);
});
