// The code on paper: made with the passkey, shown once, and typed in a browser that was never there, when the phone is gone. Once in each
// language.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { dev, remember } from '../peers/dev.mjs';
import { assertAccessible, giveAuthenticator, lookAt, mobileDigits, openBrowser, openDevice, picture, signUp, story, until } from './stage.mjs';
import { walletTexts } from './texts.mjs';

const LANGUAGES = [{ lang: 'ja', locale: 'ja-JP', name: 'そら' }, { lang: 'en', locale: 'en-US', name: 'Sora' }];

let browser;
let phone;
let elsewhere;

before(async () => { browser = await openBrowser(); });
after(async () => { await browser?.close(); });

for (const { lang, locale, name } of LANGUAGES) {
  const step = story(() => ({ phone, elsewhere }));
  const words = walletTexts[lang];
  const digits = mobileDigits();
  const number = `070-${digits.slice(0, 4)}-${digits.slice(4)}`;
  const stopPage = new URL('/freeze', dev.wallet_url).href;
  let code;

  step(`${lang}: the settings lead to the page of the code, and there is none yet`, async () => {
    phone = await openDevice(browser, { phone: true, locale });
    await giveAuthenticator(phone);
    await signUp(phone.page, number, name);
    await phone.page.goto(`${dev.wallet_url}#settings`);
    await phone.page.locator('a.setting-button[href="#freeze-code"]:not([class*=check-])').click();
    await phone.page.getByRole('heading', { name: words.freeze_code_title, level: 1 }).waitFor();
    await phone.page.getByText(words.freeze_code_none).waitFor();
    await lookAt(phone.page, `wallet-freeze-code-none-${lang}`, { fullPage: true });
  });

  step(`${lang}: it is made with the passkey and shown once, with a picture of where it is typed`, async () => {
    const { page } = phone;
    await page.getByRole('button', { name: words.freeze_code_make }).click();
    await page.getByRole('heading', { name: words.freeze_code_ready }).waitFor();
    code = await page.locator('.paper-code-text').textContent();
    remember(code);
    assert.match(code, /^([0-9A-Z]{5}-){3}[0-9A-Z]{5}$/);
    await lookAt(page, `wallet-freeze-code-${lang}`, { fullPage: true });
    await page.setViewportSize({ width: 320, height: 640 });
    await page.emulateMedia({ colorScheme: 'dark' });
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wider, 0, 'nothing hangs out of a small phone');
    await assertAccessible(page, `freeze code, small and dark, ${lang}`);
    await picture(page, `wallet-freeze-code-small-${lang}`, { fullPage: true });
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.getByRole('button', { name: words.freeze_code_kept }).click();
    await page.getByRole('button', { name: words.freeze_code_make_new }).waitFor();
    assert.ok(!(await page.content()).includes(code), 'shown once');
  });

  step(`${lang}: in a browser that was never there, a slip is told, and the code stops the wallet`, async () => {
    elsewhere = await openDevice(browser, { phone: true, locale });
    const { page } = elsewhere;
    await page.goto(dev.wallet_url);
    await page.getByRole('link', { name: words.lost_phone }).click();
    await page.getByRole('heading', { name: words.stop_title, level: 1 }).waitFor();
    await page.getByRole('button', { name: words.stop_yes }).click();
    await page.getByText(words.stop_missing).waitFor();
    await page.locator('#freeze-code').fill(code.slice(0, -1));
    await page.keyboard.press('Enter');
    await page.getByText(words.stop_mistyped).waitFor();
    await lookAt(page, `wallet-freeze-by-code-${lang}`, { fullPage: true });
    await page.locator('#freeze-code').fill(code.toLowerCase().replaceAll('-', ' '));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: words.stop_done, level: 1 }).waitFor();
    await lookAt(page, `wallet-freeze-by-code-done-${lang}`, { fullPage: true });
  });

  step(`${lang}: the phone is signed out; who signs in again finds the wallet stopped, and starts it with the passkey`, async () => {
    const { page } = phone;
    await page.goto(dev.wallet_url);
    // The browser's own list of passkeys may be faster than the button.
    const button = page.getByRole('button', { name: words.sign_in, exact: true });
    await until('signed in', async () => {
      if (await page.getByText(words.frozen_title).count() > 0) return true;
      await button.click({ timeout: 500 }).catch(() => {});
      return false;
    });
    await page.getByRole('link', { name: words.nav_settings }).click();
    await page.locator('a.setting-button[href="#freeze-code"]:not([class*=check-])').click();
    await page.getByText(words.freeze_code_used_lead).waitFor();
    await lookAt(page, `wallet-freeze-code-used-${lang}`, { fullPage: true });
    await page.goto(dev.wallet_url);
    await page.getByRole('button', { name: words.unfreeze }).click();
    await until('payments go on', async () => (await page.getByText(words.frozen_title).count()) === 0);
  });

  step(`${lang}: the printed picture opens the page with the code in it, and opening it does nothing`, async () => {
    const { page } = elsewhere;
    await page.goto('about:blank');
    await page.goto(`${stopPage}#${code}`);
    await until('the code is there', async () => (await page.locator('#freeze-code').inputValue()) === code);
    assert.equal(page.url(), stopPage, 'it has left the address');
    await phone.page.goto(dev.wallet_url);
    assert.equal(await phone.page.getByText(words.frozen_title).count(), 0);
  });
}
