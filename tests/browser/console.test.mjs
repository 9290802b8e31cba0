// The operator's page: in by a one-time link and a passkey, and today in figures and charts.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { consoleTexts } from '../../web/console/console-texts.js';
import { customer, dev, freshCode, remember } from '../peers/dev.mjs';
import { enrol, giveAuthenticator, lookInBothLanguages, openBrowser, openDevice, picture, story, until } from './stage.mjs';

const words = consoleTexts.ja;
let browser;
let operator;
let finger;

before(async () => {
  browser = await openBrowser();
  operator = await openDevice(browser);
  finger = await giveAuthenticator(operator);
});
after(async () => { await browser?.close(); });

const step = story(() => ({ operator }));
const button = (page, name) => page.getByRole('button', { name, exact: true });
const heading = (page, name) => page.getByRole('heading', { name, exact: true });

step('nobody sees anything without signing in', async () => {
  const { page } = operator;
  await page.goto(dev.console_url);
  await heading(page, words.sign_in_title).waitFor();
  await lookInBothLanguages(page, 'console-sign-in');
  for (const path of ['/api/today', '/api/tills', '/api/outbox']) {
    assert.equal(await page.evaluate(async (one) => (await fetch(one)).status, path), 401, path);
  }
});

step('the one-time link makes the first operator, once', async () => {
  const { page } = operator;
  remember(new URL(dev.console_link).hash.replace(/^#link=/, ''));
  // A link differs from the page before by its fragment alone; it must be opened afresh.
  await page.goto('about:blank');
  await page.goto(dev.console_link);
  await heading(page, words.first_title).waitFor();
  assert.equal(new URL(page.url()).hash, '', 'the secret does not stay in the address');
  await button(page, words.first).click();
  await heading(page, words.sales_today).waitFor();
  const again = await openDevice(browser);
  await giveAuthenticator(again);
  await again.page.goto(dev.console_link);
  await button(again.page, words.first).click();
  await until('a refusal', async () => (await again.page.getByRole('alert').allTextContents()).some((text) => text.trim() !== ''));
  await again.context.close();
});

step('a payment shows within seconds', async () => {
  const { page } = operator;
  const till = await openDevice(browser);
  await enrol(till.page, dev.merchant.tills[2].pairing_code);
  const sales = page.locator('.card-sales .figure-second');
  const count = async () => Number((await sales.textContent()).replace(/\D/g, ''));
  const before = await count();
  await till.page.locator('#amount').fill('110');
  await till.page.keyboard.press('Enter');
  await till.page.keyboard.type(freshCode(customer().name));
  await till.page.keyboard.press('Enter');
  await till.page.locator('.answer-paid').waitFor();
  await until('one payment more', async () => (await count()) === before + 1);
  await till.context.close();
});

step('the books balance, in both languages', async () => {
  const { page } = operator;
  await page.getByText(words.in_balance).waitFor();
  await lookInBothLanguages(page, 'console-today', { fullPage: true });
});

step('a pairing code is made for a till', async () => {
  const { page } = operator;
  // The till whose first code is used up already: a new code ends the old one, and the other stories need theirs.
  await page.locator('.till-row button').nth(2).click();
  const sheet = page.getByRole('dialog');
  await sheet.waitFor();
  remember((await sheet.locator('.pairing-code').textContent()).trim());
  await picture(page, 'console-pairing-ja');
  await button(sheet, words.close).click();
});

step('the operator leaves, and comes back with the passkey', async () => {
  const { page } = operator;
  await button(page, words.sign_out).click();
  await heading(page, words.sign_in_title).waitFor();
  await finger.verify(false);
  await button(page, words.sign_in).click();
  await page.getByText(words.passkey_not_finished).waitFor();
  await finger.verify(true);
  await button(page, words.sign_in).click();
  await heading(page, words.sales_today).waitFor();
});

step('nothing went wrong in any script', () => {
  assert.deepEqual(operator.problems, []);
});
