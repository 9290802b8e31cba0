// An external ID by a provider that is not ours (npm `oidc-provider`, in this process, on a port of its own): linked, signed in with and a
// code of the app, its keys rotated, and unlinked; in Japanese and in English. The wallet runs as a process of its own that knows it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';

import { Provider } from 'oidc-provider';

import { dev, remember } from '../peers/dev.mjs';
import { App } from './authenticator_app.mjs';
import { codeFromInbox, lookAt, openBrowser, openDevice, story, until } from './stage.mjs';
import { walletTexts } from './texts.mjs';

const PASSWORD = remember('わたしの ねこは みけ');
const SECRET = remember('a secret of this test alone');
const NAME = 'Example ID';

let browser;
let phone;
let provider;
let house;

/** The provider: who is typed is who it is, as its own development pages have it. */
class RealProvider {
  constructor() {
    this.server = createServer((request, response) => this.answer(request, response));
  }

  async listen() {
    await new Promise((done) => { this.server.listen(0, '127.0.0.1', done); });
    this.issuer = `http://127.0.0.1:${this.server.address().port}`;
  }

  /** With new keys; those of before are published no more. */
  serve(redirect, kid) {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const real = new Provider(this.issuer, {
      clients: [{
        client_id: 'wallet-of-tests', client_secret: SECRET, redirect_uris: [redirect], grant_types: ['authorization_code'],
        response_types: ['code'], token_endpoint_auth_method: 'client_secret_basic',
      }],
      jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' }] },
      cookies: { keys: ['a key of this test alone'] },
      pkce: { required: () => true },
    });
    this.answer = real.callback();
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** `dev` with the provider beside its own, on ports of its own. */
async function startHouse(issuer) {
  const folder = mkdtempSync(join(tmpdir(), 'mamori-external-'));
  const [json, external] = [join(folder, 'dev.json'), join(folder, 'external.json')];
  writeFileSync(external, JSON.stringify({ name: NAME, issuer, client_id: 'wallet-of-tests', client_secret: SECRET }));
  const args = ['dev', '--port', '0', '--no-packages', '--json', json, '--external-id', external];
  const child = spawn(process.env.MAMORI_BIN, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((done) => { child.once('exit', done); });
  const access = await until('the wallet is there', () => {
    assert.equal(child.exitCode, null, 'the wallet ended');
    try {
      return JSON.parse(readFileSync(json, 'utf8'));
    } catch {
      return null;
    }
  });
  return {
    access,
    async stop() {
      child.kill('SIGINT');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

before(async () => {
  browser = await openBrowser();
  provider = new RealProvider();
  await provider.listen();
  house = await startHouse(provider.issuer);
  provider.serve(`${house.access.wallet_url}/external-id`, 'first');
  // Whoever looks into the inbox looks into this one's.
  dev.inbox_url = house.access.inbox_url;
});
after(async () => {
  await browser?.close();
  await house?.stop();
  provider?.close();
});

const button = (page, name) => page.getByRole('button', { name, exact: true });
const heading = (page, name) => page.getByRole('heading', { name, exact: true });

/** At the provider: says who it is, and that the wallet may know. */
async function visit(page, who) {
  await page.locator('input[name="login"]').fill(who);
  await page.locator('input[name="password"]').fill('anything');
  await page.locator('button[type="submit"]').click();
  await page.getByRole('button', { name: 'Continue' }).click();
}

/** Nothing of what the provider said stays in the address. */
const clean = (page) => until('the address is clean', () => !page.url().includes('?'));

for (const [lang, locale] of [['ja', 'ja-JP'], ['en', 'en-US']]) {
  const words = walletTexts[lang];
  const contact = `external-${lang}-${Date.now()}@example.com`;
  const who = `person-${lang}`;
  const step = story(() => ({ phone }));
  const named = (key) => words[key].replace('{name}', NAME);
  let app;

  const signIn = async (page) => {
    await page.goto(house.access.wallet_url);
    await page.getByRole('link', { name: named('sign_in_by_external') }).click();
    await heading(page, words.external_sign_in_title).waitFor();
    await lookAt(page, `wallet-external-sign-in-${lang}`, { fullPage: true });
    await button(page, named('external_go')).click();
  };

  const typeCode = async (page) => {
    await heading(page, words.external_code_title).waitFor();
    await clean(page);
    await page.getByLabel(words.codes_label).fill(await app.next());
    await button(page, words.external_sign_in_go).click();
  };

  step(`${lang}: whoever has a password and an app links an account of the provider`, async () => {
    phone = await openDevice(browser, { phone: true, locale });
    const { page } = phone;
    await page.addInitScript(() => { delete globalThis.PublicKeyCredential; Object.defineProperty(navigator, 'credentials', { value: undefined }); });
    await page.goto(house.access.wallet_url);
    await page.getByLabel(words.contact_label).fill(contact);
    await button(page, words.start).click();
    await page.getByLabel(words.code_label).fill(await codeFromInbox(contact));
    await page.getByLabel(words.name_label).fill('みけ');
    await button(page, words.make_passkey).click();
    await page.getByRole('link', { name: words.no_passkeys_here }).click();
    app = new App(remember(await page.locator('.codes-key .number').textContent()));
    await page.getByLabel(words.password_new, { exact: true }).fill(PASSWORD);
    await page.getByLabel(words.codes_label).fill(await app.next());
    await button(page, words.password_sign_up_go).click();
    await page.locator('.balance-figure').waitFor();

    await page.goto(`${house.access.wallet_url}/#settings`);
    await page.getByRole('link', { name: new RegExp(`^${words.external_setting}`) }).click();
    await heading(page, words.external_not_linked).waitFor();
    await lookAt(page, `wallet-external-none-${lang}`, { fullPage: true });
    await button(page, named('external_link')).click();
    const sheet = page.getByRole('dialog', { name: words.codes_prompt });
    await sheet.getByLabel(words.codes_label).fill(await app.next());
    await button(sheet, words.codes_confirm).click();
    await visit(page, who);
    await heading(page, words.external_linked).waitFor();
    await clean(page);
    await lookAt(page, `wallet-external-linked-${lang}`, { fullPage: true });
    await page.getByRole('link', { name: words.external_to_settings }).click();
    await heading(page, words.external_is_linked).waitFor();
    await button(page, named('external_unlink')).waitFor();
    await lookAt(page, `wallet-external-set-${lang}`, { fullPage: true });
  });

  step(`${lang}: signed out, and in again with the account and a code; the provider's word alone opens nothing`, async () => {
    const { page } = phone;
    await page.goto(`${house.access.wallet_url}/#settings`);
    await page.getByText(words.sign_out, { exact: true }).click();
    await page.getByRole('link', { name: named('sign_in_by_external') }).waitFor();
    await lookAt(page, `wallet-external-welcome-${lang}`, { fullPage: true });
    await signIn(page);
    await heading(page, words.external_code_title).waitFor();
    await lookAt(page, `wallet-external-code-${lang}`, { fullPage: true });
    assert.equal(await page.evaluate(async () => (await fetch('/api/home')).status), 401);
    await typeCode(page);
    await page.locator('.balance-figure').waitFor();
  });

  step(`${lang}: the provider takes new keys, and who has an account there comes in as before; on a new device without a code to pay`, async () => {
    // Once: a key that is not known is looked for once a minute.
    if (lang === 'ja') provider.serve(`${house.access.wallet_url}/external-id`, 'second');
    const other = await openDevice(browser, { phone: true, locale });
    await signIn(other.page);
    await visit(other.page, who);
    await typeCode(other.page);
    await other.page.locator('.balance-figure').waitFor();
    await other.page.getByText(words.device_elsewhere).first().waitFor();
    assert.deepEqual(other.problems, []);
    await other.context.close();
  });

  step(`${lang}: a newcomer signs up with the account in place of a password, and sets the app up`, async () => {
    const newcomer = await openDevice(browser, { phone: true, locale });
    const { page } = newcomer;
    const fresh = `newcomer-${contact}`;
    await page.addInitScript(() => { delete globalThis.PublicKeyCredential; Object.defineProperty(navigator, 'credentials', { value: undefined }); });
    await page.goto(house.access.wallet_url);
    await page.getByLabel(words.contact_label).fill(fresh);
    await button(page, words.start).click();
    await page.getByLabel(words.code_label).fill(await codeFromInbox(fresh));
    await page.getByLabel(words.name_label).fill('くも');
    await button(page, words.make_passkey).click();
    await page.getByRole('link', { name: words.no_passkeys_here }).click();
    await button(page, named('external_sign_up')).click();
    await visit(page, `newcomer-${lang}`);
    const own = new App(remember(await page.locator('.codes-key .number').textContent()));
    await clean(page);
    await lookAt(page, `wallet-external-sign-up-${lang}`, { fullPage: true });
    await page.getByLabel(words.codes_label).fill(await own.next());
    await button(page, words.external_sign_up_go).click();
    await page.locator('.balance-figure').waitFor();
    assert.deepEqual(newcomer.problems, []);
    await newcomer.context.close();
  });

  step(`${lang}: opened by anybody's link, the page to come back to does nothing`, async () => {
    const stranger = await openDevice(browser, { phone: true, locale });
    await stranger.page.goto(`${house.access.wallet_url}/external-id?code=stolen&state=stolen&iss=${provider.issuer}`);
    await stranger.page.getByText(words.external_nothing).waitFor();
    await clean(stranger.page);
    await lookAt(stranger.page, `wallet-external-nothing-${lang}`, { fullPage: true });
    await stranger.context.close();
  });

  step(`${lang}: unlinked with a code`, async () => {
    const { page } = phone;
    await page.goto(`${house.access.wallet_url}/#external-id`);
    await page.reload();
    await button(page, named('external_unlink')).click();
    const sheet = page.getByRole('dialog', { name: words.codes_prompt });
    await sheet.getByLabel(words.codes_label).fill(await app.next());
    await button(sheet, words.codes_confirm).click();
    // What it had opened is closed, and this session was.
    await page.getByText(words.external_unlinked).waitFor();
    await page.getByRole('link', { name: named('sign_in_by_external') }).waitFor();
    assert.deepEqual(phone.problems, []);
    await phone.context.close();
  });
}
