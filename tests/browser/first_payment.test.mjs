// The main story in a real browser, read from top to bottom: a customer signs up, tops up and shows the code; a cashier
// scans it, refunds it, and is refused; the customer stops the wallet, leaves and comes back.
//
// Words on buttons come from the pages' own dictionaries, so that a better word does not break the story.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { tillTexts } from '../../web/till/till-texts.js';
import { walletTexts } from './texts.mjs';
import { dev, remember } from '../peers/dev.mjs';
import {
  codeFromInbox, giveAuthenticator, lookAt, lookInBothLanguages, mobileDigits, openBrowser, openDevice, picture, readSymbols, sendAsPage, showToCamera, story, until,
} from './stage.mjs';

const words = walletTexts.ja;
const cashier = tillTexts.ja;
const CONTACT = `090${mobileDigits()}`;
const yen = (amount) => `${amount.toLocaleString('en-US')}円`;

let browser;
let phone;
let finger;
let till;

before(async () => {
  browser = await openBrowser();
  phone = await openDevice(browser, { phone: true });
  till = await openDevice(browser);
  finger = await giveAuthenticator(phone);
});

after(async () => {
  await browser?.close();
});

const step = story(() => ({ phone, till }));
const button = (page, name) => page.getByRole('button', { name, exact: true });
const heading = (page, name) => page.getByRole('heading', { name, exact: true });
/** `{amount}` and its like filled in, as the page does. */
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

async function closeSheet() {
  await button(phone.page.getByRole('dialog'), words.done).click();
  await phone.page.getByRole('dialog').waitFor({ state: 'detached' });
}

async function balanceIs(amount) {
  const figure = phone.page.locator('.balance-figure');
  await until(`a balance of ${amount}`, async () => (await figure.textContent()).replace(/\D/g, '') === String(amount));
}

/** The digits of the code on the phone's screen. */
async function shownCode() {
  await phone.page.locator('.code-barcode img').waitFor();
  const digits = (await phone.page.locator('.code-number').textContent()).replace(/\s/g, '');
  assert.match(digits, /^\d{24}$/);
  return remember(digits);
}

/** A code that is not the given one: the page has asked for a new one. */
async function newCode() {
  const old = await shownCode();
  await button(phone.page, words.renew_code).click();
  return until('a new code', async () => {
    const code = await shownCode();
    return code !== old && code;
  });
}

/** What the scanner does: it types the digits, then Enter. */
async function scan(amount, code) {
  await till.page.getByLabel(cashier.amount, { exact: true }).fill(String(amount));
  await till.page.keyboard.press('Enter');
  await till.page.keyboard.type(code);
  await till.page.keyboard.press('Enter');
}

async function tillSays(title) {
  await heading(till.page, title).waitFor();
}

async function nextSale() {
  await button(till.page, cashier.next_sale).click();
}

step('the welcome page greets in both languages', async () => {
  await phone.page.goto(dev.wallet_url);
  await heading(phone.page, words.welcome_title).waitFor();
  await lookInBothLanguages(phone.page, 'wallet-welcome', { fullPage: true });
});

step('a customer signs up with a number from the inbox and a passkey', async () => {
  const { page } = phone;
  await page.getByLabel(words.contact_label).fill(CONTACT);
  await button(page, words.start).click();
  await page.getByLabel(words.code_label).waitFor();
  await lookInBothLanguages(page, 'wallet-prove', { fullPage: true });
  await page.getByLabel(words.code_label).fill(await codeFromInbox(CONTACT));
  await page.getByLabel(words.name_label).fill('山田 そら');
  await button(page, words.make_passkey).click();
  await page.locator('.balance-figure').waitFor();
  const [passkey, ...more] = await finger.passkeys();
  assert.equal(more.length, 0);
  assert.equal(passkey.isResidentCredential, true);
  await balanceIs(0);
});

step('the inbox shows what was sent', async () => {
  const { page, context } = await openDevice(browser);
  await page.goto(dev.inbox_url);
  await lookAt(page, 'inbox-ja', { fullPage: true });
  await context.close();
});

step('a top-up of 5,000 yen goes through the card page and 3-D Secure', async () => {
  const { page } = phone;
  await button(page, words.top_up).click();
  await button(page, yen(5000)).click();
  await lookAt(page, 'wallet-top-up-ja');
  await button(page, fill(words.top_up_go, { amount: yen(5000) })).click();
  await page.locator('input[name=number]').fill('4000 0000 0000 3220');
  await page.locator('input[name=expiry]').fill('12/34');
  await page.locator('input[name=cvc]').fill('123');
  await lookAt(page, 'card-page-ja', { fullPage: true });
  await page.locator('button.pay').click();
  const hint = page.locator('#hint');
  await hint.waitFor();
  await lookAt(page, 'card-3-d-secure-ja', { fullPage: true });
  await page.locator('input[name=code]').fill(await hint.textContent());
  await page.locator('button.pay').click();
  await heading(page, words.top_up_succeeded).waitFor();
  await lookAt(page, 'wallet-topped-up-ja');
  await button(page, words.to_home).click();
  await balanceIs(5000);
});

step('a card that is declined tops up nothing', async () => {
  const { page } = phone;
  await button(page, words.top_up).click();
  await button(page, yen(1000)).click();
  await button(page, fill(words.top_up_go, { amount: yen(1000) })).click();
  await page.locator('input[name=number]').fill('4000 0000 0000 0002');
  await page.locator('input[name=expiry]').fill('12/34');
  await page.locator('input[name=cvc]').fill('123');
  await page.locator('button.pay').click();
  await page.getByRole('alert').first().waitFor();
  await lookAt(page, 'card-declined-ja', { fullPage: true });
  await page.locator('p.leave a').click();
  await page.waitForURL((url) => url.origin === new URL(dev.wallet_url).origin);
  await page.goto(dev.wallet_url);
  await balanceIs(5000);
});

step('a till is enrolled by its one-time code', async () => {
  const { page } = till;
  await page.goto(dev.till_url);
  await heading(page, cashier.enrol_title).waitFor();
  await lookInBothLanguages(page, 'till-enrol');
  await page.getByLabel(cashier.pairing_code).fill(remember(dev.merchant.tills[0].pairing_code));
  await button(page, cashier.enrol).click();
  await page.getByLabel(cashier.amount, { exact: true }).waitFor();
  await lookInBothLanguages(page, 'till-ready');
});

let firstCode;

step('zbar reads the barcode and the QR from the phone\'s screen', async () => {
  const { page } = phone;
  await lookInBothLanguages(page, 'wallet-home', { fullPage: true });
  await page.locator('.code-qr img').waitFor();
  const code = await shownCode();
  const symbols = readSymbols(await picture(page, 'wallet-code', { fullPage: true }));
  assert.equal(symbols.length, 2, `barcode and QR: ${symbols.length} symbols`);
  for (const symbol of symbols) assert.ok(symbol.includes(code), 'each carries the code');
  firstCode = symbols.find((symbol) => /^\d{24}$/.test(symbol));
});

step('scanned at the till, it is paid on both screens', async () => {
  await scan(1200, firstCode);
  await tillSays(cashier.paid);
  const sheet = phone.page.getByRole('dialog', { name: words.paid });
  await sheet.waitFor();
  assert.ok((await sheet.textContent()).includes(yen(1200)));
  const answer = till.page.locator('.answer');
  assert.ok((await answer.textContent()).includes(yen(1200)));
  const customer = await answer.locator('dd').first().textContent();
  assert.ok(!customer.includes('山田 そら') && customer.length > 0, 'the cashier sees a masked name');
  await lookAt(phone.page, 'wallet-paid-ja');
  await lookAt(till.page, 'till-paid-ja');
  await closeSheet();
  await balanceIs(3800);
});

step('the screenshot of a spent code is useless', async () => {
  await nextSale();
  // Within two seconds the till takes the same code for one pull of the trigger: then it is scanned once more.
  await until('the till takes the same code for another scan', async () => {
    await scan(100, firstCode);
    return heading(till.page, cashier.refused).waitFor({ timeout: 3_000 }).then(() => true, () => false);
  });
  await till.page.getByText(cashier.reason_code_spent).first().waitFor();
  await lookAt(till.page, 'till-refused-ja');
  await nextSale();
});

step('a code that was replaced by a newer one pays nothing', async () => {
  const old = await shownCode();
  await newCode();
  await scan(100, old);
  await tillSays(cashier.refused);
  await nextSale();
});

step('an amount above the balance is refused in words', async () => {
  await scan(4000, await newCode());
  await tillSays(cashier.refused);
  await till.page.getByText(cashier.reason_balance_too_small).first().waitFor();
  // The customer hears why, too, and that nothing was taken.
  const told = phone.page.locator('dialog.result-sheet');
  await told.getByText(words.refused_balance).waitFor();
  await lookAt(phone.page, 'wallet-refused-ja');
  const sizes = (page, selectors) => Promise.all(selectors.map((one) => page.locator(one).evaluate((element) => getComputedStyle(element).fontSize)));
  const [title, reason] = await sizes(phone.page, ['dialog.result-sheet h2', '.result-reason']);
  assert.equal(reason, title, 'why not is as large as that it was not');
  const [refused, because] = await sizes(till.page, ['.answer-title', '.answer-reason']);
  assert.equal(because, refused);
  // And the way out is one press away.
  await button(told, words.top_up).click();
  await told.waitFor({ state: 'detached' });
  await phone.page.getByRole('dialog', { name: words.top_up_title }).waitFor();
  await phone.page.keyboard.press('Escape');
  await phone.page.getByRole('dialog').waitFor({ state: 'detached' });
  await nextSale();
});

step('the till\'s camera reads the phone', async () => {
  await newCode();
  await showToCamera(phone.page, phone.page.locator('.code-qr img'));
  await till.page.getByLabel(cashier.amount, { exact: true }).fill('300');
  await button(till.page, cashier.camera).click();
  await tillSays(cashier.paid);
  await phone.page.getByRole('dialog', { name: words.paid }).waitFor();
  await closeSheet();
  await nextSale();
  await balanceIs(3500);
});

async function openPayment(amount) {
  await till.page.locator('.payments button').filter({ hasText: yen(amount) }).first().click();
  return till.page.getByRole('dialog');
}

step('the cashier refunds a part, then the rest', async () => {
  let sheet = await openPayment(1200);
  await lookAt(till.page, 'till-payment-ja');
  await button(sheet, cashier.refund).click();
  await sheet.getByLabel(cashier.refund_amount).fill('200');
  await lookAt(till.page, 'till-refund-ja');
  await button(sheet, fill(cashier.refund_go, { amount: yen(200) })).click();
  const phoneSheet = phone.page.getByRole('dialog', { name: words.refunded });
  await phoneSheet.waitFor();
  await lookAt(phone.page, 'wallet-refunded-ja');
  await closeSheet();
  await balanceIs(3700);
  await sheet.waitFor({ state: 'detached' });

  sheet = await openPayment(1200);
  await button(sheet, cashier.refund).click();
  await button(sheet, fill(cashier.refund_go, { amount: yen(1000) })).click();
  await phoneSheet.waitFor();
  await closeSheet();
  await balanceIs(4700);
  await sheet.waitFor({ state: 'detached' });
});

step('the cashier cancels the other payment', async () => {
  const sheet = await openPayment(300);
  await button(sheet, cashier.void).click();
  await button(sheet, fill(cashier.void_go, { amount: yen(300) })).click();
  await phone.page.getByRole('dialog', { name: words.cancelled }).waitFor();
  await closeSheet();
  await balanceIs(5000);
});

step('history and receipts tell all of it', async () => {
  const { page } = phone;
  await page.getByRole('link', { name: words.nav_history }).click();
  await heading(page, words.history_title).waitFor();
  const entries = page.locator('.history-list button.entry');
  await until('six entries', async () => (await entries.count()) === 6);
  await lookAt(page, 'wallet-history-ja', { fullPage: true });
  const paid = (amount) => entries.filter({ hasText: `−${yen(amount)}` });
  assert.match(await paid(300).textContent(), new RegExp(words.fate_cancelled), 'the payment itself says that it was undone');
  assert.match(await paid(1200).textContent(), new RegExp(words.fate_refunded));
  const sums = await page.locator('.month-sums dd').allTextContents();
  assert.deepEqual(sums, [yen(0), yen(5000)], 'all that was spent came back');
  await button(page, words.filter_refunds).click();
  await until('two refunds and what was undone', async () => (await entries.count()) === 3);
  await button(page, words.filter_all).click();
  await entries.filter({ hasText: '1,200' }).click();
  const receipt = page.getByRole('dialog', { name: words.receipt });
  await receipt.waitFor();
  await receipt.getByText(words.receipt_number).waitFor();
  await lookAt(page, 'wallet-receipt-ja');
  await button(receipt, words.close).click();
});

step('settings switch the language and show the wallet', async () => {
  const { page } = phone;
  await page.getByRole('link', { name: words.nav_settings }).click();
  await heading(page, words.settings_title).waitFor();
  await lookInBothLanguages(page, 'wallet-settings', { fullPage: true });
  await page.getByRole('link', { name: words.nav_home }).click();
});

step('a hidden page shows no code, and a new one when it is seen again', async () => {
  const { page } = phone;
  const old = await shownCode();
  const see = (state) => page.evaluate((value) => {
    Object.defineProperty(document, 'visibilityState', { value, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, state);
  await see('hidden');
  assert.equal(await page.locator('.code-barcode img').count(), 0);
  assert.equal(await page.locator('.code-number').textContent(), '');
  await see('visible');
  assert.notEqual(await shownCode(), old);
});

step('a frozen wallet pays nothing from that moment on, and opens again with the passkey alone', async () => {
  const { page } = phone;
  const code = await shownCode();
  await page.getByRole('button', { name: words.freeze }).click();
  await heading(page, words.frozen_title).waitFor();
  await lookInBothLanguages(page, 'wallet-frozen', { fullPage: true });
  await scan(100, code);
  await tillSays(cashier.refused);
  await lookAt(till.page, 'till-refused-frozen-ja');
  await phone.page.locator('dialog.result-sheet').getByText(words.refused_frozen).waitFor();
  await phone.page.keyboard.press('Escape');
  await nextSale();
  await finger.verify(false);
  await button(page, words.unfreeze).click();
  await page.getByText(words.passkey_not_finished).waitFor();
  await finger.verify(true);
  await button(page, words.unfreeze).click();
  await page.locator('.code-barcode img').waitFor();
  await scan(100, await shownCode());
  await tillSays(cashier.paid);
  await page.getByRole('dialog', { name: words.paid }).waitFor();
  await closeSheet();
  await balanceIs(4900);
  await nextSale();
});

step('every answer but hashed files is kept by nobody', async () => {
  const { page } = phone;
  const answers = [];
  page.on('response', (answer) => answers.push({ url: answer.url(), cache: answer.headers()['cache-control'] ?? '' }));
  await page.goto(dev.wallet_url);
  await page.locator('.code-barcode img').waitFor();
  const own = answers.filter(({ url }) => new URL(url).origin === new URL(dev.wallet_url).origin && !url.startsWith('data:'));
  const hashed = /\/assets\/[a-z0-9-]+\.[0-9A-Za-z_-]{8,64}\.[a-z0-9]+$/;
  for (const { url, cache } of own) {
    const path = new URL(url).pathname;
    if (hashed.test(path)) assert.match(cache, /immutable/, path);
    else assert.match(cache, /no-store/, path);
  }
  assert.ok(own.length > 5);
});

test('pages cannot be framed, and say what they may load', async () => {
  const { page, context } = await openDevice(browser);
  for (const url of [dev.wallet_url, dev.till_url, dev.console_url]) {
    const policy = (await page.goto(url)).headers()['content-security-policy'] ?? '';
    assert.match(policy, /default-src '(none|self)'/, url);
    assert.match(policy, /frame-ancestors 'none'/, url);
    assert.doesNotMatch(policy, /'unsafe-inline'|'unsafe-eval'/, url);
  }
  await context.close();
});

step('signing out closes the stream within five seconds, and the page forgets', async () => {
  const { page } = phone;
  const other = await phone.context.newPage();
  const opened = other.waitForResponse((response) => response.url().endsWith('/api/events'));
  await other.goto(dev.wallet_url);
  await opened;
  const ended_ms = heading(other, words.welcome_title).waitFor().then(() => Date.now());
  await page.goto(new URL('#settings', dev.wallet_url).href);
  await heading(page, words.settings_title).waitFor();
  // Otherwise the offer in the autofill list would sign in again at once: this finger never hesitates.
  await finger.present(false);
  const began_ms = page.waitForRequest((request) => request.url().endsWith('/api/sign-out')).then(() => Date.now());
  await button(page, words.sign_out).click();
  await heading(page, words.welcome_title).waitFor();
  const took_ms = (await ended_ms) - (await began_ms);
  assert.ok(took_ms <= 5_000, `the stream lived ${took_ms} ms longer than the session`);
  assert.equal((await sendAsPage(page, '/api/home')).status, 401);
  await other.close();
});

step('signing in is one tap', async () => {
  await finger.present(true);
  await button(phone.page, words.sign_in).click();
  await balanceIs(4900);
});

step('the passkey offered in the autofill list signs in too', async () => {
  const { page } = phone;
  await page.getByRole('link', { name: words.nav_settings }).click();
  await button(page, words.sign_out).click();
  // The virtual finger takes the offer by itself.
  await balanceIs(4900);
});

step('without a network there is an offline page, and nothing of the wallet', async () => {
  const { page, context } = phone;
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => true));
  await page.reload();
  await page.locator('.balance-figure').waitFor();
  await context.setOffline(true);
  await page.goto(dev.wallet_url);
  await page.getByText('You are offline').waitFor();
  await lookAt(page, 'wallet-offline');
  assert.ok(!(await page.content()).includes('4,900'));
  await context.setOffline(false);
  await page.goto(dev.wallet_url);
  await page.locator('.balance-figure').waitFor();
});

step('after all this the worker keeps hashed files and the offline page, and nothing else', async () => {
  const kept = await phone.page.evaluate(async () => {
    const names = await caches.keys();
    const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return { names, paths: requests.flat().map((request) => new URL(request.url).pathname + new URL(request.url).search) };
  });
  assert.deepEqual(kept.names, ['mamori-static']);
  assert.ok(kept.paths.includes('/offline.html'));
  for (const path of kept.paths) {
    assert.match(path, /^(\/offline\.html|\/assets\/[a-z0-9-]+\.[0-9A-Za-z_-]{8,64}\.[a-z0-9]+)$/);
  }
  const stored = await phone.page.evaluate(() => JSON.stringify({ local: { ...localStorage }, session: { ...sessionStorage } }));
  assert.doesNotMatch(stored, /\d{24}/, 'no code is kept in the page\'s storage');
});

step('nothing went wrong in any script', () => {
  assert.deepEqual([...phone.problems, ...till.problems], []);
});
