// How a customer is reached: a mail address is added and takes the place of the telephone number, everybody who was reached before is
// told, and the letter brings the number back in a browser that was never there. Once in each language, through a real mail server.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { dev, remember } from '../peers/dev.mjs';
import {
  assertAccessible, codeFromInbox, giveAuthenticator, lookAt, mobileDigits, openBrowser, openDevice, picture, signUp, story, until,
} from './stage.mjs';
import { walletTexts } from './texts.mjs';

const LANGUAGES = [
  {
    lang: 'ja', locale: 'ja-JP', masked: (number) => `+81******${number.slice(-4)}`, name: 'みお',
    removedOnes: 'がウォレットの連絡先から削除されました',
  },
  {
    lang: 'en', locale: 'en-US', masked: (number) => `+81******${number.slice(-4)}`, name: 'Mio',
    removedOnes: 'was removed from the contacts of your wallet',
  },
];

let browser;
let phone;
let elsewhere;

before(async () => { browser = await openBrowser(); });
after(async () => { await browser?.close(); });

/** What was sent to a contact, the newest first. */
async function messagesTo(contact) {
  const plain = (text) => text.replace(/[^0-9A-Za-z@.]/g, '').replace(/^81/, '0');
  const answer = await fetch(new URL('/api/messages', dev.inbox_url));
  const { messages } = await answer.json();
  return messages.filter((one) => plain(one.to) === plain(contact));
}

/** The newest message to a contact that says this. */
const messageTo = (contact, words) => until(`${words} at ${contact}`, async () => (
  (await messagesTo(contact)).find((one) => one.text.includes(words))));

for (const { lang, locale, masked, name, removedOnes } of LANGUAGES) {
  const step = story(() => ({ phone, elsewhere }));
  const words = walletTexts[lang];
  const button = (key, of = '') => phone.page.getByRole('button', { name: of === '' ? words[key] : `${words[key]}: ${of}`, exact: true });
  const digits = mobileDigits();
  const number = `080-${digits.slice(0, 4)}-${digits.slice(4)}`;
  const mail = `mio-${digits}@example.com`;
  /** The contacts that the page lists, as they are written there. */
  const listed = () => phone.page.locator('.contact-name').allTextContents();
  let link;

  step(`${lang}: the contact of the sign-up stands in the settings' list, and gets the notices`, async () => {
    phone = await openDevice(browser, { phone: true, locale });
    await giveAuthenticator(phone);
    const { page } = phone;
    await signUp(page, number, name);
    await page.goto(`${dev.wallet_url}#settings`);
    await page.locator('a.setting-button[href="#contacts"]:not([class*=check-])').click();
    await page.getByRole('heading', { name: words.contacts_title, level: 1 }).waitFor();
    await page.getByText(words.contact_preferred, { exact: true }).waitFor();
    assert.deepEqual(await listed(), [number]);
    assert.equal(await button('contact_remove', number).count(), 0, 'the last one cannot be removed');
  });

  step(`${lang}: a mail address is proven by the digits in its mail and by the passkey`, async () => {
    const { page } = phone;
    await button('contact_add').click();
    await page.getByRole('button', { name: words.contact_send }).click();
    await page.getByText(words.contact_missing).waitFor();
    await page.locator('#new-contact').fill(mail);
    await lookAt(page, `wallet-contacts-adding-${lang}`, { fullPage: true });
    await page.keyboard.press('Enter');
    await page.locator('#new-code').fill('000000');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: /\S/ }).waitFor();
    await page.locator('#new-code').fill(await codeFromInbox(mail));
    await lookAt(page, `wallet-contacts-code-${lang}`, { fullPage: true });
    await page.keyboard.press('Enter');
    await until('both are listed', async () => (await listed()).length === 2);
    const { text } = await messageTo(number, mail.replace(/^(.).*@/, '$1***@'));
    assert.match(text, /\/undo-contact#/, 'whoever was there before may undo it');
  });

  step(`${lang}: notices go to the mail address from now on`, async () => {
    const { page } = phone;
    await button('contact_prefer', mail).click();
    await until('the preferred one stands first', async () => (await listed())[0] === mail);
    assert.equal(await page.getByText(words.contact_preferred, { exact: true }).count(), 1);
  });

  step(`${lang}: the number is removed, after a question that says what that means`, async () => {
    const { page } = phone;
    await button('contact_remove', number).click();
    await page.getByText(words.contact_remove_lead).waitFor();
    await lookAt(page, `wallet-contacts-removing-${lang}`, { fullPage: true });
    await button('contact_remove_yes').click();
    await page.getByRole('heading', { name: words.contacts_removed }).waitFor();
    assert.deepEqual(await listed(), [mail, number]);
    await button('contact_put_back', number).waitFor();
    await lookAt(page, `wallet-contacts-${lang}`, { fullPage: true });
    await page.setViewportSize({ width: 320, height: 640 });
    await page.emulateMedia({ colorScheme: 'dark' });
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wider, 0, 'nothing hangs out of a small phone');
    await assertAccessible(page, `contacts, small and dark, ${lang}`);
    await picture(page, `wallet-contacts-small-${lang}`, { fullPage: true });
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 390, height: 844 });
  });

  step(`${lang}: both are told, in the customer's language, and the mail has a link`, async () => {
    const sms = await messageTo(number, removedOnes);
    assert.ok(!sms.text.includes(mail), 'no other contact in clear');
    const told = await messageTo(mail, removedOnes);
    assert.ok(told.text.includes(masked(number)), told.text);
    [link] = told.text.match(/https?:\S+\/undo-contact#\S+/) ?? [];
    assert.ok(link?.startsWith(`${new URL(dev.wallet_url).origin}/undo-contact#`), told.text);
    remember(link.split('#')[1]);
  });

  step(`${lang}: the page of the letter does nothing until its button is pressed`, async () => {
    elsewhere = await openDevice(browser, { phone: true, locale });
    const { page } = elsewhere;
    const posted = [];
    page.on('request', (request) => { if (request.method() === 'POST') posted.push(new URL(request.url()).pathname); });
    await page.goto(link);
    await page.getByRole('heading', { name: words.undo_title }).waitFor();
    assert.equal(new URL(page.url()).hash, '', 'the secret leaves the address');
    assert.deepEqual(posted, []);
    await lookAt(page, `wallet-contact-undo-${lang}`, { fullPage: true });
    await page.getByRole('button', { name: words.undo_yes }).click();
    await page.getByRole('heading', { name: words.undo_done, exact: true }).waitFor();
    assert.deepEqual(posted, ['/api/undo-contact']);
    await lookAt(page, `wallet-contact-undone-${lang}`, { fullPage: true });
    assert.equal((await elsewhere.context.cookies()).some((cookie) => cookie.name === '__Host-mamori_wallet'), false, 'nobody is signed in');
  });

  step(`${lang}: the number is back, the link is spent, and the wallet says what happened`, async () => {
    const { page } = elsewhere;
    await page.goto('about:blank');
    await page.goto(link);
    await page.getByRole('button', { name: words.undo_yes }).click();
    await page.getByRole('alert').filter({ hasText: /72/ }).waitFor();
    await page.goto('about:blank');
    await page.goto(`${new URL(dev.wallet_url).origin}/undo-contact`);
    await page.getByText(words.undo_missing).waitFor();
    await phone.page.reload();
    await phone.page.getByText(words.contact_preferred, { exact: true }).waitFor();
    assert.deepEqual((await listed()).sort(), [mail, number].sort());
    assert.equal(await phone.page.getByRole('heading', { name: words.contacts_removed }).count(), 0);
    await phone.page.goto(`${dev.wallet_url}#activity`);
    for (const key of ['act_add_contact_back', 'act_remove_contact', 'act_prefer_contact', 'act_add_contact']) {
      await phone.page.getByText(words[key], { exact: true }).first().waitFor();
    }
    await phone.page.getByText(words.by_letter).first().waitFor();
    await lookAt(phone.page, `wallet-contacts-activity-${lang}`);
  });

  step(`${lang}: no script complained on the way`, async () => {
    assert.deepEqual([...phone.problems, ...elsewhere.problems], []);
    await phone.context.close();
    await elsewhere.context.close();
  });
}
