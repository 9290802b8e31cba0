// A phone that knows no passkeys, in Japanese and in English: signing up with a password and an authenticator app, signing out
// and in again, a code that was used, an act that asks for a code, and a new password. The app is computed here.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { dev, remember } from '../peers/dev.mjs';
import { App } from './authenticator_app.mjs';
import { codeFromInbox, giveAuthenticator, lookAt, openBrowser, openDevice, picture, readSymbols, story } from './stage.mjs';
import { walletTexts } from './texts.mjs';

const PASSWORD = remember('わたしの ねこは みけ');
const NEW_PASSWORD = remember('an entirely other one');

let browser;
let phone;
before(async () => { browser = await openBrowser(); });
after(async () => { await browser?.close(); });

const button = (page, name) => page.getByRole('button', { name, exact: true });
const heading = (page, name) => page.getByRole('heading', { name, exact: true });

for (const [lang, locale] of [['ja', 'ja-JP'], ['en', 'en-US']]) {
  const words = walletTexts[lang];
  const contact = `password-${lang}-${Date.now()}@example.com`;
  const step = story(() => ({ phone }));
  let app;

  step(`${lang}: the third screen leads to a password and an app where the phone knows no passkeys`, async () => {
    phone = await openDevice(browser, { phone: true, locale });
    const { page } = phone;
    await page.addInitScript(() => { delete globalThis.PublicKeyCredential; Object.defineProperty(navigator, 'credentials', { value: undefined }); });
    await page.goto(dev.wallet_url);
    await page.getByLabel(words.contact_label).fill(contact);
    await button(page, words.start).click();
    await page.getByLabel(words.code_label).fill(await codeFromInbox(contact));
    await page.getByLabel(words.name_label).fill('みけ');
    await button(page, words.make_passkey).click();
    await heading(page, words.finish_title).waitFor();
    await page.getByText(words.passkey_not_supported).waitFor();
    await lookAt(page, `wallet-no-passkeys-${lang}`, { fullPage: true });
    await page.getByRole('link', { name: words.no_passkeys_here }).click();
    await heading(page, words.password_sign_up_title).waitFor();
    const key = await page.locator('.codes-key .number').textContent();
    assert.match(key, /^([A-Z2-7]{4} ){7}[A-Z2-7]{4}$/);
    app = new App(remember(key));
    await lookAt(page, `wallet-password-sign-up-${lang}`, { fullPage: true });
    const drawn = await picture(page, `wallet-codes-qr-${lang}`, { fullPage: true, clip: await page.locator('.codes-qr').boundingBox() });
    const [read] = readSymbols(drawn);
    assert.ok(read.startsWith('otpauth://totp/Mamori:') && read.includes(`secret=${key.replaceAll(' ', '')}&issuer=Mamori`), 'the QR code holds the same key');
  });

  step(`${lang}: a common password is refused with its reason, and the page that was dropped goes on with the same key`, async () => {
    const { page } = phone;
    await page.reload();
    const key = await page.locator('.codes-key .number').textContent();
    assert.equal(new App(key).at(1), app.at(1));
    const password = page.getByLabel(words.password_new, { exact: true });
    assert.equal(await password.getAttribute('autocomplete'), 'new-password');
    assert.equal(await page.locator('#password-contact').inputValue(), contact);
    await password.fill('password1');
    await page.getByLabel(words.codes_label).fill(await app.next());
    await button(page, words.password_sign_up_go).click();
    await page.locator('#new-password-problem').filter({ hasText: /./ }).waitFor();
    assert.equal(await password.getAttribute('aria-invalid'), 'true');
    await lookAt(page, `wallet-password-common-${lang}`, { fullPage: true });
    await button(page, words.password_show_spoken).click();
    assert.equal(await password.getAttribute('type'), 'text');
    await button(page, words.password_hide_spoken).click();
    await password.fill(PASSWORD);
    await page.getByLabel(words.codes_label).fill(app.at(app.used));
    await button(page, words.password_sign_up_go).click();
    await page.locator('.balance-figure').waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.getItem('mamori.codes')), null);
  });

  step(`${lang}: signed out and in again; a code that was used is refused, and nobody hears why`, async () => {
    const { page } = phone;
    await page.goto(`${dev.wallet_url}/#settings`);
    await page.getByText(words.sign_out, { exact: true }).click();
    await page.getByRole('link', { name: words.sign_in_by_password }).click();
    await heading(page, words.password_sign_in_title).waitFor();
    await lookAt(page, `wallet-password-sign-in-${lang}`, { fullPage: true });
    const password = page.getByLabel(words.password, { exact: true });
    assert.equal(await password.getAttribute('autocomplete'), 'current-password');
    await page.getByLabel(words.password_sign_in_contact).fill(contact);
    await password.fill(PASSWORD);
    await button(page, words.password_sign_in_next).click();
    const code = page.getByLabel(words.codes_label);
    assert.equal(await code.getAttribute('autocomplete'), 'one-time-code');
    await code.fill(app.at(app.used));
    await button(page, words.password_sign_in_go).click();
    await page.getByRole('alert').filter({ hasText: lang === 'ja' ? 'サインインできませんでした' : 'did not sign you in' }).waitFor();
    await lookAt(page, `wallet-password-code-${lang}`, { fullPage: true });
    await code.fill(` ${(await app.next()).replace(/\d{3}/, '$& ')}`);
    await button(page, words.password_sign_in_go).click();
    await page.locator('.balance-figure').waitFor();
  });

  step(`${lang}: what a passkey would prove is proven by a code, and the password is changed`, async () => {
    const { page } = phone;
    await page.goto(`${dev.wallet_url}/#password`);
    await heading(page, words.password_title).waitFor();
    await button(page, words.password_change).waitFor();
    await page.getByText(words.password_only_way).waitFor();
    await lookAt(page, `wallet-password-set-${lang}`, { fullPage: true });
    await button(page, words.password_change).click();
    await page.getByLabel(words.password_new, { exact: true }).fill(NEW_PASSWORD);
    await button(page, words.password_change_go).click();
    const sheet = page.getByRole('dialog', { name: words.codes_prompt });
    await sheet.waitFor();
    await lookAt(page, `wallet-code-prompt-${lang}`);
    await sheet.getByLabel(words.codes_label).fill(await app.next());
    await button(sheet, words.codes_confirm).click();
    await page.getByRole('status').filter({ hasText: words.password_changed }).waitFor();
    await page.goto(dev.wallet_url);
    await button(page, words.freeze).click();
    await button(page, words.unfreeze).click();
    await sheet.getByLabel(words.codes_label).fill(await app.next());
    await button(sheet, words.codes_confirm).click();
    await page.locator('.pay-code, .code-card').first().waitFor();
  });

  step(`${lang}: a phone that can make passkeys is offered one right after the password, and needs nothing else for it`, async () => {
    // The same phone after an update: its browser knows passkeys now.
    const before = phone.page;
    phone.page = await phone.context.newPage();
    await before.close();
    const { page } = phone;
    await giveAuthenticator(phone);
    await page.goto(`${dev.wallet_url}/#settings`);
    await page.getByText(words.sign_out, { exact: true }).click();
    await page.getByRole('link', { name: words.sign_in_by_password }).click();
    await page.getByLabel(words.password_sign_in_contact).fill(contact);
    await page.getByLabel(words.password, { exact: true }).fill(NEW_PASSWORD);
    await button(page, words.password_sign_in_next).click();
    await page.getByLabel(words.codes_label).fill(await app.next());
    await button(page, words.password_sign_in_go).click();
    const sheet = page.getByRole('dialog', { name: words.passkey_offer_title });
    await sheet.waitFor();
    await lookAt(page, `wallet-passkey-offer-${lang}`);
    await button(sheet, words.passkey_offer_yes).click();
    await sheet.waitFor({ state: 'detached' });
    await page.goto(`${dev.wallet_url}/#passkeys`);
    await page.locator('.passkey').waitFor();
    assert.deepEqual(phone.problems, []);
    await phone.context.close();
  });
}
