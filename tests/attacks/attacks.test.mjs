// The tables, against a server that really listens. What held against an attacker stays held.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { dev, freshCode, freshId, remember } from '../peers/dev.mjs';
import { p256 } from './keys.mjs';
import { Authenticator } from './passkey.mjs';
import { codeSentTo, customer, operator, payment, textOf, till } from './scene.mjs';
import {
  AMOUNTS_AND_JSON, CODES, FILES, HEADERS, HOSTS, NO_HEADERS, OTHER_SITES, PATHS_OF_THE_API, SIGNATURES, SMUGGLING,
} from './table.mjs';
import { Browser, call, exchange, opa, PLACES, request } from './wire.mjs';

/** The word of an answer, wherever it has one. */
const word = (answer) => answer.json?.resultInfo?.code ?? answer.json?.refusal ?? null;

function rows(title, table) {
  describe(title, () => {
    for (const [what, attack, status, expected] of table) {
      test(what, async () => {
        const answer = await attack();
        assert.ok([status].flat().includes(answer.status), `${answer.status} ${answer.text}`);
        if (expected !== null) assert.equal(word(answer), expected, answer.text);
        // Nothing of the inside is told: no path, no type, no line of a program.
        assert.doesNotMatch(answer.text ?? '', /panicked|\.rs:|rusqlite|sqlite|serde|stack backtrace/i);
      });
    }
  });
}

rows('signatures', SIGNATURES);
rows('amounts and JSON', AMOUNTS_AND_JSON);
rows('codes', CODES);
rows('paths of the API', PATHS_OF_THE_API);
rows('shapes that smuggle', SMUGGLING);
rows('hosts', HOSTS);
rows('other sites', OTHER_SITES);
rows('files', FILES);

describe('headers', () => {
  for (const place of ['wallet', 'till', 'console']) {
    for (const target of ['/', '/api/nothing', '/assets/nothing.js']) {
      test(`${place} ${target}`, async () => {
        const [answer] = await exchange(place, request('GET', target, [['Host', PLACES[place].host]]));
        for (const [name, pattern] of HEADERS) {
          assert.match(answer.headers.get(name)?.join() ?? '', pattern, name);
        }
        for (const name of NO_HEADERS) {
          // The wallet's page gets its first nonce with itself.
          const given = (answer.headers.get(name) ?? []).filter((one) => !/^__Host-mamori_nonce=[\w-]{32}; /.test(one));
          assert.deepEqual(given, [], name);
        }
      });
    }
  }
});

describe('people', () => {
  /** @type {Awaited<ReturnType<typeof customer>>} */ let sora;
  /** @type {Awaited<ReturnType<typeof customer>>} */ let mallory;
  /** @type {Awaited<ReturnType<typeof operator>>} */ let house;
  /** @type {Browser} */ let cashier;
  before(async () => {
    [sora, mallory] = [await customer('sora'), await customer('mallory')];
    house = await operator();
    cashier = await till(0);
  });

  const everyGate = [
    ['wallet', 'GET', '/api/home'], ['wallet', 'GET', '/api/history'], ['wallet', 'GET', '/api/events'], ['wallet', 'GET', '/api/sessions'],
    ['wallet', 'GET', '/api/top-ups'], ['wallet', 'GET', '/api/permissions'], ['wallet', 'GET', '/api/activity'], ['wallet', 'POST', '/api/code'],
    ['wallet', 'GET', '/api/contacts'], ['wallet', 'POST', '/api/contacts/add/start'], ['wallet', 'POST', '/api/contacts/add/prove'],
    ['wallet', 'POST', '/api/contacts/add/finish'], ['wallet', 'POST', '/api/contacts/remove'], ['wallet', 'POST', '/api/contacts/prefer'],
    ['wallet', 'POST', '/api/contacts/put-back'],
    ['wallet', 'POST', '/api/freeze'], ['wallet', 'POST', '/api/sessions/end-others'],
    ['till', 'GET', '/api/till'], ['till', 'GET', '/api/payments'], ['till', 'GET', '/api/till/day?day=2026-11-28'], ['till', 'GET', '/api/till/sales?day=2026-11-28'], ['till', 'POST', '/api/charge'], ['till', 'POST', '/api/void'],
    ['till', 'POST', '/api/refund'], ['till', 'POST', '/api/charge/give-up'],
    ['console', 'GET', '/api/me'], ['console', 'GET', '/api/today'], ['console', 'GET', '/api/operators'], ['console', 'GET', '/api/merchants'],
    ['console', 'GET', '/api/acts'], ['console', 'GET', '/api/wallets/1'], ['console', 'GET', '/api/tills'], ['console', 'POST', '/api/pairing-codes'],
    ['console', 'GET', '/api/payments'], ['console', 'POST', '/api/customers/find'], ['console', 'POST', '/api/wallets/1/history'],
    ['console', 'POST', '/api/tills/take-off'], ['console', 'POST', '/api/tills/1/name'], ['console', 'POST', '/api/api-keys/label'],
    ['console', 'POST', '/api/operators/name'], ['console', 'POST', '/api/operators/invite'], ['console', 'POST', '/api/api-keys'], ['console', 'POST', '/api/people/erase'],
  ];
  const strangers = {
    'nobody': () => new Map(),
    'a cookie that was made up': (place) => new Map([[cookieOf(place), randomBytes(32).toString('base64url')]]),
    'a customer whose cookie was stolen': (place) => new Map([[cookieOf(place), tokenOf(sora.phone)]]),
    'somebody of another surface': (place) => new Map([[cookieOf(place), tokenOf(place === 'console' ? sora.phone : house.desk)]]),
  };
  const cookieOf = (place) => `__Host-mamori_${place}`;
  const tokenOf = (browser) => [...browser.cookies].find(([name]) => name.startsWith('__Host-mamori_'))?.[1] ?? '';
  for (const [who, cookies] of Object.entries(strangers)) {
    describe(`as ${who}`, () => {
      for (const [place, method, target] of everyGate) {
        test(`${place} ${method} ${target}`, async () => {
          const stranger = new Browser(place);
          stranger.cookies = cookies(place);
          const answer = await stranger.send(method, target, method === 'POST' ? {} : undefined);
          assert.equal(answer.status, 401, answer.text);
        });
      }
    });
  }

  describe('cookies', () => {
    test('are for this host alone, out of the reach of scripts, and for no other site', async () => {
      const { passkey } = sora;
      const phone = new Browser('wallet');
      const { request: options, sign_in } = await phone.ok('POST', '/api/sign-in/start', {});
      const answer = await phone.send('POST', '/api/sign-in/finish', { sign_in, credential: passkey.get(options) });
      const lines = answer.headers.get('set-cookie').filter((line) => line.startsWith('__Host-'));
      assert.ok(lines.length > 0);
      const token = phone.cookies.get('__Host-mamori_wallet');
      for (const line of lines) {
        // The page's scripts read what they prove the device with: a nonce, and the hash of the token.
        const isForScripts = /^__Host-mamori_(nonce|ath)=/.test(line);
        for (const part of ['Secure', 'Path=/', ...(isForScripts ? [] : ['HttpOnly'])]) assert.ok(line.includes(part), line);
        if (isForScripts) assert.ok(!line.includes(token), 'never the token');
        assert.match(line, /SameSite=(Strict|Lax)/);
        assert.doesNotMatch(line, /Domain=/i);
      }
    });
    for (const [what, spoil] of [
      ['the token twice', (token) => `${token}; __Host-mamori_wallet=${token}x`],
      ['the token with a character more', (token) => `${token}A`],
      ['the token in capitals', (token) => token.toUpperCase()],
      ['an empty token', () => ''],
      ['a token of SQL', () => "' OR 1=1 --"],
      ['a token of 10,000 characters', () => 'A'.repeat(10_000)],
    ]) {
      test(what, async () => {
        const phone = new Browser('wallet');
        const token = [...sora.phone.cookies].find(([name]) => name.includes('wallet'))?.[1] ?? '';
        phone.cookies = new Map([['__Host-mamori_wallet', spoil(token)]]);
        phone.device = sora.phone.device;
        const answer = await phone.send('GET', '/api/home');
        assert.equal(answer.status, 401, answer.text);
      });
    }
  });

  describe('contacts', () => {
    const newcomer = `newcomer-${randomBytes(4).toString('hex')}@example.jp`;
    /** @type {string} */ let secret;
    const contacts = async () => (await sora.phone.ok('GET', '/api/contacts')).contacts.map((one) => one.contact);

    test('of another are neither removed nor preferred nor put back, and nobody learns that they are there', async () => {
      const { contacts: [own] } = await sora.phone.ok('GET', '/api/contacts');
      assert.equal(own.contact, sora.contact);
      for (const change of ['remove', 'prefer', 'put-back']) {
        const [known, invented] = await Promise.all([own.contact_id, randomBytes(16).toString('base64url')]
          .map((contact_id) => mallory.phone.send('POST', `/api/contacts/${change}`, { contact_id })));
        assert.deepEqual([known.status, known.text], [404, invented.text], change);
      }
    });
    test('whose a contact is, is told to its owner alone', async () => {
      const ask = (contact) => mallory.phone.send('POST', '/api/contacts/add/start', { contact, locale: 'ja' });
      const [known, unknown] = [await ask(sora.contact), await ask(`unknown-${randomBytes(4).toString('hex')}@example.jp`)];
      assert.deepEqual([known.status, known.text.length], [200, unknown.text.length]);
      assert.match(await textOf(sora.contact, '別のウォレットに登録されている'), /追加できません/);
      for (let guess = 0; guess < 6; guess += 1) {
        const tried = await mallory.phone.send('POST', '/api/contacts/add/prove', { addition: known.json.addition, code: String(guess).padStart(6, '0') });
        assert.equal(tried.json.refusal, guess < 5 ? 'code_wrong' : 'code_spent');
      }
    });
    test('a contact that was not proven is not added, whatever the passkey was shown for', async () => {
      const { contacts: [own] } = await sora.phone.ok('GET', '/api/contacts');
      const { step_up, request: options } = await sora.phone.ok('POST', '/api/contacts/prefer', { contact_id: own.contact_id });
      const credential = sora.passkey.get(options);
      const answer = await sora.phone.send('POST', '/api/contacts/add/finish', { contact: newcomer, step_up, credential });
      assert.equal(answer.json.refusal, 'passkey_refused');
      assert.deepEqual(await contacts(), [sora.contact]);
    });
    test('the secret of a letter is taken from no other site, from no form, and from nobody who only opens the page', async () => {
      const { addition } = await sora.phone.ok('POST', '/api/contacts/add/start', { contact: newcomer, locale: 'ja' });
      const { step_up, request: options } = await sora.phone.ok('POST', '/api/contacts/add/prove', { addition, code: await codeSentTo(newcomer) });
      const credential = sora.passkey.get(options);
      await sora.phone.ok('POST', '/api/contacts/add/finish', { contact: newcomer, step_up, credential });
      const text = await textOf(sora.contact, '追加されました');
      secret = remember(text.match(/\/undo-contact#([\w-]{43})/)[1]);
      const stranger = new Browser('wallet');
      for (const [method, target] of [['GET', `/undo-contact?secret=${secret}`], ['GET', `/api/undo-contact?secret=${secret}`]]) {
        await stranger.send(method, target);
      }
      const spoiled = (name, value, without = name) => (list) => [...list.filter(([one]) => ![name, without].includes(one)), [name, value]];
      for (const change of [
        spoiled('Sec-Fetch-Site', 'cross-site'), spoiled('Origin', 'https://evil.example', 'Sec-Fetch-Site'), spoiled('Content-Type', 'text/plain'),
      ]) {
        const answer = await stranger.send('POST', '/api/undo-contact', { secret }, change);
        assert.ok([400, 403].includes(answer.status), answer.text);
      }
      assert.deepEqual((await contacts()).length, 2, 'nothing was undone');
    });
    test('a secret that was made up undoes nothing, and reads like one that is used up', async () => {
      const invented = await new Browser('wallet').send('POST', '/api/undo-contact', { secret: randomBytes(32).toString('base64url') });
      assert.deepEqual([invented.status, invented.json.refusal], [409, 'undo_link_refused']);
      for (const wrong of ['', 'x', `${secret}A`, secret.slice(1), [secret], null, 7, { secret }]) {
        const answer = await new Browser('wallet').send('POST', '/api/undo-contact', { secret: wrong });
        assert.equal(answer.status, 400, `${answer.text}`);
      }
    });
    test('a letter undoes once, however many ask at a time, and signs nobody in', async () => {
      const strangers = Array.from({ length: 8 }, () => new Browser('wallet'));
      const answers = await Promise.all(strangers.map((one) => one.send('POST', '/api/undo-contact', { secret })));
      assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, ...Array(7).fill(409)]);
      assert.deepEqual(strangers.map((one) => one.cookies.size), Array(8).fill(0));
      assert.deepEqual(await contacts(), [sora.contact]);
    });
  });

  describe('what belongs to another', () => {
    test('a receipt', async () => {
      const { paymentId } = await payment(freshId('idor'), 100);
      for (const { phone } of [sora, mallory]) {
        for (const id of [paymentId, '1', '0', '-1', '18446744073709551616', "1'--", '%00']) {
          const answer = await phone.send('GET', `/api/receipts/${id}`);
          assert.ok([400, 404].includes(answer.status), `${id}: ${answer.status} ${answer.text}`);
        }
      }
    });
    test('a top-up', async () => {
      for (const [method, target] of [['GET', '/api/top-ups/1'], ['POST', '/api/top-ups/1/call-off']]) {
        const answer = await mallory.phone.send(method, target, method === 'POST' ? {} : undefined);
        assert.equal(answer.status, 404, `${target}: ${answer.text}`);
      }
    });
    test('a session', async () => {
      const { sessions } = await sora.phone.ok('GET', '/api/sessions');
      for (const { session_id } of sessions) await mallory.phone.send('POST', '/api/sessions/end', { session_id });
      assert.equal((await sora.phone.send('GET', '/api/home')).status, 200, 'still signed in');
    });
    test('a permission', async () => {
      const permission_id = dev.customers[0].user_authorization_id;
      const answer = await mallory.phone.send('POST', '/api/permissions/revoke', { permission_id });
      assert.ok([404, 409].includes(answer.status), answer.text);
      await payment(freshId('still'), 1);
    });
    test('another page of history', async () => {
      const { entries = [] } = await mallory.phone.ok('GET', '/api/history?before=99999999');
      assert.deepEqual(entries, []);
    });
    test('a payment that no till of the store has taken, at a till', async () => {
      const { paymentId } = await payment(freshId('web'), 100);
      const answers = [
        await cashier.send('POST', '/api/void', { payment_id: paymentId }),
        await cashier.send('POST', '/api/refund', { payment_id: paymentId, amount: 1, key: freshId('mine'), reason: 'x' }),
      ];
      for (const answer of answers) {
        assert.ok([404, 409].includes(answer.status), answer.text);
        assert.equal(word(answer), 'payment_unknown', 'as if it were not there');
      }
    });
    test('a till uses no id of a register up', async () => {
      const id = freshId('both');
      const refused = await cashier.send('POST', '/api/charge', { amount: 1, code: '900099000012345678901234', key: id });
      assert.equal(word(refused), 'code_unknown');
      await payment(id, 5);
    });
    for (const payment_id of ['999999999', '0', '-1', "1'--", '1.5', '']) {
      test(`a payment ${JSON.stringify(payment_id)} voided by counting`, async () => {
        const answer = await cashier.send('POST', '/api/void', { payment_id });
        assert.ok([400, 404, 409].includes(answer.status), answer.text);
      });
    }
  });

  describe('bodies of pages', () => {
    for (const [what, body, field] of [
      ['two amounts', '{"amount":1,"amount":9,"code":"900099000012345678901234","key":"a"}', 'body'],
      ['two amounts, one behind an escape', '{"amount":1,"amoun\\u0074":9,"code":"900099000012345678901234","key":"a"}', 'body'],
      ['a list', '[]', 'body'], ['null', 'null', 'body'], ['cut short', '{"amount":1', 'body'], ['30,000 brackets', '['.repeat(30_000), 'body'],
      ['an amount of nothing', '{"amount":0,"code":"900099000012345678901234","key":"a"}', 'amount'],
      ['an amount below zero', '{"amount":-5,"code":"900099000012345678901234","key":"a"}', 'amount'],
      ['an amount with a fraction', '{"amount":1.5,"code":"900099000012345678901234","key":"a"}', 'amount'],
      ['an amount as text', '{"amount":"5","code":"900099000012345678901234","key":"a"}', 'amount'],
      ['an amount beyond 64 bits', '{"amount":99999999999999999999,"code":"900099000012345678901234","key":"a"}', 'amount'],
      ['a key of SQL', '{"amount":1,"code":"900099000012345678901234","key":"\' OR 1=1"}', 'key'],
      ['a code that types commands', '{"amount":1,"code":"9000\\u00069900","key":"a"}', 'code'],
    ]) {
      test(what, async () => {
        const answer = await cashier.send('POST', '/api/charge', body);
        assert.equal(answer.status, 400, answer.text);
        assert.equal(answer.json.field, field, answer.text);
      });
    }
    test('a body of 65 KiB', async () => {
      const answer = await cashier.send('POST', '/api/charge', JSON.stringify({ key: 'x'.repeat(66_000) }));
      assert.ok([413, undefined].includes(answer?.status), answer?.text);
    });
    test('a code of another shard', async () => {
      const code = freshCode().replace(/^(\d{8})00/, '$157');
      const answer = await cashier.send('POST', '/api/charge', { amount: 1, code, key: freshId('shard') });
      assert.equal(answer.status, 409, answer.text);
      assert.equal(word(answer), 'code_unknown');
    });
  });

  describe('passkeys', () => {
    const other = () => p256().key;
    const tries = [
      ['the finger was not asked', { verified: false }],
      ['nobody touched it', { present: false }],
      ['made for another party', { party: 'evil.example' }],
      ['made for the console', { party: 'console.localhost' }],
      ['on another origin', { origin: 'https://evil.example' }],
      ['on our name by https', { origin: PLACES.wallet.origin.replace('http:', 'https:') }],
      ['on another port', { origin: PLACES.wallet.origin.replace(/\d+$/, '1') }],
      ['on the console', { origin: PLACES.console.origin }],
      ['inside a frame', { framed: true }],
      ['a creation instead of a use', { type: 'webauthn.create' }],
      ['a payment instead of a use', { type: 'payment.get' }],
      ['for a challenge of its own', { said: randomBytes(32).toString('base64url') }],
      ['for no challenge', { said: '' }],
      ['a signature with a bit turned', { spoil: true }],
      ['signed by another key', () => ({ privateKey: other() })],
      ['other client data than was signed', { sentClientData: Buffer.from('{}') }],
      ['as somebody else', { userHandle: randomBytes(16) }],
      ['as nobody', { userHandle: Buffer.alloc(0) }],
      ['a key that is unknown', { id: randomBytes(32) }],
      ['backed up and not to be backed up', { eligible: false }],
    ];
    for (const [what, changed] of tries) {
      test(what, async () => {
        const phone = new Browser('wallet');
        const { request: options, sign_in } = await phone.ok('POST', '/api/sign-in/start', {});
        const credential = sora.passkey.get(options, typeof changed === 'function' ? changed() : changed);
        const answer = await phone.send('POST', '/api/sign-in/finish', { sign_in, credential });
        assert.ok([400, 409].includes(answer.status), `${answer.status} ${answer.text}`);
        assert.ok(![...phone.cookies.keys()].includes('__Host-mamori_wallet'), 'no session');
      });
    }
    test('a challenge that was answered already', async () => {
      const phone = new Browser('wallet');
      const { request: options, sign_in } = await phone.ok('POST', '/api/sign-in/start', {});
      const credential = sora.passkey.get(options);
      await phone.ok('POST', '/api/sign-in/finish', { sign_in, credential });
      const again = new Browser('wallet');
      const answer = await again.send('POST', '/api/sign-in/finish', { sign_in, credential });
      assert.notEqual(answer.status, 200, answer.text);
    });
    test('a challenge of another browser', async () => {
      const [phone, thief] = [new Browser('wallet'), new Browser('wallet')];
      const { request: options, sign_in } = await phone.ok('POST', '/api/sign-in/start', {});
      const answer = await thief.send('POST', '/api/sign-in/finish', { sign_in, credential: sora.passkey.get(options) });
      assert.notEqual(answer.status, 200, answer.text);
    });
    test('a customer\'s passkey at the console', async () => {
      const desk = new Browser('console');
      const { request: options, sign_in } = await desk.ok('POST', '/api/sign-in/start', {});
      const credential = sora.passkey.get(options, { origin: PLACES.console.origin });
      const answer = await desk.send('POST', '/api/sign-in/finish', { sign_in, credential });
      assert.notEqual(answer.status, 200, answer.text);
    });
    test('an operator\'s link that was used', async () => {
      const answer = await new Browser('console').send('POST', '/api/operators/redeem', { link: house.link });
      assert.equal(answer.status, 409, answer.text);
    });
    test('a freeze is lifted by no other passkey', async () => {
      await mallory.phone.ok('POST', '/api/freeze', {});
      const { request: options, step_up } = await mallory.phone.ok('POST', '/api/unfreeze/start', {});
      const answer = await mallory.phone.send('POST', '/api/unfreeze/finish', { step_up, credential: sora.passkey.get(options) });
      assert.notEqual(answer.status, 200, answer.text);
      assert.equal((await mallory.phone.send('POST', '/api/code', {})).status, 409, 'still frozen');
    });
  });

  describe('one passkey more, or one less', () => {
    const idOf = (passkey) => passkey.id.toString('base64url');
    const listed = async ({ phone }) => (await phone.ok('GET', '/api/passkeys')).passkeys.length;
    /** The challenge for an act, answered by somebody. */
    const shown = async (phone, path, body, by, changed = {}) => {
      const { request: options, step_up } = await phone.ok('POST', path, body);
      return { ...body, step_up, credential: by.get(options, changed) };
    };
    test('added with the passkey of somebody else', async () => {
      const answer = await mallory.phone.send('POST', '/api/passkeys/add', await shown(mallory.phone, '/api/passkeys/add', {}, sora.passkey));
      assert.equal(answer.status, 409, answer.text);
    });
    test('added with an answer that was given to lift a freeze', async () => {
      const other = await shown(mallory.phone, '/api/unfreeze/start', {}, mallory.passkey);
      const answer = await mallory.phone.send('POST', '/api/passkeys/add', other);
      assert.equal(answer.status, 409, answer.text);
    });
    test('added by a session alone, with a handle of its own', async () => {
      const made = new Authenticator(PLACES.wallet.origin).create({ rp: { id: new URL(PLACES.wallet.origin).hostname }, user: { id: 'AAAA' }, challenge: 'AAAA' });
      const answer = await mallory.phone.send('POST', '/api/passkeys/finish', { registration: randomBytes(32).toString('base64url'), credential: made });
      assert.equal(answer.status, 409, answer.text);
    });
    test('added in the session of somebody who was tricked, by the leave of the attacker', async () => {
      const leave = await shown(mallory.phone, '/api/passkeys/add', {}, mallory.passkey);
      const { registration, creation } = await mallory.phone.ok('POST', '/api/passkeys/add', leave);
      const own = new Authenticator(PLACES.wallet.origin);
      const before = await listed(sora);
      const answer = await sora.phone.send('POST', '/api/passkeys/finish', { registration, credential: own.create(creation) });
      assert.equal(answer.status, 409, answer.text);
      assert.equal(await listed(sora), before);
    });
    test('added under the number of the victim\'s own passkey', async () => {
      const leave = await shown(mallory.phone, '/api/passkeys/add', {}, mallory.passkey);
      const { registration, creation } = await mallory.phone.ok('POST', '/api/passkeys/add', leave);
      const twin = new Authenticator(PLACES.wallet.origin);
      twin.id = sora.passkey.id;
      const answer = await mallory.phone.send('POST', '/api/passkeys/finish', { registration, credential: twin.create(creation) });
      assert.equal(answer.status, 409, answer.text);
      assert.equal(await listed(mallory), 1);
    });
    test('added inside a frame, without the finger, for another party', async () => {
      for (const changed of [{ framed: true }, { verified: false }, { party: 'evil.example' }]) {
        const leave = await shown(mallory.phone, '/api/passkeys/add', {}, mallory.passkey);
        const { registration, creation } = await mallory.phone.ok('POST', '/api/passkeys/add', leave);
        const credential = new Authenticator(PLACES.wallet.origin).create(creation, changed);
        const answer = await mallory.phone.send('POST', '/api/passkeys/finish', { registration, credential });
        assert.equal(answer.status, 409, `${JSON.stringify(changed)}: ${answer.text}`);
      }
      assert.equal(await listed(mallory), 1);
    });
    test('the passkey of somebody else is neither removed nor named', async () => {
      const passkey = idOf(sora.passkey);
      const body = await shown(mallory.phone, '/api/passkeys/remove', { passkey }, mallory.passkey);
      assert.equal((await mallory.phone.send('POST', '/api/passkeys/remove', body)).status, 404);
      assert.equal((await mallory.phone.send('POST', '/api/passkeys/rename', { passkey, name: 'mine' })).status, 404);
      assert.equal(await listed(sora), 1);
    });
    test('the last passkey is not removed, whoever asks', async () => {
      const body = await shown(sora.phone, '/api/passkeys/remove', { passkey: idOf(sora.passkey) }, sora.passkey);
      const answer = await sora.phone.send('POST', '/api/passkeys/remove', body);
      assert.equal(answer.status, 409, answer.text);
      assert.equal(await listed(sora), 1);
    });
  });

  test('the stream of one customer tells another nothing', async () => {
    const listen = (browser) => new Promise((resolve, reject) => {
      const line = net.connect(Number(PLACES.wallet.port), '127.0.0.1');
      const heard = { text: '', end: () => line.destroy() };
      line.on('connect', () => line.write(request('GET', '/api/events', [...browser.headers('GET', { target: '/api/events' }), ['Accept', 'text/event-stream']])));
      line.on('data', (part) => {
        heard.text += part;
        if (heard.text.includes('\r\n\r\n')) resolve(heard);
      });
      line.on('error', reject);
    });
    const hana = await customer('hana');
    const [own, foreign] = [await listen(sora.phone), await listen(hana.phone)];
    const events = ({ text }) => text.slice(text.indexOf('\r\n\r\n')).match(/event: ?\w+/g) ?? [];
    const [ownBefore, foreignBefore] = [events(own).length, events(foreign).length];
    await sora.phone.ok('POST', '/api/freeze', {});
    while (events(own).length === ownBefore) await pause(20);
    assert.equal(events(foreign).length, foreignBefore, 'of another customer\'s freeze she hears nothing');
    // What she hears of her own account comes after all that she must not hear.
    await hana.phone.ok('POST', '/api/freeze', {});
    while (events(foreign).length === foreignBefore) await pause(20);
    assert.equal(events(foreign).length - foreignBefore, events(own).length - ownBefore, foreign.text);
    own.end();
    foreign.end();
  });
});

describe('asked twice', () => {
  test('a signed payment that is delivered again is told, and taken once', async () => {
    const body = JSON.stringify({
      merchantPaymentId: freshId('again'), userAuthorizationId: dev.customers[0].user_authorization_id, amount: { amount: 3, currency: 'JPY' },
    });
    const authorization = opa('POST', '/v2/payments', body);
    const told = await Promise.all(Array.from({ length: 24 }, () => call('POST', '/v2/payments', { body, authorization })));
    const paid = new Set(told.filter((one) => one.status === 200).map((one) => one.json.data.paymentId));
    assert.equal(paid.size, 1, 'one payment');
    for (const { status } of told) assert.ok([200, 500].includes(status), `${status}: told, or unknown for a moment`);
    const other = body.replace('"amount":3', '"amount":9');
    const answer = await call('POST', '/v2/payments', { body: other, authorization });
    assert.equal(answer.status, 401);
  });
  test('forty refunds at once give back what was paid and no more', async () => {
    const { paymentId } = await payment(freshId('race'), 100);
    const told = await Promise.all(Array.from({ length: 40 }, () => call('POST', '/v2/refunds', {
      body: JSON.stringify({ merchantRefundId: freshId('race'), paymentId, amount: { amount: 30, currency: 'JPY' }, requestedAt: Math.floor(Date.now() / 1000) }),
    })));
    assert.equal(told.filter((one) => one.status === 200).length, 3);
  });
  test('a cancel and a refund at once: one of them', async () => {
    const id = freshId('either');
    const { paymentId } = await payment(id, 100);
    const refund = JSON.stringify({ merchantRefundId: freshId('either'), paymentId, amount: { amount: 100, currency: 'JPY' }, requestedAt: Math.floor(Date.now() / 1000) });
    const told = await Promise.all([call('DELETE', `/v2/payments/${id}`), call('POST', '/v2/refunds', { body: refund })]);
    assert.equal(told.filter((one) => one.status < 300).length, 1, told.map((one) => one.text).join());
  });
  test('one code at forty registers pays once', async () => {
    const code = freshCode();
    const { id, store_id } = dev.merchant.tills[0];
    const told = await Promise.all(Array.from({ length: 40 }, () => call('POST', '/v2/cpm/payments', {
      body: JSON.stringify({ merchantPaymentId: freshId('code'), code, amount: { amount: 1, currency: 'JPY' }, storeId: String(store_id), terminalId: String(id) }),
    })));
    assert.equal(told.filter((one) => one.status === 200).length, 1);
    assert.ok(told.filter((one) => one.status !== 200).every((one) => word(one) === 'CUSTOMER_CODE_SPENT'));
  });
  test('the names of requests do not count them', async () => {
    const names = [];
    for (let n = 0; n < 20; n += 1) {
      const answer = await call('GET', '/v2/payments/x', { authorization: null });
      names.push(BigInt(`0x${answer.headers.get('x-request-id')[0].slice(-16)}`));
    }
    const steps = new Set(names.slice(1).map((name, at) => BigInt.asUintN(64, name - names[at])));
    assert.equal(steps.size, 19);
  });
});

describe('one-time codes', () => {
  test('five tries, then the sixth is refused though it is right', async () => {
    const phone = new Browser('wallet');
    const { sign_up } = await phone.ok('POST', '/api/sign-up/start', { contact: `guess-${freshId('x')}@example.jp`, locale: 'ja' });
    for (let guess = 0; guess < 7; guess += 1) {
      const answer = await phone.send('POST', '/api/sign-up/prove', { sign_up, code: String(guess).padStart(6, '0'), display_name: 'x' });
      assert.equal(answer.status, 409, answer.text);
    }
  });
  test('another browser proves nothing with the same sign-up', async () => {
    const [phone, thief] = [new Browser('wallet'), new Browser('wallet')];
    const { sign_up } = await phone.ok('POST', '/api/sign-up/start', { contact: `thief-${freshId('x')}@example.jp`, locale: 'ja' });
    const answer = await thief.send('POST', '/api/sign-up/prove', { sign_up, code: '000000', display_name: 'x' });
    assert.notEqual(answer.status, 200, answer.text);
  });
  test('a passkey before the contact is proven makes no customer', async () => {
    const phone = new Browser('wallet');
    const { sign_up } = await phone.ok('POST', '/api/sign-up/start', { contact: `early-${freshId('x')}@example.jp`, locale: 'ja' });
    const passkey = new Authenticator(PLACES.wallet.origin);
    const creation = { rp: { id: 'wallet.localhost' }, user: { id: randomBytes(16).toString('base64url') }, challenge: randomBytes(32).toString('base64url') };
    const answer = await phone.send('POST', '/api/sign-up/finish', { sign_up, credential: passkey.create(creation) });
    assert.notEqual(answer.status, 200, answer.text);
  });
  test('whether a contact is known is told to nobody', async () => {
    const known = await customer('known');
    const ask = (contact) => new Browser('wallet').send('POST', '/api/sign-up/start', { contact, locale: 'ja' });
    const [one, other] = [await ask(known.contact), await ask(`unknown-${freshId('x')}@example.jp`)];
    assert.deepEqual([one.status, Object.keys(one.json).sort()], [other.status, Object.keys(other.json).sort()]);
  });
});
