// The way in, as phones really are used: the page is dropped while its owner reads the message in another app, the message
// does not come, a number is mistyped.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before } from 'node:test';

import { walletTexts } from './texts.mjs';
import { dev } from '../peers/dev.mjs';
import { atRest, codeFromInbox, giveAuthenticator, lookAt, lookInBothLanguages, openBrowser, openDevice, story, until } from './stage.mjs';

const words = walletTexts.ja;
const CONTACT = `signing-up-${Date.now()}@example.com`;

let browser;
let phone;
let finger;

before(async () => {
  browser = await openBrowser();
  phone = await openDevice(browser, { phone: true });
  finger = await giveAuthenticator(phone);
});
after(async () => { await browser?.close(); });

const step = story(() => ({ phone }));
const button = (page, name) => page.getByRole('button', { name, exact: true });
const heading = (page, name) => page.getByRole('heading', { name, exact: true });

step('who runs this, help, terms and privacy are there before anybody signs up', async () => {
  const { page } = phone;
  await page.goto(dev.wallet_url);
  await page.getByText('まもりマート（開発用）').waitFor();
  await page.getByText(/^Mamori \d+\.\d+\.\d+$/).waitFor();
  await page.getByRole('link', { name: words.help_title }).click();
  await heading(page, words.help_lost).waitFor();
  await page.getByRole('link', { name: 'help@example.jp' }).first().waitFor();
  assert.equal(await page.getByRole('link', { name: 'help@example.jp' }).first().getAttribute('href'), 'mailto:help@example.jp');
  await lookInBothLanguages(page, 'wallet-help', { fullPage: true });
  for (const name of ['terms', 'privacy']) {
    await page.getByRole('link', { name: words[`${name}_title`] }).click();
    await heading(page, words[`${name}_title`]).waitFor();
    await page.getByText(words[`${name}_1`]).waitFor();
    await lookAt(page, `wallet-${name}-ja`);
    await page.getByRole('link', { name: words.back }).click();
    await heading(page, words.help_title).waitFor();
  }
  await page.getByRole('link', { name: words.back }).click();
  await page.getByLabel(words.contact_label).waitFor();
});

step('while strangers crowd the door the page says that it is checking, and asks again by itself', async () => {
  const another = await openDevice(browser, { phone: true });
  const { page } = another;
  const challenge = 'CQkJ'.repeat(11);
  const asked = [];
  let letThrough;
  const seen = new Promise((resolve) => { letThrough = resolve; });
  await page.route('**/api/sign-up/start', async (route) => {
    asked.push(route.request().postDataJSON());
    if (asked.length === 1) {
      const body = { refusal: 'proof_wanted', message_ja: 'x', message_en: 'x', challenge, bits: 17 };
      return route.fulfill({ status: 428, contentType: 'application/json', body: JSON.stringify(body) });
    }
    await seen;
    return route.continue();
  });
  await page.goto(dev.wallet_url);
  await page.getByLabel(words.contact_label).fill(`crowd-${CONTACT}`);
  await button(page, words.start).click();
  await page.getByRole('status').filter({ hasText: words.checking }).waitFor();
  await until('the work is done', () => asked.length === 2);
  await lookAt(page, 'wallet-checking-ja', { fullPage: true });
  letThrough();
  await heading(page, words.prove_title).waitFor();
  const { answer } = asked[1];
  const hash = createHash('sha256').update(`${challenge}:${answer}`).digest();
  assert.equal(Math.clz32(hash.readUInt32BE(0)) >= 17, true, `${answer}`);
  assert.deepEqual([asked[0].answer, asked[1].challenge, asked.length], [undefined, challenge, 2]);
  assert.deepEqual(another.problems, []);
  await another.context.close();
});

step('a page that is loaded anew stays at the number that was sent', async () => {
  const { page } = phone;
  await page.goto(dev.wallet_url);
  await page.getByLabel(words.contact_label).fill(CONTACT);
  await button(page, words.start).click();
  await page.getByLabel(words.name_label).fill('みお');
  await page.reload();
  await heading(page, words.prove_title).waitFor();
  assert.equal(await page.getByLabel(words.name_label).inputValue(), 'みお');
  assert.ok((await page.locator('#code-lead').textContent()).includes(CONTACT));
});

step('a tab that was closed is no loss: another one stays at the number, and keeps nothing of it', async () => {
  const { page, context } = phone;
  await page.getByLabel(words.code_label).fill('12345');
  const other = await context.newPage();
  await other.goto(dev.wallet_url);
  await heading(other, words.prove_title).waitFor();
  assert.equal(await other.getByLabel(words.name_label).inputValue(), 'みお');
  assert.equal(await other.getByLabel(words.code_label).inputValue(), '');
  await other.close();
  assert.doesNotMatch(await page.evaluate(() => JSON.stringify({ ...localStorage })), /12345/);
  await page.getByLabel(words.code_label).fill('');
});

step('the number is sent again after half a minute, and not before', async () => {
  const { page } = phone;
  const before = new RegExp(words.resend_in.replace('{seconds}', '\\d+'));
  const again = page.getByRole('button', { name: before });
  await again.waitFor();
  assert.equal(await again.getAttribute('aria-disabled'), 'true');
  const first = await codeFromInbox(CONTACT);
  await lookAt(page, 'wallet-prove-waiting-ja', { fullPage: true });
  // Half a minute later by the phone's clock.
  await page.evaluate(() => {
    const real = Date.now;
    Date.now = () => real() + 31_000;
  });
  await button(page, words.resend).click();
  await page.getByText(words.code_sent_again).waitFor();
  await until('another number', async () => (await codeFromInbox(CONTACT)) !== first);
});

step('a mistyped number is marked at its field, and the complaint goes when it is mended', async () => {
  const { page } = phone;
  const field = page.getByLabel(words.code_label);
  const right = await codeFromInbox(CONTACT);
  await field.fill(right === '000000' ? '000001' : '000000');
  await button(page, words.make_passkey).click();
  await until('the field is marked', async () => (await field.getAttribute('aria-invalid')) === 'true');
  await field.fill(right);
  assert.notEqual(await field.getAttribute('aria-invalid'), 'true');
  assert.equal(await page.locator('.welcome-panel .problem').textContent(), '');
});

step('a page that is loaded anew behind the number asks for the passkey alone', async () => {
  const { page } = phone;
  await finger.verify(false);
  await button(page, words.make_passkey).click();
  await page.getByText(words.passkey_not_finished).waitFor();
  await page.reload();
  await heading(page, words.finish_title).waitFor();
  await finger.verify(true);
  await button(page, words.make_passkey).click();
  await page.locator('.balance-figure').waitFor();
  const kept = await page.evaluate(() => JSON.stringify({ tab: { ...sessionStorage }, browser: { ...localStorage } }));
  assert.doesNotMatch(kept, /signing-up/, 'what was begun is over, and nothing of it is kept');
});

step('help is in the settings too, with the stop for a lost phone', async () => {
  const { page } = phone;
  await page.getByRole('link', { name: words.nav_settings }).click();
  await page.getByRole('main').getByRole('link', { name: words.help_title }).first().click();
  await heading(page, words.help_title).waitFor();
  await button(page, words.freeze).waitFor();
  await page.getByRole('link', { name: words.nav_home }).click();
  await page.locator('.code-barcode img').waitFor();
});

step('an amount is not judged before its owner has typed it', async () => {
  const { page } = phone;
  await button(page, words.top_up).click();
  const field = page.getByLabel(words.top_up_free);
  const problem = page.locator('#top-up-problem');
  const go = page.locator('.top-up button[type=submit]');
  await field.pressSequentially('5');
  assert.equal(await problem.textContent(), '');
  assert.notEqual(await field.getAttribute('aria-invalid'), 'true');
  await atRest(page);
  const stood = (await go.boundingBox()).y;
  await page.keyboard.press('Tab');
  await until('it is said when the field is left', async () => (await problem.textContent()) !== '');
  assert.equal((await go.boundingBox()).y, stood, 'the button does not move away');
  await lookAt(page, 'wallet-top-up-wrong-ja');
  await page.keyboard.press('Escape');
});

step('who comes back is met with one large button; signing up is the second choice', async () => {
  const { page } = phone;
  await page.goto(new URL('#settings', dev.wallet_url).href);
  // Otherwise the offer in the autofill list would sign in again at once: this finger never hesitates.
  await finger.present(false);
  await button(page, words.sign_out).click();
  await heading(page, words.returning_title).waitFor();
  await page.setViewportSize({ width: 320, height: 568 });
  const signIn = button(page, words.sign_in);
  const box = await signIn.boundingBox();
  assert.ok(box.y + box.height < 568, 'the button is in view on a small phone');
  assert.ok(box.height > 64, 'and large');
  await lookAt(page, 'wallet-returning-ja');
  await page.setViewportSize({ width: 390, height: 844 });
  assert.equal(await page.getByLabel(words.contact_label).count(), 0);
  await button(page, words.newcomer).click();
  await page.getByLabel(words.contact_label).waitFor();
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage }));
  assert.doesNotMatch(kept, /みお|signing-up/, 'nothing tells whose wallet it was');
  // The offer of the autofill list waits already when the finger is there again.
  const offered = page.waitForResponse((answer) => answer.url().endsWith('/api/sign-in/start'));
  await page.reload();
  await offered;
  await heading(page, words.returning_title).waitFor();
  await finger.present(true);
  await signIn.click();
  await page.locator('.balance-figure').waitFor();
});

step('nothing went wrong in any script', () => {
  assert.deepEqual(phone.problems, []);
});
