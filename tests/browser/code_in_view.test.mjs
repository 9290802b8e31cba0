// At the cash desk there is no time to scroll: both codes are in view on the smallest phone, nothing moves when they come, and
// each page says in its title what it is.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { walletTexts } from './texts.mjs';
import { dev, remember } from '../peers/dev.mjs';
import { giveAuthenticator, lookAt, openBrowser, openDevice, picture, readSymbols, signUp, story, until } from './stage.mjs';

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
const box = (selector) => phone.page.locator(selector).boundingBox();

step('barcode and QR are whole above the tabs from 320x568 up, whatever the customer is called', async () => {
  const { page } = phone;
  await signUp(page, `in-view-${Date.now()}@example.com`, '山田 太郎左衛門とてもながいなまえ');
  await page.locator('.code-barcode img').waitFor();
  for (const [width, height] of [[320, 568], [360, 640], [375, 667], [390, 664], [390, 844]]) {
    await page.setViewportSize({ width, height });
    const where = `${width}x${height}`;
    await until(`codes above the tabs on ${where}`, async () => {
      const boxes = await Promise.all(['.code-barcode img', '.code-qr img', '.tabs', '.code-card'].map(box));
      if (boxes.includes(null)) return false;
      const [barcode, qr, tabs, card] = boxes;
      return qr.y + qr.height <= tabs.y && barcode.x >= card.x && barcode.x + barcode.width <= card.x + card.width + 0.5;
    });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, where);
  }
});

step('a scanner reads both from the smallest screen', async () => {
  const { page } = phone;
  await page.setViewportSize({ width: 320, height: 568 });
  await until('both codes to be read', async () => {
    const code = remember((await page.locator('.code-number').textContent()).replace(/\s/g, ''));
    const symbols = readSymbols(await picture(page, 'wallet-code-320'));
    return symbols.length === 2 && symbols.every((symbol) => symbol.includes(code));
  });
  await lookAt(page, 'wallet-home-320-ja');
});

step('nothing moves when the code comes', async () => {
  const { page } = phone;
  for (const [width, height] of [[320, 568], [390, 844]]) {
    await page.setViewportSize({ width, height });
    let answer = () => {};
    const asked = new Promise((resolve) => { answer = resolve; });
    await page.route('**/api/code', async (route) => {
      await asked;
      await route.continue();
    });
    await page.goto(dev.wallet_url);
    await page.getByText(words.code_loading).waitFor();
    await page.locator('.recent-list p, .recent-list ul').first().waitFor();
    const places = () => Promise.all(['.code-card', '.recent'].map(box));
    const before = await places();
    answer();
    await page.locator('.code-qr img').waitFor();
    assert.deepEqual(await places(), before, `${width}x${height}`);
    await page.unroute('**/api/code');
  }
});

step('each page has a title of its own', async () => {
  const { page } = phone;
  const titled = (word) => until(`the title ${words[word]}`, async () => (await page.title()) === words.page_title_of.replace('{page}', words[word]));
  await titled('home_title');
  for (const name of ['history', 'settings']) {
    await page.getByRole('link', { name: words[`nav_${name}`] }).click();
    await titled(`${name}_title`);
  }
  for (const name of ['activity', 'help', 'terms']) {
    await page.goto(new URL(`#${name}`, dev.wallet_url).href);
    await titled(`${name}_title`);
  }
});

step('a top-up that is not known says why as large as that', async () => {
  const { page } = phone;
  await page.goto(new URL('/top-up/999999', dev.wallet_url).href);
  const size = (locator) => locator.evaluate((element) => getComputedStyle(element).fontSize);
  const title = page.getByRole('heading', { name: words.top_up_unknown });
  await title.waitFor();
  assert.equal(await size(page.getByRole('main').getByText(words.top_up_unknown_lead)), await size(title));
  await lookAt(page, 'wallet-top-up-unknown-ja');
});

step('nothing went wrong in any script', () => {
  assert.deepEqual(phone.problems, []);
});
