// Notices: what reaches the owner of a wallet, and how; push, from the press of a button to what the lock screen shows; and the page that a
// notice leads to for whoever says "this was not me". Once in each language.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { dev, remember } from '../peers/dev.mjs';
import {
  assertAccessible, giveAuthenticator, lookAt, mobileDigits, openBrowser, openDevice, picture, sendAsPage, signUp, story, until,
} from './stage.mjs';
import { walletTexts } from './texts.mjs';

const LANGUAGES = [{ lang: 'ja', locale: 'ja-JP', name: 'そら' }, { lang: 'en', locale: 'en-US', name: 'Sora' }];
const walletOrigin = new URL(dev.wallet_url).origin;

let browser;
let phone;
let elsewhere;

before(async () => { browser = await openBrowser(); });
after(async () => { await browser?.close(); });

/** The browser's own push service is on the internet; the sandbox's takes its place, and speaks the same protocol. */
async function subscribeAtSandbox(device) {
  await device.context.grantPermissions(['notifications'], { origin: walletOrigin });
  await device.page.exposeFunction('subscribeAtSandbox', async (key) => {
    const answer = await fetch(`${dev.push_url}/subscriptions`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ application_server_key: key }),
    });
    return answer.json();
  });
  await device.context.addInitScript(() => {
    const kept = 'subscription of the test';
    const made = (json, key) => ({
      endpoint: json.endpoint, options: { applicationServerKey: Uint8Array.from(key).buffer }, toJSON: () => json,
      unsubscribe: async () => { sessionStorage.removeItem(kept); return true; },
    });
    PushManager.prototype.getSubscription = async () => {
      const text = sessionStorage.getItem(kept);
      return text === null ? null : made(...JSON.parse(text));
    };
    PushManager.prototype.subscribe = async ({ applicationServerKey }) => {
      const bytes = [...new Uint8Array(applicationServerKey)];
      const key = btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
      const json = await window.subscribeAtSandbox(key);
      sessionStorage.setItem(kept, JSON.stringify([json, bytes]));
      return made(json, bytes);
    };
  });
}

async function inbox() {
  const answer = await fetch(new URL('/api/messages', dev.inbox_url));
  return (await answer.json()).messages;
}

for (const { lang, locale, name } of LANGUAGES) {
  const step = story(() => ({ phone, elsewhere }));
  const words = walletTexts[lang];
  const digits = mobileDigits();
  const number = `080-${digits.slice(0, 4)}-${digits.slice(4)}`;
  const international = `+8180${digits}`;
  let push;

  step(`${lang}: the settings lead to the page of notices, and safety goes to every contact`, async () => {
    phone = await openDevice(browser, { phone: true, locale });
    await subscribeAtSandbox(phone);
    await giveAuthenticator(phone);
    const { page } = phone;
    await signUp(page, number, name);
    await page.goto(`${dev.wallet_url}#settings`);
    await page.getByRole('link', { name: words.notices_hint }).click();
    await page.getByRole('heading', { name: words.notices_title, level: 1 }).waitFor();
    await page.getByText(words.notices_always).waitFor();
    assert.equal(await page.locator('#money-sms').getAttribute('aria-checked'), 'false', 'SMS about money is asked for');
    await lookAt(page, `wallet-notices-${lang}`, { fullPage: true });
  });

  step(`${lang}: the press of a button turns push on, and the phone hears of that on every way`, async () => {
    const { page } = phone;
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.getByRole('button', { name: words.push_on }).click();
    await page.getByRole('button', { name: words.push_off }).waitFor();
    const [{ here }] = JSON.parse((await sendAsPage(page, '/api/notices')).text).browsers;
    assert.equal(here, true);
    await until('the notice by push', async () => {
      push = (await inbox()).find((message) => message.kind === 'push' && message.text.includes('push_added') && message.text.includes(`"lang":"${lang}"`));
      return push !== undefined;
    });
    assert.match(push.from, /^ttl 259200, urgency high/);
    const notice = JSON.parse(push.text);
    assert.equal(notice.lang, lang);
    assert.match(notice.not_me, /^\/not-me#[\w-]{38}$/);
    remember(notice.not_me.split('#')[1]);
    await until('the same by SMS', async () => (await inbox()).some((message) => message.to === international && message.text.includes('/not-me#')));
    await lookAt(page, `wallet-notices-push-${lang}`, { fullPage: true });
  });

  step(`${lang}: ways are chosen by switches, with the keyboard too, and kept`, async () => {
    const { page } = phone;
    await page.locator('#money-sms').focus();
    await page.keyboard.press('Space');
    await until('it is on', async () => (await page.locator('#money-sms').getAttribute('aria-checked')) === 'true');
    await page.reload();
    await page.locator('#money-sms[aria-checked="true"]').waitFor();
    await page.getByRole('button', { name: words.notices_try }).click();
    await page.locator('p', { hasText: words.notices_tried }).first().waitFor();
    await until('one to try', async () => (await inbox()).some((message) => message.kind === 'push' && message.text.includes('try_out')));
    await page.setViewportSize({ width: 320, height: 640 });
    await page.emulateMedia({ colorScheme: 'dark' });
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wider, 0, 'nothing hangs out of a small phone');
    await assertAccessible(page, `notices, small and dark, ${lang}`);
    await picture(page, `wallet-notices-small-${lang}`, { fullPage: true });
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 390, height: 844 });
  });

  step(`${lang}: opening the page of a notice does nothing; its button stops the wallet, from any browser`, async () => {
    elsewhere = await openDevice(browser, { phone: true, locale });
    const { page } = elsewhere;
    const { not_me } = JSON.parse(push.text);
    await page.goto(new URL(not_me, dev.wallet_url).href);
    await page.getByRole('heading', { name: words.not_me_title, level: 1 }).waitFor();
    assert.equal(page.url(), new URL('/not-me', dev.wallet_url).href, 'the secret has left the address');
    assert.equal((await sendAsPage(phone.page, '/api/home')).status, 200, 'she is signed in still');
    await lookAt(page, `wallet-not-me-${lang}`, { fullPage: true });
    await page.getByRole('button', { name: words.not_me_yes }).click();
    await page.getByRole('heading', { name: words.not_me_done, level: 1 }).waitFor();
    await lookAt(page, `wallet-not-me-done-${lang}`, { fullPage: true });
    await page.goto('about:blank');
    await page.goto(new URL(not_me, dev.wallet_url).href);
    await page.getByRole('button', { name: words.not_me_yes }).click();
    await until('it is used up', async () => (await page.getByRole('alert').allTextContents()).some((text) => text !== ''));
    await page.goto(new URL('/not-me', dev.wallet_url).href);
    await page.getByText(words.not_me_missing).waitFor();
  });

  step(`${lang}: the owner comes back, finds the wallet stopped, and starts it again`, async () => {
    const { page } = phone;
    await page.goto(dev.wallet_url);
    const button = page.getByRole('button', { name: words.sign_in, exact: true });
    await until('signed in', async () => {
      if (await page.getByText(words.frozen_title).count() > 0) return true;
      await button.click({ timeout: 500 }).catch(() => {});
      return false;
    });
    await page.getByRole('button', { name: words.unfreeze }).click();
    await until('payments go on', async () => (await page.getByText(words.frozen_title).count()) === 0);
    assert.deepEqual(JSON.parse((await sendAsPage(page, '/api/notices')).text).browsers, [], 'whoever is signed out gets no push');
  });
}
