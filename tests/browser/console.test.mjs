// The operator's page: in by a one-time link and a passkey, today in figures and charts, and a house that grows while it is
// open.

import assert from 'node:assert/strict';
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before } from 'node:test';

import { consoleTexts } from '../../web/console/console-texts.js';
import { tillTexts } from '../../web/till/till-texts.js';
import { walletTexts } from './texts.mjs';
import { customer, dev, freshCode, remember } from '../peers/dev.mjs';
import { enrol, giveAuthenticator, lookAt, lookInBothLanguages, openBrowser, openDevice, picture, sendAsPage, signUp, story, until } from './stage.mjs';

const words = consoleTexts.ja;
/** `{amount}` and its like filled in, as the page does. */
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
let browser;
let operator;
let finger;
let till;

before(async () => {
  browser = await openBrowser();
  operator = await openDevice(browser);
  finger = await giveAuthenticator(operator);
});
after(async () => { await browser?.close(); });

const step = story(() => ({ operator }));
const button = (page, name) => page.getByRole('button', { name, exact: true });
const heading = (page, name) => page.getByRole('heading', { name, exact: true });
const dialog = (page) => page.getByRole('dialog');
const link = (page, name) => page.getByRole('link', { name });
/** The page as it stands, on a phone. */
async function lookOnPhone(page, name) {
  const size = page.viewportSize();
  await page.setViewportSize({ width: 390, height: 844 });
  await lookAt(page, `${name}-phone`, { fullPage: true });
  await page.setViewportSize(size);
}

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
  till = await openDevice(browser);
  await enrol(till.page, dev.merchant.tills[2].pairing_code);
  const sales = page.locator('.card-sales .takings-sales .figure-second');
  const count = async () => Number((await sales.textContent()).replace(/\D/g, ''));
  const before = await count();
  await till.page.locator('#amount').fill('110');
  await button(till.page, tillTexts.ja.category_food).click();
  await lookAt(till.page, 'till-goods-ja');
  await till.page.keyboard.press('Enter');
  await till.page.keyboard.type(freshCode(customer().name));
  await till.page.keyboard.press('Enter');
  await till.page.locator('.answer-paid').waitFor();
  await until('one payment more', async () => (await count()) === before + 1);
  await till.page.locator('.payment-words').filter({ hasText: tillTexts.ja.category_food }).waitFor();
});

step('the books balance, in both languages', async () => {
  const { page } = operator;
  await page.getByText(words.in_balance).waitFor();
  await lookInBothLanguages(page, 'console-today', { fullPage: true });
});

step('every page of the console is one press away on the smallest phone, and at a desk the list stands beside the form', async () => {
  const { page } = operator;
  const before = page.viewportSize();
  await page.setViewportSize({ width: 320, height: 568 });
  const links = await page.locator('.console-nav a').evaluateAll((all) => all.map((one) => one.getBoundingClientRect()).map(({ left, right }) => [left, right]));
  assert.equal(links.length, 8);
  assert.ok(links.every(([left, right]) => left >= 0 && right <= 320), JSON.stringify(links));
  await page.setViewportSize({ width: 1440, height: 900 });
  await link(page, words.nav_payments).click();
  await page.locator('.payment-row').first().waitFor();
  const form = await page.locator('.payments-form').boundingBox();
  const row = await page.locator('.payment-row').first().boundingBox();
  assert.ok(row.x > form.x + form.width, 'the list stands beside the form');
  await page.setViewportSize(before);
});

step('a payment is found by its amount, and the list is saved for the office', async () => {
  const { page } = operator;
  await link(page, words.nav_payments).click();
  const rows = page.locator('.payment-row');
  await rows.first().waitFor();
  await lookInBothLanguages(page, 'console-payments', { fullPage: true });
  assert.equal(await page.title(), `${words.nav_payments} – ${words.page_title}`);
  await lookOnPhone(page, 'console-payments-ja');
  await page.getByLabel(words.payments_amount).fill('百十');
  await page.keyboard.press('Enter');
  await page.getByText(words.amount_wrong).waitFor();
  await page.getByLabel(words.payments_amount).fill('１１０');
  await page.keyboard.press('Enter');
  await until('only sales of 110 yen', async () => {
    const sums = await rows.locator('strong').allTextContents();
    return sums.length > 0 && sums.every((text) => text === '110円');
  });
  const [file] = await Promise.all([page.waitForEvent('download'), button(page, words.export_shift_jis).click()]);
  const lines = new TextDecoder('shift_jis', { fatal: true }).decode(readFileSync(await file.path())).split('\r\n');
  assert.equal(lines[0].split(',')[7], words.column_amount);
  assert.equal(lines[1].split(',')[7], '110');
  const [utf8] = await Promise.all([page.waitForEvent('download'), button(page, words.export_utf8).click()]);
  assert.deepEqual([...readFileSync(await utf8.path()).subarray(0, 3)], [0xef, 0xbb, 0xbf]);
  await page.getByLabel(words.payments_amount).fill('99999');
  await page.keyboard.press('Enter');
  await page.getByText(words.no_payments_found).waitFor();
  await page.getByRole('link', { name: words.nav_today }).click();
  await heading(page, words.sales_today).waitFor();
  await page.locator('.bars').getByRole('link', { name: 'さくら通り店' }).click();
  await rows.first().waitFor();
  assert.match(new URL(page.url()).hash, /^#payments\/store-\d+$/);
  await page.getByRole('link', { name: words.nav_today }).click();
  await heading(page, words.sales_today).waitFor();
});

step('a pairing code is made for a till', async () => {
  const { page } = operator;
  // The till whose first code is used up already: a new code ends the old one, and the other stories need theirs.
  await page.locator('.till-row button').nth(2).click();
  const sheet = page.getByRole('dialog');
  await sheet.waitFor();
  // The till is at work: taking it over is said before the passkey is asked for.
  await sheet.getByText(words.pairing_takes_over).waitFor();
  await button(sheet, words.pairing_now).click();
  remember((await sheet.locator('.pairing-code').textContent()).trim());
  await picture(page, 'console-pairing-ja');
  await button(sheet, words.close).click();
});

/** What a register hears that looks for a payment with this key: 401, or anything else if its signature counts. */
async function registerHears({ api_key, api_secret }, scheme) {
  const [path, nonce, epoch] = ['/v2/payments/nothing', randomUUID(), Math.floor(Date.now() / 1_000)];
  const ours = ['MAMORI-HMAC-SHA256', 'GET', path, epoch, nonce, createHash('sha256').update('').digest('hex')];
  const text = scheme === 'OPA-Auth' ? [path, 'GET', nonce, epoch, 'empty', 'empty'] : ours;
  const mac = createHmac('sha256', api_secret).update(text.join('\n')).digest('base64');
  const end = scheme === 'OPA-Auth' ? ':empty' : '';
  const answer = await fetch(new URL(path, dev.base_url), { headers: { authorization: `hmac ${scheme}:${api_key}:${mac}:${nonce}:${epoch}${end}` } });
  return answer.status;
}

let made;
let boss;

step('a merchant, a store and a till are opened, with the keyboard', async () => {
  const { page } = operator;
  await link(page, words.nav_merchants).focus();
  await page.keyboard.press('Enter');
  await heading(page, words.merchants).waitFor();
  await lookInBothLanguages(page, 'console-merchants', { fullPage: true });
  await button(page, words.add_merchant).focus();
  await page.keyboard.press('Enter');
  await dialog(page).waitFor();
  await page.keyboard.type('そら書房');
  await page.keyboard.press('Enter');
  await heading(page, 'そら書房').waitFor();
  await button(page, words.add_store).focus();
  await page.keyboard.press('Enter');
  await page.keyboard.type('駅前店');
  await page.keyboard.press('Enter');
  await dialog(page).waitFor({ state: 'detached' });
  // A store that was just opened stands open: what it needs next is a till.
  await button(page, words.add_till_short).waitFor();
  await button(page, words.add_till_short).focus();
  await page.keyboard.press('Enter');
  await page.keyboard.type('レジ1');
  await lookAt(page, 'console-add-till-ja');
  await page.keyboard.press('Enter');
  await dialog(page).waitFor({ state: 'detached' });
  await page.getByText('レジ1', { exact: true }).waitFor();
});

step('a name that is taken is refused in words', async () => {
  const { page } = operator;
  await button(page, words.add_store).click();
  await page.keyboard.type('駅前店');
  await page.keyboard.press('Enter');
  await dialog(page).getByText('同じ名前がすでにあります').waitFor();
  await page.keyboard.press('Escape');
  await dialog(page).waitFor({ state: 'detached' });
});

step('an API key is made with the passkey and its secret is shown once', async () => {
  const { page } = operator;
  await button(page, words.make_key).click();
  await finger.verify(false);
  await button(dialog(page), words.make_key_now).click();
  await dialog(page).getByText(words.passkey_not_finished).waitFor();
  await finger.verify(true);
  await button(dialog(page), words.make_key_now).click();
  await dialog(page).getByText(words.secret_once).waitFor();
  const [api_key, api_secret] = await dialog(page).locator('.copyable-text').allTextContents();
  made = { api_key, api_secret: remember(api_secret) };
  await lookAt(page, 'console-new-key-ja');
  await lookOnPhone(page, 'console-new-key-ja');
  // Neither Escape nor the cross takes a secret away that is shown this once.
  for (let press = 0; press < 3; press += 1) await page.keyboard.press('Escape');
  await dialog(page).getByText(words.secret_ask).waitFor();
  await button(dialog(page), words.close).click();
  assert.equal(await dialog(page).locator('.copyable-text').nth(1).textContent(), api_secret);
  // Once it is kept, it leaves the page in the turn in which the sheet closes.
  const left = await page.evaluate((secret) => {
    document.querySelector('.secret-kept').click();
    return document.documentElement.textContent.includes(secret);
  }, api_secret);
  assert.equal(left, false, 'the secret is gone with the sheet');
  await dialog(page).waitFor({ state: 'detached' });
  await page.getByText(api_key).waitFor();
  for (const scheme of ['OPA-Auth', 'MAMORI-HMAC-SHA256']) assert.notEqual(await registerHears(made, scheme), 401, scheme);
});

step('a key says what it is for, and a merchant, a store and a till get other names', async () => {
  const { page } = operator;
  const give = async (named, name) => {
    await button(page, named).click();
    await dialog(page).locator('#new-name').fill(name);
    await page.keyboard.press('Enter');
    await dialog(page).waitFor({ state: 'detached' });
  };
  await give(`${words.label_key}: ${made.api_key}`, '駅前店のレジ');
  await page.locator('.key-words').getByText('駅前店のレジ').waitFor();
  await give(`${words.rename}: 駅前店 レジ1`, 'レジ2');
  await page.locator('.till-name').getByText('レジ2', { exact: true }).waitFor();
  await give(`${words.rename}: 駅前店`, '駅前通り店');
  await page.locator('.store summary').getByText('駅前通り店').waitFor();
  await give(`${words.rename}: 駅前通り店`, '駅前店');
  await page.locator('.store summary').getByText('駅前店', { exact: true }).waitFor();
  await give(`${words.rename}: そら書房`, 'そら書店');
  await heading(page, 'そら書店').waitFor();
  await give(`${words.rename}: そら書店`, 'そら書房');
  await heading(page, 'そら書房').waitFor();
});

step('OPA-Auth is switched off for the key, and the key works on', async () => {
  const { page } = operator;
  await lookInBothLanguages(page, 'console-merchant', { fullPage: true });
  await lookOnPhone(page, 'console-merchant-ja');
  await page.getByRole('button', { name: `${words.opa_off}: ${made.api_key}` }).click();
  await lookAt(page, 'console-opa-off-ja');
  await button(dialog(page), words.opa_off_now).click();
  await dialog(page).waitFor({ state: 'detached' });
  await page.locator('.key-schemes').getByText(words.opa_is_off, { exact: true }).waitFor();
  assert.equal(await registerHears(made, 'OPA-Auth'), 401);
  assert.notEqual(await registerHears(made, 'MAMORI-HMAC-SHA256'), 401);
});

step('a revoked key is refused from that moment on', async () => {
  const { page } = operator;
  await page.getByRole('button', { name: `${words.revoke_key}: ${made.api_key}` }).click();
  await lookAt(page, 'console-revoke-ja');
  await button(dialog(page), words.revoke_key_now).click();
  await dialog(page).waitFor({ state: 'detached' });
  assert.equal(await registerHears(made, 'MAMORI-HMAC-SHA256'), 401);
  await page.locator('.key-dead').waitFor();
  await lookInBothLanguages(page, 'console-key-revoked', { fullPage: true });
});

/** The list as it is after a restore, where nobody who came back may enter yet: the other operator says who may. */
async function confirmAfterRestore(page, name) {
  let confirmed = false;
  await page.route('**/api/operators', async (route) => {
    // Only the browser finds a name that ends in .localhost.
    const url = new URL(route.request().url());
    const headers = { ...await route.request().allHeaders(), host: url.host };
    url.hostname = '127.0.0.1';
    const answer = await route.fetch({ url: url.href, headers });
    const list = await answer.json();
    for (const one of list.operators) if (one.name === name) one.confirmed = confirmed;
    await route.fulfill({ response: answer, json: list });
  });
  await page.getByRole('link', { name: words.nav_today }).click();
  await link(page, words.nav_operators).click();
  const row = page.locator('.operator-row').filter({ hasText: name });
  await row.getByText(words.waits_for_confirmation).waitFor();
  await lookInBothLanguages(page, 'console-operators-restored', { fullPage: true });
  await lookOnPhone(page, 'console-operators-restored-ja');
  await page.getByRole('button', { name: `${words.confirm_operator}: ${name}` }).click();
  await lookAt(page, 'console-confirm-operator-ja');
  page.on('response', (answer) => {
    const shown = answer.request().postData()?.includes('credential');
    confirmed ||= shown && answer.url().endsWith('/api/operators/confirm') && answer.ok();
  });
  await button(dialog(page), words.confirm_operator_now).click();
  await dialog(page).waitFor({ state: 'detached' });
  await row.getByText(words.registered, { exact: true }).waitFor();
  assert.equal(await row.getByText(words.waits_for_confirmation).count(), 0);
  await page.unroute('**/api/operators');
}

step('another operator is invited, comes in, and is removed', async () => {
  const { page } = operator;
  await link(page, words.nav_operators).click();
  await button(page, words.invite).click();
  await page.keyboard.type('運用 花子');
  await page.keyboard.press('Enter');
  await dialog(page).getByText(words.invited_lead).waitFor();
  const address = (await dialog(page).locator('.copyable-text').textContent()).trim();
  remember(new URL(address).hash.replace(/^#link=/, ''));
  await lookAt(page, 'console-invited-ja');
  await button(dialog(page), words.secret_kept).click();
  await lookInBothLanguages(page, 'console-operators', { fullPage: true });
  await lookOnPhone(page, 'console-operators-ja');
  const guest = await openDevice(browser);
  await giveAuthenticator(guest);
  await guest.page.goto(address);
  await button(guest.page, words.first).click();
  await heading(guest.page, words.sales_today).waitFor();
  await confirmAfterRestore(page, '運用 花子');
  await page.getByRole('link', { name: words.nav_today }).click();
  await link(page, words.nav_operators).click();
  await page.getByRole('button', { name: `${words.remove}: 運用 花子` }).click();
  await button(dialog(page), words.remove_now).click();
  await dialog(page).waitFor({ state: 'detached' });
  // The page asks every second: it hears at once that it is signed out.
  await heading(guest.page, words.sign_in_title).waitFor();
  await guest.context.close();
});

step('an operator adds a spare key, and removes it', async () => {
  const { page } = operator;
  await page.locator('.own-link').click();
  await page.getByText(words.own_one_lead).waitFor();
  await button(page, words.own_add_short).click();
  await lookAt(page, 'console-own-add-ja');
  await button(dialog(page), words.own_add_now).click();
  await button(page, words.own_make_now).waitFor();
  // The key of before is put away, and the spare one taken.
  await finger.present(false);
  const spare = await giveAuthenticator(operator, { transport: 'usb' });
  await button(page, words.own_make_now).click();
  await dialog(page).waitFor({ state: 'detached' });
  const remove = page.getByRole('button', { name: `${words.remove}: ${fill(words.own_passkey, { n: '2' })}` });
  await remove.waitFor();
  assert.equal((await spare.passkeys()).length, 1, 'it was made on the spare key');
  await lookInBothLanguages(page, 'console-own', { fullPage: true });
  await lookOnPhone(page, 'console-own-ja');
  await spare.present(false);
  await finger.present(true);
  await remove.click();
  await button(dialog(page), words.own_remove_now).click();
  await dialog(page).waitFor({ state: 'detached' });
  await page.getByText(words.own_one_lead).waitFor();
  await spare.clear();
  await link(page, words.nav_operators).click();
});

step('the last operator stays', async () => {
  const { page } = operator;
  await page.getByRole('button', { name: new RegExp(`^${words.remove}: `) }).click();
  await button(dialog(page), words.remove_now).click();
  await dialog(page).getByText('全権限を持つ最後の管理者は').waitFor();
  await page.keyboard.press('Escape');
});

step('what was done is found by operator, till and day', async () => {
  const { page } = operator;
  await page.getByRole('link', { name: words.nav_acts, exact: true }).click();
  const rows = page.locator('.act-row');
  await rows.first().waitFor();
  await page.getByLabel(words.search_acts_by).selectOption('operator');
  await rows.filter({ hasText: words.act_open_store }).first().waitFor();
  await until('the own acts alone', async () => (await rows.filter({ hasText: words.by_system.split('（')[0] }).count()) === 0);
  await page.getByLabel(words.search_acts_by).selectOption('till');
  await rows.filter({ hasText: words.act_open_till }).first().waitFor();
  await page.getByLabel(words.search_acts_by).selectOption('day');
  await rows.filter({ hasText: words.act_open_merchant }).first().waitFor();
  await lookInBothLanguages(page, 'console-activity', { fullPage: true });
  await lookOnPhone(page, 'console-activity-ja');
});

step('a store says where it is and what it sells', async () => {
  const { page } = operator;
  await page.getByRole('link', { name: words.nav_merchants, exact: true }).click();
  await link(page, 'そら書房').click();
  await page.locator('details.store summary').first().click();
  await button(page, `${words.describe_store}: 駅前店`).click();
  await dialog(page).getByLabel(words.prefecture).selectOption('13');
  await dialog(page).getByLabel(words.town).fill('千代田区');
  await dialog(page).getByLabel(words.store_kind).selectOption('books');
  await lookAt(page, 'console-describe-store-ja');
  await button(dialog(page), words.save).click();
  await dialog(page).waitFor({ state: 'detached' });
  await page.getByText(`${words.prefecture_13}千代田区・${words.store_books}`).waitFor();
});

step('a merchant wants every return approved, and a supervisor gets a PIN', async () => {
  const { page } = operator;
  await page.goto(new URL(`#merchants/${dev.merchant.id}`, dev.console_url).href);
  await button(page, `${words.change}: ${words.invoice_number}`).click();
  await dialog(page).locator('#new-name').fill('Ｔ1234567890123');
  await page.keyboard.press('Enter');
  await dialog(page).waitFor({ state: 'detached' });
  await page.locator('.merchant-number').getByText('T1234567890123').waitFor();
  const card = page.locator('.card-returns');
  await card.getByText(words.reach_store).waitFor();
  await lookInBothLanguages(page, 'console-returns', { fullPage: true });
  await button(page, `${words.change}: ${words.returns}`).click();
  await dialog(page).getByLabel(words.alone_label).fill('０円');
  await lookAt(page, 'console-rule-ja');
  await button(dialog(page), words.save).click();
  await dialog(page).waitFor({ state: 'detached' });
  await card.getByText(words.alone_never).waitFor();
  const { store_id } = dev.merchant.tills[2];
  const store = dev.merchant.stores.find(({ id }) => id === store_id).name;
  await page.locator('details.store').filter({ hasText: store }).first().locator('summary').click();
  await button(page, words.add_supervisor).click();
  await dialog(page).locator('#new-name').fill('佐藤 店長');
  await page.keyboard.press('Enter');
  await dialog(page).getByText(fill(words.pin_once, { name: '佐藤 店長' })).waitFor();
  boss = remember((await dialog(page).locator('.copyable-text').textContent()).trim());
  assert.match(boss, /^\d{6}$/);
  await lookAt(page, 'console-new-pin-ja');
  await button(dialog(page), words.secret_kept).click();
  await dialog(page).waitFor({ state: 'detached' });
  await page.locator('.till-name').getByText('佐藤 店長').waitFor();
});

step('the till asks for the PIN, and the history says who stood beside it', async () => {
  const shop = till.page;
  const cashier = tillTexts.ja;
  await shop.reload();
  await shop.locator('.payments button').first().click();
  await button(dialog(shop), cashier.receipt).click();
  await dialog(shop).getByText(fill(cashier.invoice_number, { number: 'T1234567890123' })).waitFor();
  await lookAt(shop, 'till-receipt-invoice-ja');
  await shop.keyboard.press('Escape');
  await dialog(shop).waitFor({ state: 'detached' });
  await shop.locator('.payments button').first().click();
  await button(dialog(shop), cashier.void).click();
  await button(dialog(shop), fill(cashier.void_go, { amount: '110円' })).click();
  const pin = dialog(shop).getByLabel(cashier.pin_label);
  await pin.waitFor();
  await lookAt(shop, 'till-pin-ja');
  await pin.fill(boss === '000000' ? '000001' : '000000');
  await shop.keyboard.press('Enter');
  await dialog(shop).getByText('暗証番号が違います').waitFor();
  assert.equal(await pin.inputValue(), '');
  await lookAt(shop, 'till-pin-wrong-ja');
  await pin.fill(boss);
  await shop.keyboard.press('Enter');
  await dialog(shop).waitFor({ state: 'detached' });
  await shop.locator('.payments-told').getByText(fill(cashier.voided, { amount: '110円' })).waitFor();
  const { page } = operator;
  await page.getByRole('link', { name: words.nav_acts, exact: true }).click();
  await page.getByLabel(words.search_acts_by).selectOption('day');
  await page.locator('.act-row').filter({ hasText: '承認 佐藤 店長' }).first().waitFor();
});

step('the merchant goes back to the rule of before', async () => {
  const { page } = operator;
  await page.goto(new URL(`#merchants/${dev.merchant.id}`, dev.console_url).href);
  await button(page, `${words.change}: ${words.returns}`).click();
  await dialog(page).getByLabel(words.alone_label).fill('10,000');
  await button(dialog(page), words.save).click();
  await dialog(page).waitFor({ state: 'detached' });
  await page.locator('.card-returns').getByText(fill(words.alone_up_to, { amount: '10,000円' })).waitFor();
});

step('five wrong PINs stop the till, and the console says so until somebody has looked', async () => {
  const { page } = operator;
  const tried = await till.page.evaluate(async (right) => {
    const wrong = right === '000000' ? '000001' : '000000';
    const answers = [];
    for (let number = 0; number < 5; number += 1) {
      const answer = await fetch('/api/void', {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ payment_id: '1', pin: wrong }),
      });
      answers.push((await answer.json()).refusal);
    }
    return answers;
  }, boss);
  assert.deepEqual(tried, ['pin_wrong', 'pin_wrong', 'pin_wrong', 'pin_wrong', 'pin_locked']);
  await page.getByRole('link', { name: words.nav_today }).click();
  const alarms = page.locator('.card-till-alarms');
  await alarms.getByText(words.till_alarm_pin_locked).waitFor();
  await lookInBothLanguages(page, 'console-till-alarm', { fullPage: true });
  await alarms.getByRole('button', { name: words.alarm_seen }).click();
  await alarms.waitFor({ state: 'hidden' });
  await till.context.close();
});

/** A shop sets money of a seeded customer aside, signed by hand. */
async function setAside({ user_authorization_id }, amount) {
  const [path, nonce, epoch] = ['/v2/payments/preauthorize', randomUUID(), Math.floor(Date.now() / 1_000)];
  const body = JSON.stringify({
    merchantPaymentId: `deposit-${randomUUID()}`, userAuthorizationId: user_authorization_id, amount: { amount, currency: 'JPY' }, requestedAt: epoch,
  });
  const text = ['MAMORI-HMAC-SHA256', 'POST', path, epoch, nonce, createHash('sha256').update(body).digest('hex')].join('\n');
  const mac = createHmac('sha256', dev.merchant.api_secret).update(text).digest('base64');
  const authorization = `hmac MAMORI-HMAC-SHA256:${dev.merchant.api_key}:${mac}:${nonce}:${epoch}`;
  const answer = await fetch(new URL(path, dev.base_url), {
    method: 'POST', body, headers: { 'content-type': 'application/json', authorization },
  });
  assert.equal(answer.status, 200, await answer.text());
}

step('what a shop set aside and forgot is the customer\'s again', async () => {
  const { page } = operator;
  await setAside(customer(), 321);
  await link(page, words.nav_customers).click();
  await page.getByLabel(words.wallet_number).fill(customer().wallet_id);
  await page.keyboard.press('Enter');
  await heading(page, words.holds).waitFor();
  await lookAt(page, 'console-holds-ja', { fullPage: true });
  const give = page.getByRole('button', { name: new RegExp(`^${words.hold_release}: .*321`) });
  await give.click();
  await lookAt(page, 'console-hold-release-ja');
  await button(dialog(page), words.hold_release_now).click();
  await dialog(page).waitFor({ state: 'detached' });
  await give.waitFor({ state: 'detached' });
});

/** The proposer cannot; a colleague of another role sees it counted, reads why, and approves it. */
async function approveAsColleague(page, number) {
  const what = fill(words.approval_erasure, { id: number });
  const mine = page.locator('.approval-row').filter({ hasText: what });
  await mine.getByText(words.your_proposal).waitFor();
  assert.equal(await mine.getByRole('button', { name: words.approve }).count(), 0);
  await lookInBothLanguages(page, 'console-approvals-own', { fullPage: true });
  const colleague = await openDevice(browser);
  await giveAuthenticator(colleague);
  remember(new URL(dev.colleague_links.fraud).hash.replace(/^#link=/, ''));
  await colleague.page.goto(dev.colleague_links.fraud);
  await button(colleague.page, words.first).click();
  await heading(colleague.page, words.sales_today).waitFor();
  assert.equal(await colleague.page.getByRole('button', { name: words.new_pairing_code }).count(), 0, 'another role');
  await link(colleague.page, words.nav_approvals).locator('.nav-count').waitFor();
  await link(colleague.page, words.nav_approvals).click();
  await colleague.page.getByText('ご本人が窓口で退会を希望').waitFor();
  await lookInBothLanguages(colleague.page, 'console-approvals', { fullPage: true });
  await lookOnPhone(colleague.page, 'console-approvals-ja');
  await colleague.page.getByRole('button', { name: `${words.approve}: ${what}` }).click();
  await lookAt(colleague.page, 'console-approve-ja');
  await button(dialog(colleague.page), words.approve_now).click();
  await dialog(colleague.page).waitFor({ state: 'detached' });
  await colleague.page.locator('.approval-row').filter({ hasText: what }).getByText(words.stage_done).waitFor();
  await lookOnPhone(colleague.page, 'console-approvals-done-ja');
  await colleague.context.close();
}

step('a customer asks to be forgotten', async () => {
  const { page } = operator;
  const phone = await openDevice(browser, { phone: true });
  await giveAuthenticator(phone);
  const contact = `forget-${Date.now()}@example.com`;
  await signUp(phone.page, contact, 'みお');
  const number = JSON.parse((await sendAsPage(phone.page, '/api/home')).text).wallet_id;
  await phone.page.goto(new URL('#activity', dev.wallet_url).href);
  await phone.page.getByText(walletTexts.ja.act_open_wallet).waitFor();
  await lookInBothLanguages(phone.page, 'wallet-activity', { fullPage: true });
  await link(page, words.nav_customers).click();
  await heading(page, words.find_customer).waitFor();
  await page.reload();
  await heading(page, words.find_customer).waitFor();
  assert.equal(new URL(page.url()).hash, '#customers', 'a reload stays on the page');
  const find = async (id) => {
    await page.getByLabel(words.wallet_number).fill(id);
    await page.keyboard.press('Enter');
  };
  await find('1234567890');
  await page.getByText(words.no_such_wallet).waitFor();
  await lookInBothLanguages(page, 'console-customers', { fullPage: true });
  // Somebody who still has money: the page says how much before it asks.
  await find(customer().wallet_id);
  await button(page, words.erase).click();
  await dialog(page).locator('.note').waitFor();
  await lookAt(page, 'console-erase-despite-ja');
  await page.keyboard.press('Escape');
  // Without the number a contact finds the customer, and a reason opens what moved: both are written down.
  await page.getByLabel(words.search_acts_by).selectOption('contact');
  await page.locator('#wallet-number').fill(contact);
  await page.getByLabel(words.look_reason).fill('電話での問い合わせ');
  await page.keyboard.press('Enter');
  await page.getByText('み＊＊').waitFor();
  await page.locator('.notes').getByText('電話での問い合わせ').waitFor();
  await button(page, words.open_history).click();
  await dialog(page).locator('#new-name').fill('二重払いの確認');
  await page.keyboard.press('Enter');
  await page.getByText(words.no_entries).waitFor();
  await page.locator('.notes').getByText('二重払いの確認').waitFor();
  for (const [name, tongue] of [['English', consoleTexts.en], ['日本語', words]]) {
    await page.getByRole('group', { name: /表示言語|Language/ }).getByText(name, { exact: true }).click();
    await heading(page, tongue.find_customer).waitFor();
    await page.getByText('み＊＊').waitFor();
    await page.getByText(tongue.no_entries).waitFor();
  }
  await lookAt(page, 'console-customer-history-ja', { fullPage: true });
  await lookOnPhone(page, 'console-customer-history-ja');
  await page.getByLabel(words.search_acts_by).selectOption('contact');
  await page.locator('#wallet-number').fill(`nobody-${contact}`);
  await page.getByLabel(words.look_reason).fill('x');
  await page.keyboard.press('Enter');
  await page.getByText(words.no_such_contact).waitFor();
  await page.getByLabel(words.search_acts_by).selectOption('number');
  await find(number);
  await page.getByText('み＊＊').waitFor();
  assert.equal(await page.title(), `${words.nav_customers} ${number} – ${words.page_title}`);
  await page.getByLabel(words.note_text).fill('電話で本人を確認。');
  await button(page, words.note_write).click();
  await page.locator('.notes').getByText('電話で本人を確認。').waitFor();
  assert.equal(await page.getByLabel(words.note_text).inputValue(), '');
  await lookAt(page, 'console-note-ja', { fullPage: true });
  await lookOnPhone(page, 'console-customer-ja');
  await button(page, words.erase).click();
  await dialog(page).getByLabel(words.proposal_reason).fill('ご本人が窓口で退会を希望');
  await lookAt(page, 'console-erase-propose-ja');
  await button(dialog(page), words.erase_now).click();
  await dialog(page).getByText(words.proposed_now).waitFor();
  await dialog(page).getByRole('link', { name: words.approvals_show }).click();
  await approveAsColleague(page, number);
  await link(page, words.nav_customers).click();
  await find(number);
  await page.getByText(words.state_erased).waitFor();
  await page.getByText(words.note_gone).first().waitFor();
  await lookAt(page, 'console-erased-ja', { fullPage: true });
  await phone.page.reload();
  await phone.page.locator('.welcome-panel').waitFor();
  await phone.context.close();
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
