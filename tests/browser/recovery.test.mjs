// Somebody has lost the phone: codes on paper, the mail and the number, a trusted person; and the letter that stops it all. Once in each
// language. What takes days is let pass by a call that development alone has.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { dev, remember } from '../peers/dev.mjs';
import {
  assertAccessible, codeFromInbox, giveAuthenticator, lookAt, mobileDigits, openBrowser, openDevice, picture, signUp, story, until,
} from './stage.mjs';
import { walletTexts } from './texts.mjs';

const LANGUAGES = [{ lang: 'ja', locale: 'ja-JP', name: 'そら' }, { lang: 'en', locale: 'en-US', name: 'Sora' }];

let browser;
let phone;
let newPhone;
let helper;

before(async () => { browser = await openBrowser(); });
after(async () => { await browser?.close(); });

/** Every wait of the owner is over. */
async function hurry(wallet_id) {
  const answer = await fetch(new URL('/dev/hurry', dev.base_url), {
    method: 'POST', headers: { authorization: `Bearer ${dev.token}`, 'content-type': 'application/json' }, body: JSON.stringify({ wallet_id }),
  });
  assert.equal(answer.status, 200, await answer.text());
}

/** The newest link of this kind in the messages to a contact. */
async function linkTo(contact, page) {
  const plain = (text) => text.replace(/[^0-9A-Za-z@.]/g, '').replace(/^81/, '0');
  return until(`a link to ${page} for ${contact}`, async () => {
    const { messages } = await (await fetch(new URL('/api/messages', dev.inbox_url))).json();
    const found = messages.filter((one) => plain(one.to) === plain(contact)).map((one) => one.text.match(new RegExp(`http\\S*/${page}#[\\w-]+`))?.[0]);
    return found.find(Boolean);
  });
}

/** The newest six digits that were sent to a contact, other than those of before; letters with links carry none. */
const newestCode = (contact, ...before) => until(`another code for ${contact}`, async () => {
  const plain = (text) => text.replace(/[^0-9A-Za-z@.]/g, '').replace(/^81/, '0');
  const { messages } = await (await fetch(new URL('/api/messages', dev.inbox_url))).json();
  const found = messages.filter((one) => plain(one.to) === plain(contact) && !one.text.includes('/undo-'));
  const code = found[0]?.text.match(/(?<!\d)\d{6}(?!\d)/)?.[0];
  return code === undefined || before.includes(code) ? null : remember(code);
});

const walletId = async (page) => (await page.locator('.person .number').textContent()).match(/\d+$/)[0];

for (const { lang, locale, name } of LANGUAGES) {
  const step = story(() => ({ phone, newPhone, helper }));
  const words = walletTexts[lang];
  const say = (key, values) => Object.entries(values).reduce((text, [slot, value]) => text.replace(`{${slot}}`, value), words[key]);
  const digits = mobileDigits();
  const number = `070-${digits.slice(0, 4)}-${digits.slice(4)}`;
  const mail = `sora${digits}@example.jp`;
  const otherMail = `sora${digits}@example.net`;
  let codes;
  let wallet;
  // That of the sign-up is none of a recovery.
  let lastCode;

  const begin = async (page, contact) => {
    await page.goto(dev.wallet_url);
    await page.getByRole('link', { name: words.cannot_sign_in }).click();
    await page.getByRole('heading', { name: words.recover_title, level: 1 }).waitFor();
    await page.locator('#recover-contact').fill(contact);
    await page.getByRole('button', { name: words.recover_begin }).click();
    await page.locator('#sent').waitFor();
  };
  const prove = async (page, id, value) => {
    await page.locator(`#${id}`).fill(value);
    await page.locator(`#${id}`).press('Enter');
  };
  const isReady = (page) => page.getByRole('heading', { name: words.recover_ready }).waitFor();
  const makePasskey = async (page) => {
    await page.getByRole('button', { name: words.recover_make_passkey }).click();
    await page.locator('.balance-figure').waitFor();
  };

  step(`${lang}: the settings lead to what is prepared: ten codes are made with the passkey and shown once`, async () => {
    phone = await openDevice(browser, { phone: true, locale });
    await giveAuthenticator(phone);
    const { page } = phone;
    await signUp(page, mail, name);
    lastCode = await newestCode(mail);
    await page.goto(`${dev.wallet_url}#settings`);
    wallet = await walletId(page);
    await page.getByRole('link', { name: words.recovery_setting }).click();
    await page.getByRole('heading', { name: words.recovery_title, level: 1 }).waitFor();
    await page.getByText(words.recovery_codes_none).waitFor();
    await lookAt(page, `wallet-recovery-none-${lang}`, { fullPage: true });
    await page.getByRole('button', { name: words.recovery_codes_make }).click();
    await page.getByRole('heading', { name: words.recovery_codes_ready }).waitFor();
    codes = await page.locator('.paper-codes li').allTextContents();
    codes.forEach(remember);
    assert.equal(new Set(codes).size, 10);
    await lookAt(page, `wallet-recovery-codes-${lang}`, { fullPage: true });
    await page.setViewportSize({ width: 320, height: 640 });
    await page.emulateMedia({ colorScheme: 'dark' });
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wider, 0, 'nothing hangs out of a small phone');
    await assertAccessible(page, `recovery codes, small and dark, ${lang}`);
    await picture(page, `wallet-recovery-codes-small-${lang}`, { fullPage: true });
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.getByRole('button', { name: words.recovery_codes_kept }).click();
    await page.getByRole('button', { name: words.recovery_codes_make_new }).waitFor();
    assert.ok(!(await page.content()).includes(codes[0]), 'shown once');
  });

  step(`${lang}: another customer is invited by a link, and says yes`, async () => {
    await phone.page.getByRole('button', { name: words.recovery_trusted_invite }).click();
    await phone.page.getByRole('heading', { name: words.recovery_trusted_link }).waitFor();
    const link = await phone.page.locator('.paper-code-page').textContent();
    remember(link.split('#')[1]);
    helper = await openDevice(browser, { phone: true, locale });
    await giveAuthenticator(helper);
    await signUp(helper.page, `haha${digits}@example.org`, lang === 'ja' ? 'はは' : 'Mum');
    await helper.page.goto(link);
    await helper.page.getByText(say('trusted_lead', { name })).waitFor();
    await lookAt(helper.page, `wallet-trusted-${lang}`, { fullPage: true });
    await helper.page.getByRole('button', { name: words.trusted_yes }).click();
    await helper.page.getByText(words.trusted_done).first().waitFor();
    await hurry(wallet);
    await helper.page.goto(dev.wallet_url);
    await helper.page.locator('.balance-figure').waitFor();
  });

  step(`${lang}: a saved code and the mail open at once; the new phone is the one that pays`, async () => {
    newPhone = await openDevice(browser, { phone: true, locale });
    await giveAuthenticator(newPhone);
    const { page } = newPhone;
    await page.goto(dev.wallet_url);
    await page.getByRole('link', { name: words.cannot_sign_in }).click();
    await page.locator('#recover-contact').waitFor();
    await lookAt(page, `wallet-recover-start-${lang}`, { fullPage: true });
    await begin(page, mail);
    await lookAt(page, `wallet-recover-asked-${lang}`, { fullPage: true });
    await prove(page, 'saved', `${codes[0].slice(0, -1)}`);
    await page.getByText(words.recover_mistyped).waitFor();
    lastCode = await newestCode(mail, lastCode);
    await prove(page, 'sent', lastCode);
    await page.getByRole('heading', { name: words.recover_proven }).waitFor();
    await lookAt(page, `wallet-recover-open-${lang}`, { fullPage: true });
    // It goes on where it was, in this browser.
    await page.reload();
    await page.getByText(words.recover_saved).first().click();
    await prove(page, 'saved', codes[0].toLowerCase().replaceAll('-', ' '));
    await isReady(page);
    await lookAt(page, `wallet-recover-ready-${lang}`, { fullPage: true });
    await makePasskey(page);
    await page.goto(`${dev.wallet_url}#recovery`);
    await page.getByText(new RegExp(`\\b9\\b|9個`)).first().waitFor();
    await until('the lost phone is signed out', async () => {
      await phone.page.goto(dev.wallet_url);
      await phone.page.locator('main').first().waitFor();
      return (await phone.page.locator('.balance-figure').count()) === 0;
    });
  });

  step(`${lang}: the letter takes it back: the old phone's passkey works again, and the wallet is frozen`, async () => {
    const link = await linkTo(mail, 'undo-recovery');
    const anywhere = await openDevice(browser, { phone: true, locale });
    const { page } = anywhere;
    await page.goto(link);
    await page.getByRole('heading', { name: words.undo_recovery_title, level: 1 }).waitFor();
    assert.ok(!page.url().includes('#'), 'the secret has left the address');
    await lookAt(page, `wallet-undo-recovery-${lang}`, { fullPage: true });
    await newPhone.page.reload();
    await newPhone.page.getByRole('heading', { name: words.recovery_title, level: 1 }).waitFor();
    await page.getByRole('button', { name: words.undo_recovery_yes }).click();
    await page.getByRole('heading', { name: words.undo_recovery_done }).waitFor();
    await lookAt(page, `wallet-undo-recovery-done-${lang}`, { fullPage: true });
    await anywhere.context.close();
    const button = phone.page.getByRole('button', { name: words.sign_in, exact: true });
    await phone.page.goto(dev.wallet_url);
    await until('signed in with the passkey of before', async () => {
      if (await phone.page.getByText(words.frozen_title).count() > 0) return true;
      await button.click({ timeout: 500 }).catch(() => {});
      return false;
    });
    // The list of passkeys and the button may both have signed in; then one is told of the other, in a sheet that lies above.
    await until('payments go on', async () => {
      if (await phone.page.getByText(words.frozen_title).count() === 0) return true;
      await phone.page.keyboard.press('Escape');
      await phone.page.getByRole('button', { name: words.unfreeze }).click({ timeout: 1_500 }).catch(() => {});
      return false;
    });
    await newPhone.context.close();
  });

  step(`${lang}: a trusted person chooses the number, the owner's mail is proven, and a day passes`, async () => {
    newPhone = await openDevice(browser, { phone: true, locale });
    await giveAuthenticator(newPhone);
    const { page } = newPhone;
    await begin(page, mail);
    lastCode = await newestCode(mail, lastCode);
    await prove(page, 'sent', lastCode);
    await page.getByText(words.recover_trusted, { exact: true }).click();
    await page.getByRole('button', { name: words.recover_trusted_ask, exact: true }).click();
    const shown = await page.locator('.device-number').textContent();
    await lookAt(page, `wallet-recover-trusted-${lang}`, { fullPage: true });
    const sheet = helper.page.getByRole('dialog');
    await sheet.getByText(say('trusted_asks', { name })).waitFor();
    assert.equal(await sheet.getByText(/¥|円/).count(), 0, 'no balance');
    await lookAt(helper.page, `wallet-trusted-asks-${lang}`);
    await sheet.getByRole('button', { name: shown, exact: true }).click();
    await sheet.waitFor({ state: 'detached' });
    await page.locator('.recover-clock').waitFor();
    await lookAt(page, `wallet-recover-waits-${lang}`, { fullPage: true });
    assert.equal(await page.getByRole('button', { name: words.recover_make_passkey }).count(), 0);
  });

  step(`${lang}: an owner who is signed in is told, and can stop it; who began is told that`, async () => {
    await phone.page.goto(dev.wallet_url);
    const sheet = phone.page.getByRole('dialog');
    await sheet.getByText(words.recovery_open).first().waitFor();
    await lookAt(phone.page, `wallet-recovery-notice-${lang}`);
    await sheet.getByRole('button', { name: words.recovery_stop }).click();
    await sheet.waitFor({ state: 'detached' });
    await newPhone.page.getByText(words.recover_over_stopped).waitFor();
    await lookAt(newPhone.page, `wallet-recover-stopped-${lang}`, { fullPage: true });
    await newPhone.page.getByRole('button', { name: words.recover_again }).click();
    await newPhone.page.locator('#recover-contact').waitFor();
  });

  step(`${lang}: mail and telephone number open after 72 hours, on a phone without passkeys too`, async () => {
    const { page } = newPhone;
    // A number and another address are proven while the phone is there: the first address has had its codes of the hour.
    await phone.page.goto(`${dev.wallet_url}#contacts`);
    const first = {};
    for (const [place, contact] of [number, otherMail].entries()) {
      await phone.page.getByRole('button', { name: words.contact_add, exact: true }).click();
      await phone.page.locator('#new-contact').fill(contact);
      await phone.page.keyboard.press('Enter');
      await phone.page.locator('#new-code').waitFor();
      first[contact] = await newestCode(contact);
      await phone.page.locator('#new-code').fill(first[contact]);
      await phone.page.keyboard.press('Enter');
      await phone.page.locator('.contact-name').nth(place + 1).waitFor();
    }
    await hurry(wallet);
    await begin(page, number);
    await prove(page, 'sent', await newestCode(number, first[number]));
    await page.getByText(words.recover_send_other, { exact: true }).click();
    await page.locator('#contact').fill(otherMail);
    await page.getByRole('button', { name: words.recover_send, exact: true }).click();
    await prove(page, 'sent', await newestCode(otherMail, first[otherMail]));
    await page.locator('.recover-clock').waitFor();
    await page.getByText(say('recover_left', { hours: '72', minutes: '0' })).waitFor();
    await hurry(wallet);
    await isReady(page);
    await makePasskey(page);
    await newPhone.context.close();
    await helper.context.close();
    await phone.context.close();
  });
}
