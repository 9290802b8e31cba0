// Who is there when the attacks are tried: two customers with passkeys, an operator, a paired till, and payments of theirs.

import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

import { dev, remember } from '../peers/dev.mjs';
import { Authenticator } from './passkey.mjs';
import { Browser, call, PLACES } from './wire.mjs';

/** The newest message to a contact that says this. @param {string} contact @param {string | RegExp} words */
export async function textOf(contact, words) {
  for (;;) {
    const answer = await fetch(new URL('/api/messages', dev.inbox_url));
    const { messages } = await answer.json();
    const found = messages.find((one) => one.to === contact && one.text.search(words) >= 0);
    if (found) return found.text;
    await pause(50);
  }
}

/** The six digits that were sent to a contact. */
export async function codeSentTo(contact) {
  const digits = /(?<!\d)\d{6}(?!\d)/;
  const text = await textOf(contact, digits);
  return remember(text.match(digits)[0]);
}

/** A customer who has just signed up, on a phone of their own. */
export async function customer(name) {
  const phone = new Browser('wallet');
  const passkey = new Authenticator(PLACES.wallet.origin);
  const contact = `${name}-${randomBytes(4).toString('hex')}@example.jp`;
  const { sign_up } = await phone.ok('POST', '/api/sign-up/start', { contact, locale: 'ja' });
  const { creation } = await phone.ok('POST', '/api/sign-up/prove', { sign_up, code: await codeSentTo(contact), display_name: name });
  await phone.ok('POST', '/api/sign-up/finish', { sign_up, credential: passkey.create(creation) });
  return { phone, passkey, contact, home: await phone.ok('GET', '/api/home') };
}

/** The first operator, by the link that `dev` printed. */
export async function operator() {
  const desk = new Browser('console');
  const passkey = new Authenticator(PLACES.console.origin);
  const link = remember(new URL(dev.console_link).hash.replace(/^#link=/, ''));
  const { creation } = await desk.ok('POST', '/api/operators/redeem', { link });
  await desk.ok('POST', '/api/operators/finish', { link, credential: passkey.create(creation) });
  return { desk, passkey, link };
}

/** A paired till. */
export async function till(number) {
  const page = new Browser('till');
  await page.ok('POST', '/api/enrol', { pairing_code: dev.merchant.tills[number].pairing_code });
  return page;
}

/** A payment of a seeded customer by the merchant's program. */
export async function payment(id, amount) {
  const body = JSON.stringify({
    merchantPaymentId: id, userAuthorizationId: dev.customers[0].user_authorization_id, amount: { amount, currency: 'JPY' },
  });
  const answer = await call('POST', '/v2/payments', { body });
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.json.data;
}
