// Whoever fears a thief stops the wallet, also where there is no network: the page says honestly that nothing has stopped
// yet, and goes on asking.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { walletTexts } from './texts.mjs';
import { giveAuthenticator, lookAt, openBrowser, openDevice, signUp, story } from './stage.mjs';

const words = walletTexts.ja;

let browser;
let phone;

before(async () => {
  browser = await openBrowser();
  phone = await openDevice(browser, { phone: true });
  await giveAuthenticator(phone);
});
after(async () => { await browser?.close(); });

const step = story(() => ({ phone }));
const button = (page, name) => page.getByRole('button', { name, exact: true });
const frozen = (page) => page.getByRole('heading', { name: words.frozen_title });
const notYet = (page) => page.getByText(words.not_stopped_yet, { exact: true });

step('the button is in the head, out of the way of a thumb that shows the code', async () => {
  const { page } = phone;
  await signUp(page, `stopping-${Date.now()}@example.com`, 'みなみ');
  await page.locator('.code-barcode img').waitFor();
  const box = await button(page, words.freeze).boundingBox();
  const card = await page.locator('.code-card').boundingBox();
  assert.ok(box.y + box.height < card.y - 40, 'not beside the code');
  assert.ok(box.height >= 44 && box.width >= 44, 'and still large enough');
});

step('without a network: not frozen yet, and it can be given up', async () => {
  const { page, context } = phone;
  await context.setOffline(true);
  await button(page, words.freeze).click();
  await notYet(page).waitFor();
  await lookAt(page, 'wallet-not-stopped-yet-ja');
  assert.equal(await frozen(page).count(), 0);
  await button(page, words.give_stop_up).click();
  await notYet(page).waitFor({ state: 'detached' });
});

step('it is asked until it is answered, whatever page is read meanwhile', async () => {
  const { page, context } = phone;
  await button(page, words.freeze).click();
  await notYet(page).waitFor();
  await page.getByRole('link', { name: words.nav_settings }).click();
  await notYet(page).waitFor();
  await page.getByRole('link', { name: words.nav_home }).click();
  await page.locator('.recent-list').getByText(words.offline).waitFor();
  await context.setOffline(false);
  await notYet(page).waitFor({ state: 'detached' });
  await frozen(page).waitFor();
  // And what could not be read meanwhile is read.
  await page.getByText(words.nothing_yet).waitFor();
});

step('a stopped wallet looks stopped, and its passkey starts it again', async () => {
  const { page } = phone;
  await page.locator('.top').getByText(words.frozen_short, { exact: true }).waitFor();
  const colour = () => page.locator('.top').evaluate((top) => getComputedStyle(top).backgroundColor);
  const stopped = await colour();
  await lookAt(page, 'wallet-stopped-ja');
  await button(page, words.unfreeze).click();
  await page.locator('.code-barcode img').waitFor();
  assert.notEqual(await colour(), stopped, 'nothing of the green of a working wallet');
});

step('nothing went wrong in any script', () => {
  assert.deepEqual(phone.problems, []);
});
