// The settings begin with a check-up of the account, which leads to what is missing; and a customer reads and saves a copy of all that is
// kept. Once in each language.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before } from 'node:test';

import { dev } from '../peers/dev.mjs';
import { assertAccessible, giveAuthenticator, lookAt, mobileDigits, openBrowser, openDevice, picture, signUp, story, until } from './stage.mjs';
import { walletTexts } from './texts.mjs';

const LANGUAGES = [{ lang: 'ja', locale: 'ja-JP', name: 'りく' }, { lang: 'en', locale: 'en-US', name: 'Riku' }];

let browser;
let phone;

before(async () => { browser = await openBrowser(); });
after(async () => { await browser?.close(); });

/** The page on a small phone in the dark: nothing hangs out, and a screen reader finds its way. */
async function smallAndDark(page, name) {
  await page.setViewportSize({ width: 320, height: 640 });
  await page.emulateMedia({ colorScheme: 'dark' });
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(wider, 0, 'nothing hangs out of a small phone');
  await assertAccessible(page, `${name}, small and dark`);
  await picture(page, `${name}-small`, { fullPage: true });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 390, height: 844 });
}

for (const { lang, locale, name } of LANGUAGES) {
  const step = story(() => ({ phone }));
  const words = walletTexts[lang];
  const digits = mobileDigits();
  const number = `080-${digits.slice(0, 4)}-${digits.slice(4)}`;
  const said = (key, values) => Object.entries(values).reduce((text, [word, value]) => text.replace(`{${word}}`, value), words[key]);

  step(`${lang}: the check-up says what is done and what would help`, async () => {
    phone = await openDevice(browser, { phone: true, locale });
    await giveAuthenticator(phone, { synced: false });
    await signUp(phone.page, number, name);
    const { page } = phone;
    await page.goto(`${dev.wallet_url}#settings`);
    await page.getByRole('heading', { name: words.check_title }).waitFor();
    await page.getByText(said('check_sum', { count: 7, good: 3 })).waitFor();
    for (const key of ['check_second_way_todo', 'check_contacts_todo', 'check_way_back_todo', 'check_freeze_code_todo']) {
      await page.getByText(words[key]).waitFor();
    }
    await lookAt(page, `wallet-security-${lang}`, { fullPage: true });
    await smallAndDark(page, `wallet-security-${lang}`);
  });

  step(`${lang}: what is missing is a press away, and done is done`, async () => {
    const { page } = phone;
    await page.getByRole('link', { name: words.check_freeze_code_todo }).click();
    await page.getByRole('button', { name: words.freeze_code_make }).click();
    await page.getByRole('button', { name: words.freeze_code_kept }).click();
    await page.getByRole('button', { name: words.freeze_code_make_new }).waitFor();
    await page.getByRole('link', { name: words.back }).click();
    await page.getByText(said('check_sum', { count: 7, good: 4 })).waitFor();
    assert.equal(await page.getByText(words.check_freeze_code_todo).count(), 0);
  });

  step(`${lang}: the copy of the data can be read and saved, and holds no secret`, async () => {
    const { page } = phone;
    await page.getByRole('link', { name: words.my_data_title }).click();
    await page.getByRole('heading', { name: words.my_data_title, level: 1 }).waitFor();
    await page.getByRole('button', { name: words.my_data_go }).click();
    await page.getByRole('heading', { name: words.my_data_ready }).waitFor();
    await lookAt(page, `wallet-my-data-${lang}`, { fullPage: true });
    await smallAndDark(page, `wallet-my-data-${lang}`);
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: words.my_data_save }).click()]);
    assert.match(download.suggestedFilename(), /^mamori-\d+-\d{4}-\d\d-\d\d\.json$/);
    const data = JSON.parse(readFileSync(await download.path(), 'utf8'));
    assert.equal(data.person.display_name, name);
    assert.deepEqual(data.contacts.map((one) => one.contact), [`+8180${digits}`]);
    assert.equal(data.passkeys.length, 1);
    await until('the sign-up stands in it', () => data.activity.some((act) => act.what === 'open_wallet'));
  });

  step(`${lang}: who wants the wallet closed is told what happens, is stopped at once, and may think again`, async () => {
    const { page } = phone;
    await page.goto(`${dev.wallet_url}#closing`);
    await page.getByRole('heading', { name: words.closing_title, level: 1 }).waitFor();
    await page.getByRole('button', { name: words.closing_yes }).click();
    await page.getByText(words.closing_missing).waitFor();
    await page.getByLabel(words.closing_payout).fill('みらい銀行 本店 普通 0000000');
    await lookAt(page, `wallet-closing-${lang}`, { fullPage: true });
    await smallAndDark(page, `wallet-closing-${lang}`);
    await page.getByRole('button', { name: words.closing_yes }).click();
    await page.getByRole('heading', { name: words.closing_asked }).waitFor();
    await lookAt(page, `wallet-closing-asked-${lang}`, { fullPage: true });
    await page.getByRole('button', { name: words.closing_keep }).click();
    await page.getByRole('button', { name: words.closing_yes }).waitFor();
    await page.goto(dev.wallet_url);
    await page.getByText(words.frozen_title).waitFor();
    assert.deepEqual(phone.problems, []);
    await phone.context.close();
  });
}
