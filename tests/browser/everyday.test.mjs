// What people do every day beside the main story: think better of a top-up, lose a phone, read on in the history while
// something happens, need large letters, pass a receipt on.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { tillTexts } from '../../web/till/till-texts.js';
import { walletTexts } from './texts.mjs';
import { customer, dev, freshCode, remember } from '../peers/dev.mjs';
import { assertAccessible, enrol, giveAuthenticator, lookAt, openBrowser, openDevice, picture, readSymbols, sendAsPage, showToCamera, signUp, story, takeOver, until } from './stage.mjs';

const words = walletTexts.en;
const cashier = tillTexts.en;

let browser;
let phone;
let finger;
let till;
/** A small phone of the same customer, with their synchronised passkey. */
let small;
let smallFinger;

before(async () => {
  browser = await openBrowser();
  phone = await openDevice(browser, { phone: true, locale: 'en-GB' });
  finger = await giveAuthenticator(phone);
  till = await openDevice(browser, { locale: 'en-GB' });
});
after(async () => { await browser?.close(); });

const step = story(() => ({ phone, till, small }));
const button = (page, name) => page.getByRole('button', { name, exact: true });
const heading = (page, name) => page.getByRole('heading', { name, exact: true });
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** From home to the card page. */
async function chooseTopUp(amount) {
  const { page } = phone;
  await button(page, words.top_up).click();
  await page.getByLabel(words.top_up_free).fill(String(amount));
  await button(page, fill(words.top_up_go, { amount: `¥${amount.toLocaleString('en-US')}` })).click();
  await page.locator('input[name=number]').waitFor();
}

/** A payment of the phone's wallet at the till, without either page looking at it. */
async function payQuietly(page, amount) {
  const code = remember(JSON.parse((await sendAsPage(page, '/api/code', '{}')).text).code);
  const status = await till.page.evaluate(async (sale) => {
    const answer = await fetch('/api/charge', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ...sale, key: crypto.randomUUID() }) });
    return answer.status;
  }, { amount, code });
  assert.equal(status, 200);
}

step('the card page speaks the language of the wallet', async () => {
  await signUp(phone.page, `everyday-${Date.now()}@example.com`, 'Aoi');
  await chooseTopUp(30_000);
  assert.equal(await phone.page.evaluate(() => document.documentElement.lang), 'en');
});

step('leaving the card page without paying is told at once, and holds nothing back', async () => {
  const { page } = phone;
  // Four of them would be above the highest balance, if the ones called off still counted.
  for (let times = 1; times <= 4; times += 1) {
    if (times > 1) await chooseTopUp(30_000);
    await page.locator('p.leave a').click();
    await heading(page, words.top_up_left).waitFor();
    if (times === 1) await lookAt(page, 'wallet-top-up-left-en');
    await button(page, words.to_home).click();
    await page.locator('.code-barcode img').waitFor();
  }
});

step('a top-up that was left by the browser\'s Back is gone on with, or given up', async () => {
  const { page } = phone;
  const open = page.getByRole('region', { name: fill(words.top_up_open, { amount: '¥30,000' }) });
  await chooseTopUp(30_000);
  await page.goBack();
  await open.waitFor();
  await lookAt(page, 'wallet-top-up-open-en');
  await page.getByRole('link', { name: words.top_up_go_on }).click();
  await page.locator('input[name=number]').waitFor();
  await page.goBack();
  // Three times more: each would be above the highest balance if the ones given up still counted.
  for (let times = 1; times <= 4; times += 1) {
    if (times > 1) {
      await chooseTopUp(30_000);
      await page.goBack();
    }
    await open.waitFor();
    assert.equal(await open.count(), 1);
    await button(page, words.top_up_give_up).click();
    await heading(page, words.top_up_left).waitFor();
    await button(page, words.to_home).click();
    await page.locator('.code-barcode img').waitFor();
    assert.equal(await open.count(), 0);
  }
});

step('a double tap opens a sheet, and a tap beside it closes it', async () => {
  const { page } = phone;
  await button(page, words.top_up).dblclick();
  const sheet = page.getByRole('dialog', { name: words.top_up_title });
  await sheet.waitFor();
  await until('a tap beside the sheet closes it', async () => {
    await page.mouse.click(195, 20);
    return (await sheet.count()) === 0;
  });
});

step('a top-up that is paid is there', async () => {
  const { page } = phone;
  await chooseTopUp(30_000);
  await page.locator('input[name=number]').fill('4242 4242 4242 4242');
  await page.locator('input[name=expiry]').fill('12/34');
  await page.locator('input[name=cvc]').fill('123');
  await page.locator('button.pay').click();
  await heading(page, words.top_up_succeeded).waitFor();
  await button(page, words.to_home).click();
  await page.locator('.code-barcode img').waitFor();
});

step('the history keeps its reader\'s place when something happens', async () => {
  const { page, context } = phone;
  await enrol(till.page, dev.merchant.tills[4].pairing_code);
  await page.goto('about:blank');
  const quiet = await context.newPage();
  await quiet.goto(new URL('/offline.html', dev.wallet_url).href);
  for (let amount = 101; amount <= 122; amount += 1) await payQuietly(quiet, amount);
  await page.goto(new URL('#history', dev.wallet_url).href);
  const entries = page.locator('.history-list button.entry');
  await until('the whole month', async () => (await entries.count()) === 23);
  const read = entries.nth(20);
  await read.scrollIntoViewIfNeeded();
  const stood = await read.evaluate((row) => row.getBoundingClientRect().top);
  await payQuietly(quiet, 150);
  await page.getByRole('dialog', { name: words.paid }).getByRole('button', { name: words.done }).click();
  await until('one entry more', async () => (await entries.count()) === 24);
  assert.match(await entries.first().textContent(), /150/);
  const stands = await entries.nth(21).evaluate((row) => row.getBoundingClientRect().top);
  assert.ok(Math.abs(stands - stood) < 2, `the row that was read has moved from ${stood} to ${stands}`);
  assert.match(await page.locator('.history-day h3').first().textContent(), /^Today, /);
  await quiet.close();
});

let strange = 10;
/** A code that no phone shows; another one each time, since the same one again would be one pull of the trigger. */
const strangeCode = () => { strange += 1; return `9000990000000000000000${strange}`; };
const tillAmount = () => till.page.getByLabel(cashier.amount, { exact: true });
const tillCode = () => till.page.getByLabel(cashier.code, { exact: true });
const digitsOf = async (field) => (await field.inputValue()).replace(/\D/g, '');

/** Whatever was shown is gone, and the next sale begins. */
async function nextSale() {
  await until('a deliberate key leads on', async () => {
    await button(till.page, cashier.next_sale).click().catch(() => {});
    return tillAmount().isVisible();
  });
  await button(till.page, cashier.clear).click();
  await until('an empty amount', async () => (await tillAmount().inputValue()) === '');
}

step('an amount that an input method composes is the amount that was meant', async () => {
  const { page, context } = till;
  const session = await context.newCDPSession(page);
  for (const [composed, meant] of [['５０', '50'], ['１２００', '1200'], ['１２', '12']]) {
    await tillAmount().focus();
    await page.keyboard.press('Control+A');
    for (let end = 1; end <= composed.length; end += 1) {
      const text = composed.slice(0, end);
      await session.send('Input.imeSetComposition', { text, selectionStart: end, selectionEnd: end });
    }
    await session.send('Input.insertText', { text: composed });
    await until(`${composed} to be read as ${meant}`, async () => (await digitsOf(tillAmount())) === meant);
  }
  await button(page, cashier.clear).click();
});

step('a scan goes where it belongs by whatever way it comes, and the amount stays', async () => {
  const { page, context } = till;
  const session = await context.newCDPSession(page);
  const ways = {
    'inserted into the amount': () => page.keyboard.insertText(strangeCode()),
    'with an identifier': () => page.keyboard.insertText(`]C0${strangeCode()}`),
    'by an input method': async () => {
      const wide = strangeCode().replace(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit)));
      await session.send('Input.imeSetComposition', { text: wide, selectionStart: wide.length, selectionEnd: wide.length });
      await session.send('Input.insertText', { text: wide });
    },
    'typed with the focus nowhere': async () => {
      await page.evaluate(() => document.activeElement.blur());
      await page.keyboard.type(strangeCode());
    },
    'pasted in groups': () => page.keyboard.insertText(strangeCode().replace(/(\d{4})(?=\d)/g, '$1 ')),
  };
  for (const [way, scan] of Object.entries(ways)) {
    await tillAmount().fill('1200');
    await scan();
    // The code is none that is shown anywhere: it is asked about, and refused.
    await heading(page, cashier.refused).waitFor({ timeout: 10_000 }).catch(() => { throw new Error(`${way}: not asked about`); });
    assert.equal(await page.locator('.answer-refused .answer-tries').textContent(), '¥1,200', way);
    await nextSale();
  }
});

step('the rest of what a scanner types dismisses no answer', async () => {
  const { page } = till;
  await tillAmount().fill('1200');
  await tillCode().fill(strangeCode());
  await tillCode().press('Enter');
  await heading(page, cashier.refused).waitFor();
  for (const key of ['Enter', 'Enter', 'Tab']) await page.keyboard.press(key);
  await heading(page, cashier.refused).waitFor();
  await nextSale();
});

step('amount, message and scan are in one view on every till, and a long name cuts nothing', async () => {
  const { page } = till;
  const before = page.viewportSize();
  for (const [width, height] of [[360, 640], [390, 844], [1024, 768], [1440, 900]]) {
    await page.setViewportSize({ width, height });
    await page.evaluate(() => {
      document.querySelector('.till-place').firstElementChild.textContent = 'まもりマートひがしにっぽんばしえきまえちかがいみなみぐちほんてんべっかん';
      window.scrollTo(0, 0);
    });
    // Enter without an amount: the message says what is missing.
    await tillAmount().press('Enter');
    const seen = await page.evaluate(() => ({
      bottoms: ['#amount', '#sale-status', '#code'].map((name) => document.querySelector(name).getBoundingClientRect().bottom),
      across: document.documentElement.scrollWidth,
    }));
    const where = `${width}x${height}: ${JSON.stringify(seen)}`;
    assert.ok(seen.bottoms.every((bottom) => bottom > 0 && bottom <= height), where);
    assert.ok(seen.across <= width, where);
    await picture(page, `till-entry-${width}`);
  }
  await page.setViewportSize(before);
  await page.reload();
  await tillAmount().waitFor();
});

step('a tablet shows the whole keypad, and a small phone the amount and the scan, below a head without a line too many', async () => {
  const { page } = till;
  const before = page.viewportSize();
  for (const [width, height, last] of [[1024, 768, '.keypad'], [320, 568, '#code']]) {
    await page.setViewportSize({ width, height });
    const bottom = await page.locator(last).evaluate((element) => element.getBoundingClientRect().bottom + scrollY);
    assert.ok(bottom <= height, `${last} ends at ${bottom} of ${height}`);
  }
  await page.setViewportSize(before);
});

step('a receipt is passed on without the balance', async () => {
  const { page, context } = phone;
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  // Where the browser has a share sheet of its own, nothing can be read from it.
  await page.evaluate(() => { navigator.share = undefined; });
  await page.locator('.history-list button.entry').first().click();
  const receipt = page.getByRole('dialog', { name: words.receipt });
  await receipt.getByText(words.till, { exact: true }).waitFor();
  await assertAccessible(page, 'receipt');
  await button(receipt, words.copy).click();
  await receipt.getByText(words.copied).waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(copied, /¥150/);
  assert.match(copied, new RegExp(`${words.receipt_number}: \\d+`));
  assert.ok(!copied.includes(words.balance_after));
  await button(receipt, words.close).click();
});

step('coming home asks for one code, not two', async () => {
  const { page } = phone;
  let asked = 0;
  page.on('request', (request) => { if (new URL(request.url()).pathname === '/api/code') asked += 1; });
  await page.getByRole('link', { name: words.nav_home }).click();
  await page.locator('.code-barcode img').waitFor();
  assert.equal(asked, 1);
});

step('a tap makes the barcode longer for an old scanner, and the code still hides with the page', async () => {
  const { page } = phone;
  const small_px = (await page.locator('.code-barcode img').boundingBox()).width;
  await button(page, words.enlarge_barcode).click();
  const sheet = page.getByRole('dialog', { name: words.pay_code });
  const image = sheet.getByRole('img');
  await image.waitFor();
  assert.ok((await image.boundingBox()).height > small_px * 1.4);
  await lookAt(page, 'wallet-large-barcode-en');
  const code = remember((await page.locator('.code-number').textContent()).replace(/\s/g, ''));
  assert.ok(readSymbols(await picture(page, 'wallet-large-barcode')).includes(code));
  await page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
    delete document.visibilityState;
  });
  await sheet.waitFor({ state: 'detached' });
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await page.locator('.code-barcode img').waitFor();
});

step('with letters twice as large on a small phone the barcode is whole and nothing is cut', async () => {
  small = await openDevice(browser, { phone: true, locale: 'en-GB' });
  const { page } = small;
  await page.setViewportSize({ width: 320, height: 568 });
  smallFinger = await giveAuthenticator(small);
  await smallFinger.adopt((await finger.passkeys())[0]);
  await page.addInitScript(() => document.addEventListener('DOMContentLoaded', () => { document.documentElement.style.fontSize = '200%'; }));
  await page.goto(dev.wallet_url);
  // The virtual finger takes the offer in the autofill list by itself.
  await takeOver(page, words);
  const image = page.locator('.code-barcode img');
  await image.waitFor();
  const wide = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  const box = await image.boundingBox();
  const card = await page.locator('.code-card').boundingBox();
  assert.ok(box.x >= card.x && box.x + box.width <= card.x + card.width + 0.5, 'the bars stand inside their card');
  assert.equal(await wide(), 0);
  await button(page, words.top_up).click();
  await page.locator('.chip').first().waitFor();
  const chips = await page.locator('.chip').evaluateAll((all) => all.filter((chip) => chip.scrollWidth > chip.clientWidth).map((chip) => chip.textContent));
  assert.deepEqual(chips, [], 'no amount is wider than its button');
  await page.keyboard.press('Escape');
  for (const name of [words.nav_history, words.nav_settings]) {
    await page.getByRole('link', { name }).click();
    await page.locator('.entry, .sessions li').first().waitFor();
    assert.equal(await wide(), 0, name);
  }
});

step('a sign-in elsewhere is told in the same moment, with the way to stop it', async () => {
  const { page } = phone;
  const sheet = page.getByRole('dialog', { name: words.sign_in_elsewhere });
  await sheet.waitFor();
  await button(sheet, words.freeze).waitFor();
  await button(sheet, words.sign_in_end).waitFor();
  await lookAt(page, 'wallet-sign-in-elsewhere-en');
  await button(sheet, words.sign_in_mine).click();
  await sheet.waitFor({ state: 'detached' });
  // Told once: a page that is loaded anew finds the session in the list, and knows it.
  const listed = page.waitForResponse((answer) => answer.url().endsWith('/api/sessions'));
  await page.reload();
  await listed;
  // The small phone pays now; this one takes over again.
  await finger.adopt((await smallFinger.passkeys())[0]);
  await takeOver(page, words);
  await page.locator('.code-barcode img').waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
});

step('a lost phone is signed out from the settings of another', async () => {
  const { page } = phone;
  // From here on its owner does not hold the small phone: the offer in the autofill list waits in vain.
  await smallFinger.present(false);
  await small.page.getByRole('link', { name: words.nav_history }).click();
  await small.page.locator('.entry').first().click();
  await small.page.getByRole('dialog', { name: words.receipt }).waitFor();
  await page.getByRole('link', { name: words.nav_settings }).click();
  const others = page.locator('.sessions li').filter({ hasText: words.session_elsewhere });
  await others.waitFor();
  await lookAt(page, 'wallet-sessions-en', { fullPage: true });
  await button(others, words.session_end).click();
  await page.getByText(words.sessions_only_here).waitFor();
  await small.page.getByText(words.signed_out_elsewhere).first().waitFor();
  assert.equal(await small.page.getByRole('dialog').count(), 0, 'the receipt is gone with the sign-in');
});

step('the cashier sees what was refunded, and no complaint about an amount that was mended', async () => {
  const { page } = till;
  await page.reload();
  await page.locator('.payments button').first().click();
  const sheet = page.getByRole('dialog');
  await button(sheet, cashier.refund).click();
  await sheet.getByLabel(cashier.refund_amount).fill('5000');
  await page.keyboard.press('Enter');
  const complaint = sheet.getByText(fill(cashier.refund_wrong, { max: '¥150' }));
  await complaint.waitFor();
  await sheet.getByLabel(cashier.refund_amount).fill('50');
  await complaint.waitFor({ state: 'detached' });
  await page.keyboard.press('Enter');
  await sheet.waitFor({ state: 'detached' });
  await page.locator('.payments-told').getByText(fill(cashier.refunded_now, { amount: '¥50' })).waitFor();
});

step('a sale without an answer: the till says that nobody knows, goes on, and hears of it behind the next sale', async () => {
  const { page } = till;
  await page.reload();
  await page.getByLabel(cashier.amount, { exact: true }).fill('130');
  // The question reaches the server; its answer is lost on the way, so the payment stands and the till does not know.
  await page.evaluate(() => {
    const real = globalThis.fetch;
    globalThis.asked = [];
    globalThis.find = () => { globalThis.fetch = real; };
    globalThis.fetch = async (path, options) => {
      const answer = await real(path, options);
      if (path !== '/api/charge') return answer;
      globalThis.asked.push(JSON.parse(options.body).key);
      throw new TypeError('the answer is lost');
    };
  });
  await page.keyboard.press('Enter');
  await page.keyboard.type(freshCode(customer().name));
  await page.keyboard.press('Enter');
  await heading(page, cashier.unknown).waitFor();
  await lookAt(page, 'till-unknown-en');
  const goOn = button(page, cashier.park);
  for (let presses = 0; presses < 4; presses += 1) await button(page, cashier.check_now).click();
  await goOn.click();
  await page.locator('.parked-place').getByText('¥130').waitFor();
  const keys = await page.evaluate(() => globalThis.asked);
  assert.ok(keys.length >= 4);
  assert.equal(new Set(keys).size, 1, 'one sale is asked about under one key');
  await lookAt(page, 'till-parked-en');
  await page.evaluate(() => globalThis.find());
  await page.locator('#sale-status').getByText(fill(cashier.parked_paid, { amount: '¥130' })).waitFor();
  await page.locator('.parked-place .note').waitFor({ state: 'detached' });
});

/** A scan of a seeded customer's code while the till's questions end up like this: `lost` on their way, or answered and the `answer` lost. */
async function sellWithout(page, what, amount) {
  await page.getByLabel(cashier.amount, { exact: true }).fill(String(amount));
  await page.evaluate((lost) => {
    const real = globalThis.fetch;
    globalThis.find = () => { globalThis.fetch = real; };
    globalThis.fetch = async (path, options) => {
      if (!path.startsWith('/api/charge')) return real(path, options);
      if (lost === 'answer') await real(path, options);
      throw new TypeError('lost');
    };
  }, what);
  await page.keyboard.press('Enter');
  await page.keyboard.type(freshCode(customer().name));
  await page.keyboard.press('Enter');
  await heading(page, cashier.unknown).waitFor();
}

step('a sale without an answer is given up: it had been paid, and all of it is back', async () => {
  const { page } = till;
  await sellWithout(page, 'answer', 140);
  await button(page, cashier.give_up).click();
  await heading(page, cashier.giving_up).waitFor();
  await lookAt(page, 'till-giving-up-en');
  // A till that is closed and opened again goes on cancelling, and does not charge.
  await page.evaluate(() => sessionStorage.clear());
  await page.reload();
  await heading(page, cashier.given_back).waitFor();
  await page.locator('.answer-given-up').getByText('¥140').waitFor();
  await lookAt(page, 'till-given-back-en');
  await button(page, cashier.next_sale).click();
  await until('the sale stands in the list as cancelled', async () => {
    const first = await page.locator('.payments button').first().textContent();
    return first.includes('¥140') && first.includes(cashier.status_cancelled);
  });
});

step('a sale that never arrived is given up: nobody pays it any more', async () => {
  const { page } = till;
  await sellWithout(page, 'question', 150);
  await page.evaluate(() => globalThis.find());
  await button(page, cashier.give_up).click();
  await heading(page, cashier.never_paid).waitFor();
  await lookAt(page, 'till-never-paid-en');
  await button(page, cashier.next_sale).click();
});

step('any sale of the store is found by its day, its amount or its number, and refunded', async () => {
  const { page } = till;
  await button(page, cashier.search_title).click();
  const sheet = page.getByRole('dialog', { name: cashier.search_title });
  const rows = sheet.locator('.payments li');
  await button(sheet, cashier.search_go).click();
  await until('the first page of the day', async () => (await rows.count()) === 20);
  await lookAt(page, 'till-search-en');
  await button(sheet, cashier.search_more).click();
  await until('the end of the day', async () => (await sheet.getByRole('status').textContent()) === fill(cashier.search_end, { n: await rows.count() }));
  assert.ok(await rows.count() > 20);
  await sheet.getByLabel(cashier.search_amount).fill('１１８円');
  await page.keyboard.press('Enter');
  await sheet.getByText(fill(cashier.search_end, { n: 1 })).waitFor();
  const number = (await rows.first().textContent()).match(/\d{8}/)[0];
  await sheet.getByLabel(cashier.search_number).fill(number.replace(/^0+/, ''));
  await button(sheet, cashier.search_go).click();
  await sheet.getByText(fill(cashier.search_end, { n: 1 })).waitFor();
  await rows.first().getByRole('button').click();
  const sale = page.getByRole('dialog', { name: cashier.payment });
  await button(sale, cashier.refund).click();
  await sale.getByLabel(cashier.refund_amount).fill('18');
  await page.keyboard.press('Enter');
  await sheet.getByText(fill(cashier.refunded_now, { amount: '¥18' })).waitFor();
  assert.match(await rows.first().textContent(), new RegExp(cashier.status_part_refunded));
  await sheet.getByLabel(cashier.search_number).fill('99999999');
  await page.keyboard.press('Enter');
  await sheet.getByText(cashier.search_none).waitFor();
  await sheet.getByLabel(cashier.search_number).fill('');
  await sheet.getByLabel(cashier.search_amount).fill('x');
  await page.keyboard.press('Enter');
  await sheet.getByText(cashier.search_wrong_amount).waitFor();
  await assertAccessible(page, 'till-search');
  await page.setViewportSize({ width: 390, height: 844 });
  await picture(page, 'till-search-phone');
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.keyboard.press('Escape');
});

/** What a printer gets of the page: the sheet's paper and nothing else. */
async function onPaper(page, name) {
  await page.emulateMedia({ media: 'print' });
  const seen = await page.evaluate(() => ({
    words: document.body.innerText, page: document.querySelector('#view').checkVisibility(), buttons: [...document.querySelectorAll('button')].filter((one) => one.checkVisibility()).length,
  }));
  await picture(page, name);
  const pages = (await page.pdf()).toString('latin1').match(/\/Type\s*\/Page\b/g).length;
  await page.emulateMedia({ media: null });
  assert.deepEqual([seen.page, seen.buttons, pages], [false, 0, 1], name);
  return seen.words;
}

/** Counts how often the page asks for the printer. */
const watchPrinter = (page) => page.evaluate(() => { globalThis.printed = 0; globalThis.print = () => { globalThis.printed += 1; }; });

step('the day is closed on paper, with the figures that the till shows', async () => {
  const { page } = till;
  await watchPrinter(page);
  await button(page, cashier.day_close).click();
  const sheet = page.getByRole('dialog', { name: cashier.day_close });
  await sheet.getByText(cashier.day_not_over).waitFor();
  await lookAt(page, 'till-day-close-en');
  const figures = async (of) => (await of.allTextContents()).slice(0, 4).map((text) => text.replace(/\(\d+\)/, '')).join();
  // The sums in the till's head follow by a moment.
  await until('the same figures', async () => (await figures(page.locator('.takings dd'))) === await figures(sheet.locator('.paper dd')));
  await button(sheet, cashier.print).click();
  assert.equal(await page.evaluate(() => globalThis.printed), 1);
  const words = await onPaper(page, 'paper-day-close-en');
  for (const word of ['day_close', 'takings_sales', 'takings_refunds', 'takings_voids', 'takings_net']) assert.ok(words.includes(cashier[word]), word);
  assert.ok(!words.includes(cashier.recent));
  await sheet.getByLabel(cashier.search_day).fill('2020-02-29');
  await sheet.locator('.paper-total').getByText('¥0').waitFor();
  await page.keyboard.press('Escape');
});

step('a receipt is printed right after the sale, and says no customer', async () => {
  const { page } = till;
  await page.getByLabel(cashier.amount, { exact: true }).fill('160');
  await page.keyboard.press('Enter');
  await page.keyboard.type(freshCode(customer().name));
  await page.keyboard.press('Enter');
  await heading(page, cashier.paid).waitFor();
  const name = await page.locator('.answer-rows dd').first().textContent();
  await button(page, cashier.receipt).click();
  const sheet = page.getByRole('dialog', { name: cashier.payment });
  await button(sheet, cashier.print).click();
  assert.equal(await page.evaluate(() => globalThis.printed), 2);
  await lookAt(page, 'till-receipt-en');
  const words = await onPaper(page, 'paper-receipt-en');
  assert.match(words, /¥160/);
  assert.match(words, /\d{8}/);
  const place = await page.locator('.till-place span').textContent();
  assert.ok(words.includes(place), 'the merchant');
  assert.ok(!words.includes(name), 'who keeps the paper learns no name');
  await page.keyboard.press('Escape');
  await button(page, cashier.next_sale).click();
});

step('the camera reads bars that are light on dark, says the amount, and turns its light on', async () => {
  const { page, context } = till;
  // What came back meanwhile was told on the phone: loaded again it shows the code alone.
  await phone.page.goto(dev.wallet_url);
  const bars = phone.page.locator('.code-barcode');
  await bars.locator('img').waitFor();
  remember((await phone.page.locator('.code-number').textContent()).replace(/\s/g, ''));
  await bars.evaluate((element) => { element.style.filter = 'invert(1)'; });
  await showToCamera(phone.page, bars);
  await bars.evaluate((element) => { element.style.filter = ''; });
  await context.grantPermissions(['camera']);
  await page.evaluate(() => {
    MediaStreamTrack.prototype.getCapabilities = () => ({ torch: true });
    MediaStreamTrack.prototype.applyConstraints = async (wanted) => { globalThis.light = wanted.advanced[0].torch; };
    // The sheet stays open until the light was tried.
    globalThis.hidden = HTMLVideoElement.prototype.play;
    HTMLVideoElement.prototype.play = function play() { return new Promise((go) => { globalThis.film = () => go(globalThis.hidden.call(this)); }); };
  });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByLabel(cashier.amount, { exact: true }).fill('110');
  const [camera, code] = await Promise.all([button(page, cashier.camera), tillCode()].map((one) => one.boundingBox()));
  assert.ok(camera.y < code.y && camera.y + camera.height < 600, 'the camera comes first on a phone');
  await picture(page, 'till-phone-camera-first');
  await button(page, cashier.camera).click();
  const sheet = page.getByRole('dialog', { name: cashier.camera_title });
  await sheet.getByText('¥110').waitFor();
  const light = button(sheet, cashier.camera_light);
  await light.click();
  await until('the light is on', async () => (await light.getAttribute('aria-pressed')) === 'true');
  assert.equal(await page.evaluate(() => globalThis.light), true);
  await lookAt(page, 'till-camera-light-en');
  await page.evaluate(() => globalThis.film());
  await heading(page, cashier.paid).waitFor();
  await page.setViewportSize({ width: 1280, height: 800 });
  await button(page, cashier.next_sale).click();
});

step('a till that is loaded again without a network says so itself, keeps nothing of anybody, and goes on when the network is back', async () => {
  const { page, context } = till;
  await page.reload();
  await tillAmount().waitFor();
  await page.evaluate(() => navigator.serviceWorker.ready);
  await until('the worker to serve this page', () => page.evaluate(() => navigator.serviceWorker.controller !== null));
  await page.reload();
  await tillAmount().waitFor();
  await context.setOffline(true);
  await page.reload();
  await page.locator('.till-starting').getByText(cashier.not_connected).waitFor();
  await button(page, cashier.try_again).waitFor();
  await lookAt(page, 'till-offline-en');
  const kept = await page.evaluate(async () => {
    const paths = [];
    for (const name of await caches.keys()) for (const request of await (await caches.open(name)).keys()) paths.push(new URL(request.url).pathname);
    return paths;
  });
  assert.deepEqual(kept.filter((path) => path !== '/' && !path.startsWith('/assets/')), []);
  await context.setOffline(false);
  await tillAmount().waitFor();
});

step('nothing went wrong in any script', () => {
  assert.deepEqual([...phone.problems, ...till.problems, ...small.problems], []);
});
