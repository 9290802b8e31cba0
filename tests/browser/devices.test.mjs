// A wallet pays from one phone: a new one takes over, by the old one's yes or by the passkey, and a stolen cookie is worth nothing.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { dev } from '../peers/dev.mjs';
import { giveAuthenticator, lookAt, lookInBothLanguages, openBrowser, openDevice, signUp, story, takeOver } from './stage.mjs';
import { walletTexts } from './texts.mjs';

const { ja, en } = walletTexts;
let browser;
let old;
let newer;
let thief;
let finger;
let other;

before(async () => {
  browser = await openBrowser();
  old = await openDevice(browser, { phone: true });
  newer = await openDevice(browser, { phone: true, locale: 'en-GB' });
  thief = await openDevice(browser, { phone: true });
});
after(async () => { await browser?.close(); });

const step = story(() => ({ old, newer, thief }));
const shows = (page) => page.locator('.code-barcode img').waitFor();
const told = (page, words) => page.locator('.device-card').getByText(words.device_elsewhere).waitFor();

step('a second phone with the same passkey is in, and shows no code', async () => {
  finger = await giveAuthenticator(old);
  await signUp(old.page, `devices-${Date.now()}@example.com`, 'そら');
  await shows(old.page);
  other = await giveAuthenticator(newer);
  await other.adopt((await finger.passkeys())[0]);
  await newer.page.goto(dev.wallet_url);
  await told(newer.page, en);
  await lookInBothLanguages(newer.page, 'wallet-elsewhere', { fullPage: true });
  await old.page.getByRole('dialog', { name: ja.sign_in_elsewhere }).getByRole('button', { name: ja.sign_in_mine }).click();
});

step('the old phone lets it take over by the number that it shows', async () => {
  await newer.page.getByRole('button', { name: ja.device_take_over }).or(newer.page.getByRole('button', { name: en.device_take_over })).click();
  const asking = newer.page.getByRole('dialog');
  await lookAt(newer.page, 'wallet-take-over');
  await asking.locator('.button.quiet').click();
  const number = (await asking.locator('.device-number').textContent()).trim();
  assert.match(number, /^[1-9]\d$/);
  await lookAt(newer.page, 'wallet-take-over-number');
  const asked = old.page.getByRole('dialog', { name: ja.device_asks });
  await asked.waitFor();
  await lookAt(old.page, 'wallet-device-asks-ja');
  await asked.getByRole('button', { name: number, exact: true }).click();
  await told(old.page, ja);
  await shows(newer.page);
  await asking.waitFor({ state: 'detached' });
});

step('with the passkey the first phone takes over again, and nobody has to be asked', async () => {
  await finger.adopt((await other.passkeys())[0]);
  await takeOver(old.page, ja);
  await shows(old.page);
  await newer.page.locator('.device-card').waitFor();
});

step('whoever says no lets nobody take over', async () => {
  await newer.page.locator('.device-card button').click();
  await newer.page.getByRole('dialog').locator('.button.quiet').click();
  await newer.page.locator('.device-number').waitFor();
  const asked = old.page.getByRole('dialog', { name: ja.device_asks });
  await asked.getByRole('button', { name: ja.device_not_me }).click();
  await asked.waitFor({ state: 'detached' });
  await shows(old.page);
  await newer.page.keyboard.press('Escape');
  await newer.page.locator('.device-card').waitFor();
});

step('the cookies of a phone, copied into another browser, open nothing', async () => {
  const cookies = await old.context.cookies(dev.wallet_url);
  await thief.context.addCookies(cookies);
  await thief.page.goto(dev.wallet_url);
  await thief.page.getByRole('heading', { name: ja.welcome_title }).waitFor();
  await old.page.reload();
  await shows(old.page);
});

step('nothing went wrong in any script', async () => {
  for (const { problems } of [old, newer, thief]) assert.deepEqual(problems, []);
});
