// What an attacker sends and what the server must answer: one line a try, the requests that need nobody to be signed in.
//
// A row is [what, request, status, word]: the word is the code of a merchant's answer or the `refusal` of a page's, and `null` where
// there is none to look at. A status of 0 is a connection that was closed without an answer; where the server does not read all that is
// sent, the reset that follows may overtake its answer, and both are right (`UNREAD`).

import { randomUUID } from 'node:crypto';

import { dev, freshId } from '../peers/dev.mjs';
import { call, exchange, JSON_TYPE, mamori, opa, PLACES, request } from './wire.mjs';

const own = dev.merchant;
const permission = dev.customers[0].user_authorization_id;
const now = () => Math.floor(Date.now() / 1000);
const good = (more = {}) => JSON.stringify({
  merchantPaymentId: freshId('try'), userAuthorizationId: permission, amount: { amount: 1, currency: 'JPY' }, ...more,
});
const refused = 'UNAUTHORIZED';
const invalid = 'INVALID_REQUEST_PARAMS';
const missing = 'MISSING_REQUEST_PARAMS';

/** Too large to be read to its end. */
const UNREAD = [413, 431, 0];

/** A payment whose signature has one thing wrong. */
const pay = (authorization, more = {}) => () => {
  const body = good();
  return call('POST', '/v2/payments', { body, authorization: authorization(body), ...more });
};
const signed = (changed) => pay((body) => opa('POST', '/v2/payments', body, changed));
const spoiled = (spoil) => pay((body) => spoil(opa('POST', '/v2/payments', body)));
const parts = (header) => header.split(':');
const withPart = (place, value) => spoiled((header) => parts(header).with(place, value).join(':'));

export const SIGNATURES = [
  ['no signature at all', pay(() => null), 401, refused],
  ['an empty header', pay(() => ''), 401, refused],
  ['two signatures, both right', pay((body) => [opa('POST', '/v2/payments', body), opa('POST', '/v2/payments', body)]), 401, refused],
  ['two signatures, the second wrong', pay((body) => [opa('POST', '/v2/payments', body), 'hmac OPA-Auth:a:b:c:1:d']), 401, refused],
  ['HTTP Basic', pay(() => `Basic ${Buffer.from(`${own.api_key}:x`).toString('base64')}`), 401, refused],
  ['a bearer token', pay(() => `Bearer ${own.api_key}`), 401, refused],
  ['the scheme alone', pay(() => 'hmac OPA-Auth:'), 401, refused],
  ['the scheme in capitals', spoiled((header) => header.toUpperCase()), 401, refused],
  ['a space before the scheme', spoiled((header) => header.replace('hmac ', 'hmac  ')), 401, refused],
  ['a part too few', spoiled((header) => parts(header).slice(0, -1).join(':')), 401, refused],
  ['a part too many', spoiled((header) => `${header}:x`), 401, refused],
  ['our scheme with the MAC of the other', spoiled((header) => header.replace('OPA-Auth', 'MAMORI-HMAC-SHA256')), 401, refused],
  ['a key that never was', signed({ key: 'mk_0000' }), 401, refused],
  ['no key', signed({ key: '' }), 401, refused],
  ['a key with a quote in it', signed({ key: `${own.api_key}' OR '1'='1` }), 401, refused],
  ['a key of 65 characters', signed({ key: 'k'.repeat(65) }), 401, refused],
  ['the key in capitals', signed({ key: own.api_key.toUpperCase() }), 401, refused],
  ['another secret', signed({ secret: 'another' }), 401, refused],
  ['an empty secret', signed({ secret: '' }), 401, refused],
  ['the secret decoded first', signed({ secret: Buffer.from(own.api_secret, 'base64') }), 401, refused],
  ['signed for another path', signed({ path: '/v2/refunds' }), 401, refused],
  ['signed for the path with a slash', signed({ path: '/v2/payments/' }), 401, refused],
  ['signed with the query', signed({ path: '/v2/payments?a=1' }), 401, refused],
  ['signed for another content type', signed({ type: 'application/json;charset=UTF-8' }), 401, refused],
  ['signed for another method', pay((body) => opa('GET', '/v2/payments', body)), 401, refused],
  ['signed for another body', pay(() => opa('POST', '/v2/payments', good())), 401, refused],
  ['signed for no body', pay(() => opa('POST', '/v2/payments', '')), 401, refused],
  ['a MAC of nothing', withPart(2, ''), 401, refused],
  ['a MAC that is no base64', withPart(2, '!'.repeat(44)), 401, refused],
  ['a MAC cut short', withPart(2, 'AAAA'), 401, refused],
  ['a MAC in hexadecimal', withPart(2, 'ab'.repeat(32)), 401, refused],
  ['a MAC with other padding', spoiled((header) => header.replace(/=:/, ':')), 401, refused],
  ['an empty nonce', signed({ nonce: '' }), 401, refused],
  ['a nonce of 129 characters', signed({ nonce: 'n'.repeat(129) }), 401, refused],
  ['another nonce than was signed', withPart(3, randomUUID()), 401, refused],
  ['another epoch than was signed', spoiled((header) => parts(header).with(4, String(Number(parts(header)[4]) + 1)).join(':')), 401, refused],
  ['a body hash of nothing', withPart(5, 'empty'), 401, refused],
  ['a body hash of another body', withPart(5, 'rL0Y20zC+Fzt72VPzMSk2A=='), 401, refused],
  ['an epoch before 1970', signed({ epoch: -1 }), 401, refused],
  ['an epoch in milliseconds', signed({ epoch: Date.now() }), 401, refused],
  ['an epoch of thirteen digits', signed({ epoch: 9_999_999_999_999 }), 401, refused],
  ['an epoch with a plus', signed({ epoch: `+${now()}` }), 401, refused],
  ['an epoch in hexadecimal', signed({ epoch: `0x${now().toString(16)}` }), 401, refused],
  ['an epoch with a fraction', signed({ epoch: `${now()}.5` }), 401, refused],
  ['more than two minutes ago', signed({ epoch: now() - 130 }), 401, refused],
  ['more than two minutes ahead', signed({ epoch: now() + 1_000 }), 401, refused],
  ['at the beginning of time', signed({ epoch: 0 }), 401, refused],
  ['a header of a megabyte', pay(() => `hmac OPA-Auth:${'a'.repeat(1_000_000)}`), UNREAD, null],
  ['our scheme with another secret', pay((body) => mamori('POST', '/v2/payments', body, { secret: 'another' })), 401, refused],
  ['our scheme for another query', pay((body) => mamori('POST', '/v2/payments?a=1', body)), 401, refused],
  ['our scheme for another body', pay(() => mamori('POST', '/v2/payments', '{}')), 401, refused],
  ['our scheme with a nonce of 15', pay((body) => mamori('POST', '/v2/payments', body, { nonce: 'n'.repeat(15) })), 401, refused],
  ['our scheme with a nonce that is no word', pay((body) => mamori('POST', '/v2/payments', body, { nonce: 'n'.repeat(15) + ' ' })), 401, refused],
  ['another merchant in the header', pay((body) => opa('POST', '/v2/payments', body), { more: [['X-ASSUME-MERCHANT', '4711']] }), 401, refused],
  ['another merchant in the second header', pay((body) => opa('POST', '/v2/payments', body), { more: [['X-ASSUME-MERCHANT', own.id], ['X-ASSUME-MERCHANT', '2']] }), 401, refused],
  ['another merchant in the query', () => call('GET', '/v2/payments/x?assumeMerchant=4711', {}), 401, refused],
  ['another merchant behind an escape', () => call('GET', '/v2/payments/x?assume%4derchant=4711', {}), 401, refused],
  ['the merchant twice in the query', () => call('GET', `/v2/payments/x?assumeMerchant=${own.id}&assumeMerchant=4711`, {}), 400, invalid],
  ['the wrong clock of a register is told as such', () => call('GET', '/v2/payments/x', { authorization: opa('GET', '/v2/payments/x', '', { epoch: now() - 500 }) }), 401, refused],
];

const send = (more) => () => call('POST', '/v2/payments', { body: good(more) });
const bytes = (body) => () => call('POST', '/v2/payments', { body });
const amount = (json) => bytes(`{"merchantPaymentId":"${freshId('amount')}","userAuthorizationId":"${permission}","amount":{"amount":${json},"currency":"JPY"}}`);

export const AMOUNTS_AND_JSON = [
  ...['0', '-1', '-0', '9223372036854775807', '9223372036854775808', '18446744073709551616', '-9223372036854775809', '100000000000']
    .map((number) => [`an amount of ${number}`, amount(number), 400, invalid]),
  ...['1.0', '1.5', '1e2', '1E2', '1e400', '-1e400', '0.1e1', '"100"', 'true', 'null', '[]', '[100]', '{}', '""']
    .map((number) => [`an amount written ${number}`, amount(number), 400, invalid]),
  ...['NaN', 'Infinity', '0x10', '+1', '01', '1_000', '１００', '1,000', "'1'"]
    .map((number) => [`an amount written ${number}`, amount(number), 400, invalid]),
  ['more than any payment may be', amount('1000001'), 400, 'INVALID_PARAMS'],
  ['another currency', send({ amount: { amount: 1, currency: 'USD' } }), 400, invalid],
  ['the currency in small letters', send({ amount: { amount: 1, currency: 'jpy' } }), 400, invalid],
  ['no currency', send({ amount: { amount: 1 } }), 400, missing],
  ['no amount', bytes(`{"merchantPaymentId":"a","userAuthorizationId":"${permission}"}`), 400, missing],
  ['the amount twice', bytes(good().replace('"amount":{"amount":1,', '"amount":{"amount":1,"amount":9,')), 400, invalid],
  ['the amount twice, once behind an escape', bytes(good().replace('"amount":{"amount":1,', '"amount":{"amount":1,"amoun\\u0074":9,')), 400, invalid],
  ['the id twice', bytes(good().replace('{', '{"merchantPaymentId":"other",')), 400, invalid],
  ['an id with a space', send({ merchantPaymentId: 'a b' }), 400, invalid],
  ['an id of SQL', send({ merchantPaymentId: "1'; DROP TABLE journal; --" }), 400, invalid],
  ['an id of 65 characters', send({ merchantPaymentId: 'a'.repeat(65) }), 400, invalid],
  ['an empty id', send({ merchantPaymentId: '' }), 400, invalid],
  ['an id in full width', send({ merchantPaymentId: 'ａ１' }), 400, invalid],
  ['an id with a NUL', send({ merchantPaymentId: 'a\u0000' }), 400, invalid],
  ['an id that is a number', send({ merchantPaymentId: 5 }), 400, invalid],
  ['a permission that never was', send({ userAuthorizationId: randomUUID() }), 401, 'INVALID_USER_AUTHORIZATION_ID'],
  ['a permission that is none', send({ userAuthorizationId: '1' }), 401, 'INVALID_USER_AUTHORIZATION_ID'],
  ['a permission of SQL', send({ userAuthorizationId: "' OR 1=1 --" }), 401, 'INVALID_USER_AUTHORIZATION_ID'],
  ['a description that runs backwards', send({ orderDescription: '100\u202e001' }), 400, invalid],
  ['a description with a line feed', send({ orderDescription: 'a\nb' }), 400, invalid],
  ['a description of 256 characters', send({ orderDescription: 'あ'.repeat(256) }), 400, invalid],
  ['an instant in milliseconds', send({ requestedAt: Date.now() }), 400, invalid],
  ['501 order items', send({ orderItems: Array(501).fill({ name: 'a', quantity: 1 }) }), 400, invalid],
  ['an order item of nothing', send({ orderItems: [null] }), 400, invalid],
  ['no body', bytes(''), 400, invalid],
  ['a list', bytes(`[${good()}]`), 400, invalid],
  ['a text', bytes('"x"'), 400, invalid],
  ['null', bytes('null'), 400, invalid],
  ['cut short', bytes(good().slice(0, -1)), 400, invalid],
  ['two objects', bytes(good() + good()), 400, invalid],
  ['a comment', bytes(good().replace('{', '{/* */')), 400, invalid],
  ['a comma too many', bytes(good().replace(/}$/, ',}')), 400, invalid],
  ['a byte order mark', bytes(`\ufeff${good()}`), 400, invalid],
  ['UTF-16', bytes(Buffer.from(good(), 'utf16le')), 400, invalid],
  ['bytes that are no UTF-8', bytes(Buffer.concat([Buffer.from('{"merchantPaymentId":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')])), 400, invalid],
  ['half a surrogate pair', bytes(good().replace('"amount":{', '"orderDescription":"\\ud83d","amount":{')), 400, invalid],
  ['30,000 brackets', bytes('['.repeat(30_000)), 400, invalid],
  ['10,000 objects deep in a member that is ignored', bytes(good().replace('{', `{"metadata":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)},`)), 400, invalid],
  ['a body of 65 KiB', bytes(good({ metadata: 'x'.repeat(66_000) })), UNREAD, null],
];

const till = own.tills[0];
const scan = (code, more = {}) => () => call('POST', '/v2/cpm/payments', {
  body: JSON.stringify({
    merchantPaymentId: freshId('scan'), code, amount: { amount: 1, currency: 'JPY' }, storeId: String(till.store_id), terminalId: String(till.id), ...more,
  }),
});
const unknown = 'CUSTOMER_CODE_UNKNOWN';

export const CODES = [
  ['a code with the digits of another shard', scan(`90009900${'57'}12345678901234`), 400, unknown],
  ['a code of another brand', scan('900081818800000000000000'), 400, unknown],
  ['a code of another issuer', scan('280012340012345678901234'), 400, unknown],
  ['23 digits of ours', scan('90009900001234567890123'), 400, unknown],
  ['25 digits', scan('9000990000123456789012345'), 400, unknown],
  ['digits in full width', scan('９０００９９００００１２３４５６７８９０１２３４'), 400, unknown],
  ['a link', scan('https://evil.example/pay'), 400, unknown],
  ['a script', scan('<script>alert(1)</script>'), 400, unknown],
  ['a code of SQL', scan("9000990000' OR '1'='1"), 400, unknown],
  ['a code that types commands', scan('90009900001234567890\u000612'), 400, unknown],
  ['a product', scan('4901777318816'), 400, unknown],
  ['513 characters', scan('9'.repeat(513)), 400, invalid],
  ['an empty code', scan(''), 400, invalid],
  ['a code that is a number', scan(9), 400, invalid],
  ['a store that is not there', scan('900099000012345678901234', { storeId: '999999' }), 400, 'STORE_NOT_FOUND'],
  ['a store below zero', scan('900099000012345678901234', { storeId: '-1' }), 400, 'STORE_NOT_FOUND'],
  ['a store beyond 32 bits', scan('900099000012345678901234', { storeId: '4294967297' }), 400, 'STORE_NOT_FOUND'],
  ['a till that is not there', scan('900099000012345678901234', { terminalId: '999999' }), 400, 'TERMINAL_NOT_FOUND'],
  ['a till of another store', scan('900099000012345678901234', { terminalId: String(own.tills.at(-1).id) }), 400, 'TERMINAL_NOT_FOUND'],
];

const get = (target) => () => call('GET', target, {});
const del = (target) => () => call('DELETE', target, {});
const never = freshId('never');

export const PATHS_OF_THE_API = [
  ['the root', get('/'), 401, 'OP_OUT_OF_SCOPE'],
  ['a call that never was', get('/v2/nothing'), 401, 'OP_OUT_OF_SCOPE'],
  ['the list of all payments', get('/v2/payments'), 401, 'OP_OUT_OF_SCOPE'],
  ['a payment without an id', get('/v2/payments/'), 401, 'OP_OUT_OF_SCOPE'],
  ['a payment below a payment', get('/v2/payments/a/b'), 401, 'OP_OUT_OF_SCOPE'],
  ['out of the folder', get('/v2/payments/../refunds'), 401, 'OP_OUT_OF_SCOPE'],
  ['out of the folder, escaped', get('/v2/payments/..%2f..%2fetc%2fpasswd'), 400, invalid],
  ['two slashes', get('//v2/payments/a'), 401, 'OP_OUT_OF_SCOPE'],
  ['the path in capitals', get('/V2/PAYMENTS/a'), 401, 'OP_OUT_OF_SCOPE'],
  ['a NUL', get('/v2/payments/%00'), 400, invalid],
  ['SQL', get("/v2/payments/a'--"), 400, invalid],
  ['SQL in an escape', get('/v2/payments/a%27%20OR%201=1'), 400, invalid],
  ['bytes that are no UTF-8', get('/v2/payments/%ff%fe'), 400, invalid],
  ['an id of 65 characters', get(`/v2/payments/${'a'.repeat(65)}`), 400, invalid],
  ['a payment that never was', get(`/v2/payments/${never}`), 404, 'RESOURCE_NOT_FOUND'],
  ['a refund that never was', get(`/v2/refunds/${never}`), 404, 'NO_SUCH_REFUND_ORDER'],
  ['a refund of a payment that is none', get(`/v2/refunds/${never}?paymentId=x`), 404, 'NO_SUCH_REFUND_ORDER'],
  ['a refund of an empty payment', get(`/v2/refunds/${never}?paymentId=`), 400, invalid],
  ['a refund of two payments', get(`/v2/refunds/${never}?paymentId=1&paymentId=2`), 400, invalid],
  ['a refund that is deleted', del(`/v2/refunds/${never}`), 401, 'OP_OUT_OF_SCOPE'],
  ['all payments deleted', del('/v2/payments'), 401, 'OP_OUT_OF_SCOPE'],
  ['a query of 3,000 bytes', get(`/v2/payments/a?x=${'y'.repeat(3_000)}`), 400, invalid],
  ['PUT', () => call('PUT', '/v2/payments', { body: '{}', authorization: opa('PUT', '/v2/payments', '{}') }), 401, 'OP_OUT_OF_SCOPE'],
  ['PATCH', () => call('PATCH', '/v2/payments/a', { body: '{}', authorization: opa('PATCH', '/v2/payments/a', '{}') }), 401, 'OP_OUT_OF_SCOPE'],
  ['TRACE', () => call('TRACE', '/v2/payments/a', {}), 401, 'OP_OUT_OF_SCOPE'],
  ['a method of SQL', () => call("DROP", '/v2/payments/a', {}), 401, 'OP_OUT_OF_SCOPE'],
  ['a notice that nobody signed', () => call('POST', '/webhooks/card', { body: '{}', authorization: null }), 400, null],
  ['a notice with a forged signature', () => call('POST', '/webhooks/card', { body: '{}', authorization: null, more: [['Stripe-Signature', `t=${now()},v1=${'0'.repeat(64)}`]] }), 400, null],
];

/** Bytes to the API or a page, as they stand; the first answer, and how many there were. */
const raw = (place, lines, body = '') => async () => {
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1');
  const answers = await exchange(place, bytes, { answers: 2 });
  if (answers.length > 1) throw new Error(`one request was taken for ${answers.length}: ${answers.map((one) => one.status)}`);
  return answers[0] ?? { status: 0 };
};
const host = `Host: ${PLACES.wallet.host}`;
const post = ['POST /api/sign-in/start HTTP/1.1', host, `Origin: ${PLACES.wallet.origin}`, 'Content-Type: application/json', 'Connection: close'];
const smuggled = 'GET /api/home HTTP/1.1\r\nHost: x\r\n\r\n';

export const SMUGGLING = [
  ['a length and chunks', raw('wallet', [...post, 'Content-Length: 6', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`), 400, null],
  ['two lengths that differ', raw('wallet', [...post, 'Content-Length: 2', 'Content-Length: 40'], `{}${smuggled}`), 400, null],
  ['a length with a plus', raw('wallet', [...post, 'Content-Length: +2'], '{}'), 400, null],
  ['a length below zero', raw('wallet', [...post, 'Content-Length: -2'], '{}'), 400, null],
  ['a length in hexadecimal', raw('wallet', [...post, 'Content-Length: 0x2'], '{}'), 400, null],
  ['a length beyond 64 bits', raw('wallet', [...post, 'Content-Length: 18446744073709551617'], '{}'), 400, null],
  ['two lengths in one line', raw('wallet', [...post, 'Content-Length: 2, 40'], `{}${smuggled}`), 400, null],
  ['chunks that are not the last coding', raw('wallet', [...post, 'Transfer-Encoding: chunked, identity'], `0\r\n\r\n${smuggled}`), 400, null],
  ['a coding that never was', raw('wallet', [...post, 'Transfer-Encoding: xchunked'], `0\r\n\r\n${smuggled}`), 400, null],
  ['chunks behind a vertical tab', raw('wallet', [...post, 'Transfer-Encoding: \vchunked'], `0\r\n\r\n${smuggled}`), 400, null],
  ['a space before the colon', raw('wallet', [...post, 'Content-Length : 2'], '{}'), 400, null],
  ['a header that is folded', raw('wallet', [...post, 'X-Folded: a', ' b'], ''), 400, null],
  ['a NUL in a header', raw('wallet', [...post, 'X-Nul: a\0b'], ''), 400, null],
  ['a carriage return in a header', raw('wallet', [...post, 'X-Cr: a\rContent-Length: 5'], ''), 400, null],
  ['no host', raw('wallet', ['GET /api/home HTTP/1.1', 'Connection: close']), 421, null],
  ['HTTP/1.0 without a host', raw('wallet', ['GET /api/home HTTP/1.0']), 421, null],
  ['HTTP/2 in clear', raw('wallet', ['PRI * HTTP/2.0', '', 'SM', '']), 0, null],
  ['a version that never was', raw('wallet', ['GET / HTTP/9.9', host]), 400, null],
  ['a target with a space', raw('wallet', ['GET /a b HTTP/1.1', host]), 400, null],
  ['a target with a line feed', raw('wallet', ['GET /a\nb HTTP/1.1', host]), 400, null],
  ['a head of 40 KiB', raw('wallet', ['GET / HTTP/1.1', host, `X: ${'a'.repeat(40_000)}`]), UNREAD, null],
  ['two hundred headers', raw('wallet', ['GET / HTTP/1.1', host, ...Array.from({ length: 200 }, (_, n) => `X-${n}: a`)]), UNREAD, null],
  ['a chunk of a terabyte', raw('wallet', [...post, 'Transfer-Encoding: chunked'], 'FFFFFFFFFFFFFFFFF\r\n'), UNREAD, null],
  ['TLS to a port in clear', () => exchange('wallet', Buffer.from('16030100c8010000c4', 'hex')).then(([answer]) => answer ?? { status: 0 }), 400, null],
];

const page = (place, headers, { method = 'GET', target = '/', body = undefined } = {}) => async () => {
  const [answer] = await exchange(place, request(method, target, headers, body));
  return answer ?? { status: 0 };
};
const PAGES = /** @type {const} */ (['wallet', 'till', 'console']);

export const HOSTS = PAGES.flatMap((place) => {
  const { host: ours, port } = PLACES[place];
  return [
    [`${place}: by its address`, page(place, [['Host', `127.0.0.1:${port}`]]), 421, 'other_host'],
    [`${place}: by a name that was bound to it`, page(place, [['Host', `evil.example:${port}`]]), 421, 'other_host'],
    [`${place}: with a dot behind its name`, page(place, [['Host', ours.replace(':', '.:')]]), 421, 'other_host'],
    [`${place}: on another port`, page(place, [['Host', ours.replace(/\d+$/, '1')]]), 421, 'other_host'],
    [`${place}: with a user before its name`, page(place, [['Host', `evil@${ours}`]]), 421, 'other_host'],
    [`${place}: two hosts`, page(place, [['Host', ours], ['Host', 'evil.example']]), 421, 'other_host'],
    [`${place}: another host in the target`, page(place, [['Host', ours]], { target: 'http://evil.example/' }), 421, 'other_host'],
    [`${place}: the forwarded host counts for nothing`, page(place, [['Host', `evil.example:${port}`], ['X-Forwarded-Host', ours]]), 421, 'other_host'],
    [`${place}: itself`, page(place, [['Host', ours]]), 200, null],
  ];
});

const start = (headers, body = '{}') => page('wallet', [['Host', PLACES.wallet.host], ...headers], { method: 'POST', target: '/api/sign-in/start', body });
const asJson = ['Content-Type', JSON_TYPE];
const { origin } = PLACES.wallet;

export const OTHER_SITES = [
  ['from another site', start([asJson, ['Origin', 'https://evil.example'], ['Sec-Fetch-Site', 'cross-site']]), 403, 'other_origin'],
  ['from another site in an old browser', start([asJson, ['Origin', 'https://evil.example']]), 403, 'other_origin'],
  ['from a neighbour', start([asJson, ['Origin', PLACES.till.origin], ['Sec-Fetch-Site', 'same-site']]), 403, 'other_origin'],
  ['from a frame without an origin', start([asJson, ['Origin', 'null'], ['Sec-Fetch-Site', 'cross-site']]), 403, 'other_origin'],
  ['from no origin in an old browser', start([asJson, ['Origin', 'null']]), 403, 'other_origin'],
  ['from an origin that begins like ours', start([asJson, ['Origin', `${origin}.evil.example`]]), 403, 'other_origin'],
  ['from our name on another port', start([asJson, ['Origin', origin.replace(/\d+$/, '1')]]), 403, 'other_origin'],
  ['a form', start([['Content-Type', 'application/x-www-form-urlencoded'], ['Origin', origin]], 'a=1'), 400, 'invalid_field'],
  ['a form of plain text', start([['Content-Type', 'text/plain'], ['Origin', origin]]), 400, 'invalid_field'],
  ['a form with files', start([['Content-Type', 'multipart/form-data; boundary=a'], ['Origin', origin]]), 400, 'invalid_field'],
  ['no type', start([['Origin', origin]]), 400, 'invalid_field'],
  ['a type that begins like ours', start([['Content-Type', 'application/json-patch+json'], ['Origin', origin]]), 400, 'invalid_field'],
  ['the page itself', start([asJson, ['Origin', origin], ['Sec-Fetch-Site', 'same-origin']]), 200, null],
  ...[['forwarded for a thousand', '10.0.0.1,'.repeat(1_000)], ['forwarded for nobody', ', ,"<x>'], ['forwarded for bytes', '\xff\xfe']].map(
    ([name, value]) => [name, start([asJson, ['Origin', origin], ['X-Forwarded-For', value], ['X-Forwarded-For', '::1']]), 200, null]),
  ['a preflight gets no permission', page('wallet', [['Host', PLACES.wallet.host], ['Origin', 'https://evil.example'], ['Access-Control-Request-Method', 'POST']], { method: 'OPTIONS', target: '/api/home' }), 404, null],
];

const file = (place, target) => page(place, [['Host', PLACES[place].host]], { target });

export const FILES = [
  ...[
    '/assets/../../../../etc/passwd', '/assets/..%2f..%2fetc%2fpasswd', '/assets/%2e%2e/%2e%2e/etc/passwd', '/assets//etc/passwd', '/assets/',
    '/assets', '/assets/wallet.js', '/assets/wallet.js.map', '/assets/..\\..\\etc', '/assets/%00', '/.git/config', '/.env', '/mamori.json', '/master.key',
    '/store/control.sqlite', '/index.html', '/web/wallet/wallet.js', '/node_modules/', '/server-status', '/debug/pprof', '/metrics', '/api', '/api/',
    '/API/HOME', '/api/home/', '/api//home', '/wp-login.php', '/dev/code', '/robots.txt.bak',
  ].map((target) => [target, file('wallet', target), 404, null]),
  ['the console\'s script from the wallet', file('wallet', '/assets/console.js'), 404, null],
  ['the wallet\'s worker from the console', file('console', '/sw.js'), 404, null],
  ['the wallet\'s manifest from the console', file('console', '/manifest.webmanifest'), 404, null],
  ['the wallet\'s offline page from the till', file('till', '/offline.html'), 404, null],
  ['the till\'s questions about sales at the wallet', file('wallet', '/api/till/sales?day=2026-11-28'), 404, null],
  ['the console\'s questions at the wallet', file('wallet', '/api/today'), 404, null],
  ['the wallet\'s questions at the console', file('console', '/api/home'), 404, null],
  ['the till\'s questions at the wallet', file('wallet', '/api/till'), 404, null],
  ['the merchants\' calls at the wallet', file('wallet', '/v2/payments/a'), 404, null],
  ['the pages at the API', () => call('GET', '/api/home', {}), 401, 'OP_OUT_OF_SCOPE'],
  ['a code without the run\'s token', () => call('POST', '/dev/code', { body: '{}', authorization: null }), 401, null],
];

/** Every surface's page says all of these. */
export const HEADERS = [
  ['content-security-policy', /default-src 'none'.*base-uri 'none'.*frame-ancestors 'none'/],
  ['content-security-policy', /^(?!.*unsafe-inline)(?!.*'unsafe-eval')(?!.*\*)/],
  ['x-content-type-options', /^nosniff$/],
  ['x-frame-options', /^DENY$/],
  ['referrer-policy', /^no-referrer$/],
  ['cross-origin-opener-policy', /^same-origin$/],
  ['cross-origin-resource-policy', /^same-origin$/],
  ['cross-origin-embedder-policy', /^require-corp$/],
  ['permissions-policy', /microphone=\(\).*geolocation=\(\)/],
  ['cache-control', /no-store|no-cache|max-age/],
];
/** And none of these. */
export const NO_HEADERS = ['server', 'x-powered-by', 'access-control-allow-origin', 'set-cookie'];
