// A shop asks for a standing permission: the customer reads who asks for what, allows it with a passkey, is charged without
// showing a code, sees it, and takes the permission back. The shop's program is written here from the description alone.

import assert from 'node:assert/strict';
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { after, before } from 'node:test';

import { walletTexts } from './texts.mjs';
import { dev } from '../peers/dev.mjs';
import { assertAccessible, giveAuthenticator, lookAt, lookInBothLanguages, openBrowser, openDevice, signUp, story, until } from './stage.mjs';

const { PayPayRestSDK } = createRequire(import.meta.url)('@paypayopa/paypayopa-sdk-node');
const words = walletTexts.ja;
const SHOP = 'まもりマート';

let browser;
let phone;
let finger;
let shop;
let permission;
/** What came back to the shop, newest last. */
const answers = [];

before(async () => {
  browser = await openBrowser();
  phone = await openDevice(browser, { phone: true });
  finger = await giveAuthenticator(phone);
  shop = createServer((request, response) => {
    const url = new URL(request.url, 'http://shop');
    if (url.searchParams.has('responseToken')) answers.push(url.searchParams);
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end('<!doctype html><html lang="ja"><title>お店</title><main><h1>お店のページ</h1></main></html>');
  });
  await new Promise((resolve) => { shop.listen(0, '127.0.0.1', resolve); });
});
after(async () => {
  await browser?.close();
  shop?.close();
});

const step = story(() => ({ phone }));
const button = (name) => phone.page.getByRole('button', { name, exact: true });
const heading = (name) => phone.page.getByRole('heading', { name, exact: true });
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

const signature = (text) => createHmac('sha256', Buffer.from(dev.merchant.api_secret, 'base64')).update(text).digest('base64url');

function linkTo(claims = {}) {
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({
    iss: dev.merchant.id, aud: dev.wallet_url, exp: Math.floor(Date.now() / 1000) + 600, scope: 'direct_debit', nonce: randomUUID(),
    referenceId: 'member-0042', redirectUrl: `http://127.0.0.1:${shop.address().port}/linked?step=2`, ...claims,
  })}`;
  return `${dev.wallet_url}/app/opa/user_authorization?apiKey=${dev.merchant.api_key}&requestToken=${body}.${signature(body)}`;
}

/** The newest answer's claims, checked by the official Node SDK. */
function newestAnswer() {
  assert.equal(answers.at(-1).get('apiKey'), dev.merchant.api_key);
  return new PayPayRestSDK().validateJWT(answers.at(-1).get('responseToken'), dev.merchant.api_secret);
}

async function pay(amount) {
  const body = JSON.stringify({ merchantPaymentId: `permitted-${randomUUID()}`, userAuthorizationId: permission, amount: { amount, currency: 'JPY' } });
  const kind = 'application/json';
  const nonce = randomUUID();
  const epoch = String(Math.floor(Date.now() / 1000));
  const hash = createHash('md5').update(kind).update(body).digest('base64');
  const text = ['/v2/payments', 'POST', nonce, epoch, kind, hash].join('\n');
  const mac = createHmac('sha256', dev.merchant.api_secret).update(text).digest('base64');
  const answer = await fetch(new URL('/v2/payments', dev.base_url), {
    method: 'POST', body, headers: { 'content-type': kind, authorization: `hmac OPA-Auth:${dev.merchant.api_key}:${mac}:${nonce}:${epoch}:${hash}` },
  });
  const { resultInfo, data } = await answer.json();
  return { status: answer.status, code: resultInfo.code, data };
}

step('a link that nobody may use says so, and leads home', async () => {
  const { page } = phone;
  await signUp(page, `permission-${Date.now()}@example.com`, 'あおい');
  await page.goto(linkTo({ exp: 1 }));
  await heading(words.permission_not_possible).waitFor();
  await lookAt(page, 'wallet-permission-refused-ja');
  await button(words.to_home).click();
  await page.locator('.balance-figure').waitFor();
});

step('the customer reads who asks for what before anything is allowed', async () => {
  const { page } = phone;
  await page.goto(linkTo());
  await heading(words.permission_title).waitFor();
  await page.getByText(fill(words.permission_question, { merchant: SHOP })).waitFor();
  await page.getByText('member-0042').waitFor();
  await page.getByText(`127.0.0.1:${shop.address().port}`, { exact: true }).waitFor();
  assert.ok(!page.url().includes('requestToken'), 'the request has left the address bar');
  await lookInBothLanguages(page, 'wallet-permission-ask', { fullPage: true });
  await page.getByText('member-0042').waitFor();
});

step('a finger that is not the owner\'s allows nothing', async () => {
  const { page } = phone;
  await finger.verify(false);
  await button(words.permission_allow).click();
  await page.getByText(words.passkey_not_finished).waitFor();
  await finger.verify(true);
  assert.equal(answers.length, 0);
});

step('a no goes back to the shop', async () => {
  const { page } = phone;
  await button(words.permission_decline).click();
  await heading('お店のページ').waitFor();
  await until('the answer', () => answers.length === 1);
  const { result, userAuthorizationId, referenceId } = newestAnswer();
  assert.deepEqual([result, userAuthorizationId, referenceId], ['declined', undefined, 'member-0042']);
});

step('a yes with the passkey goes back to the shop, by keyboard alone', async () => {
  const { page } = phone;
  await page.goto(linkTo());
  await button(words.permission_allow).waitFor();
  await button(words.permission_allow).focus();
  await page.keyboard.press('Enter');
  await heading('お店のページ').waitFor();
  await until('the answer', () => answers.length === 2);
  const answer = newestAnswer();
  assert.equal(answer.result, 'succeeded');
  assert.equal(answer.aud, dev.merchant.id);
  permission = answer.userAuthorizationId;
  assert.match(permission, /^[0-9a-f-]{36}$/);
});

step('the shop takes a payment without a code, and the customer sees it', async () => {
  const { page } = phone;
  await page.goto(dev.wallet_url);
  await page.locator('.balance-figure').waitFor();
  assert.equal((await pay(120)).code, 'NO_SUFFICIENT_FUND');
  const refused = page.locator('dialog.result-sheet');
  await refused.getByText(words.refused_balance).waitFor();
  await page.keyboard.press('Escape');
  await refused.waitFor({ state: 'detached' });
  await button(words.top_up).click();
  await page.getByLabel(words.top_up_free).fill('3000');
  await button(fill(words.top_up_go, { amount: '3,000円' })).click();
  await page.locator('input[name=number]').fill('4242424242424242');
  await page.locator('input[name=expiry]').fill('12/34');
  await page.locator('input[name=cvc]').fill('123');
  await page.keyboard.press('Enter');
  await heading(words.top_up_succeeded).waitFor();
  await button(words.to_home).click();
  const paid = await pay(120);
  assert.deepEqual([paid.status, paid.data.status, paid.data.userAuthorizationId], [200, 'COMPLETED', permission]);
  // Whoever looks at the phone is told at once, as after a scan.
  const told = page.locator('dialog.result-sheet');
  await told.getByText(SHOP).waitFor();
  await lookAt(page, 'wallet-permission-paid-ja');
  await page.keyboard.press('Escape');
  await told.waitFor({ state: 'detached' });
  await page.goto(`${dev.wallet_url}/#history`);
  await page.locator('.entry', { hasText: SHOP }).first().waitFor();
  await lookAt(page, 'wallet-permission-history-ja');
});

step('the settings lead to the list, and taking back asks once', async () => {
  const { page } = phone;
  await page.goto(`${dev.wallet_url}/#settings`);
  await page.getByRole('link', { name: words.permissions }).click();
  await page.locator('.permission-name', { hasText: SHOP }).waitFor();
  await lookInBothLanguages(page, 'wallet-permissions');
  const take = button(fill(words.permission_revoke_named, { merchant: SHOP }));
  await take.click();
  await lookAt(page, 'wallet-permission-revoke-ja');
  await button(words.cancel).click();
  await take.click();
  await button(words.permission_revoke_yes).click();
  await page.getByText(words.permissions_none).waitFor();
  await assertAccessible(page, 'no permissions');
});

step('after that the shop takes nothing', async () => {
  const refused = await pay(120);
  assert.deepEqual([refused.status, refused.code], [401, 'INVALID_USER_AUTHORIZATION_ID']);
});

step('development prints a request that one can try, answered on the page itself', async () => {
  const { page } = phone;
  await page.goto(dev.permission_link);
  await button(words.permission_allow).click();
  await heading(fill(words.permission_given, { merchant: SHOP })).waitFor();
  await lookAt(page, 'wallet-permission-given-ja');
  assert.deepEqual(phone.problems, []);
});
