// The official Node SDK, unmodified from npm, against a running server: it creates, reads, cancels and refunds,
// sets aside, captures and reverts.
//
// The SDK speaks https only and takes an own transport by `setHttpsClient`: ours sends what the SDK signed over plain
// http and changes nothing else.

import assert from 'node:assert/strict';
import http from 'node:http';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { customer, dev, freshCode, freshId } from './dev.mjs';

const { PayPayRestSDK, Conf } = createRequire(import.meta.url)('@paypayopa/paypayopa-sdk-node');
const address = new URL(dev.base_url);

const plainHttp = {
  httpsCall({ apiKey: _, ...options }, payload, callback) {
    const request = http.request({ ...options, agent: false }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (part) => { body += part; });
      answer.on('end', () => callback({ STATUS: answer.statusCode, BODY: JSON.parse(body) }));
    });
    request.on('error', (error) => callback({ STATUS: 0, ERROR: error.message }));
    if (options.method === 'POST') request.write(JSON.stringify(payload));
    request.end();
  },
};

function sdk({ secret = dev.merchant.api_secret, merchant = dev.merchant.id } = {}) {
  const client = new PayPayRestSDK();
  client.configure({
    clientId: dev.merchant.api_key,
    clientSecret: secret,
    merchantId: String(merchant),
    conf: new Conf({ hostName: address.hostname, portNumber: Number(address.port) }),
  });
  client.setHttpsClient(plainHttp);
  return client;
}

function payment(amount, more = {}) {
  return {
    merchantPaymentId: freshId('node'),
    userAuthorizationId: customer().user_authorization_id,
    amount: { amount, currency: 'JPY' },
    orderDescription: '注文 — お茶とおにぎり',
    ...more,
  };
}

/** The answer of a call that must have worked. */
function good({ STATUS, BODY }, status = 200) {
  assert.equal(STATUS, status, JSON.stringify(BODY));
  assert.equal(BODY.resultInfo.codeId, '08100001');
  return BODY.data;
}

function refused({ STATUS, BODY }, status, code) {
  assert.equal(STATUS, status, JSON.stringify(BODY));
  assert.equal(BODY.resultInfo.code, code);
  assert.match(BODY.resultInfo.codeId, /^\d{8}$/);
  assert.equal(BODY.data ?? null, null);
}

test('a payment is created and read', async () => {
  const asked = payment(130);
  const made = good(await sdk().createPayment({ ...asked }));
  assert.equal(made.status, 'COMPLETED');
  assert.equal(made.merchantPaymentId, asked.merchantPaymentId);
  assert.deepEqual(made.amount, { amount: 130, currency: 'JPY' });
  assert.ok(Number.isInteger(made.acceptedAt) && made.acceptedAt < 2 ** 31);
  const read = good(await sdk().getPaymentDetails([asked.merchantPaymentId]));
  assert.equal(read.paymentId, made.paymentId);
  assert.equal(read.orderDescription, '注文 — お茶とおにぎり');
});

test('the same payment asked for again gets the first answer, though the SDK writes a new requestedAt', async () => {
  const asked = payment(140);
  const first = good(await sdk().createPayment({ ...asked }));
  const again = good(await sdk().createPayment({ ...asked, requestedAt: 1 }, true));
  assert.deepEqual(again, first);
});

test('another payment under the same id is a conflict', async () => {
  const asked = payment(150);
  good(await sdk().createPayment({ ...asked }));
  const other = await sdk().createPayment({ ...asked, amount: { amount: 151, currency: 'JPY' } });
  refused(other, 409, 'IDEMPOTENCY_CONFLICT');
});

test('a payment is cancelled, and reads as such', async () => {
  const asked = payment(160);
  good(await sdk().createPayment({ ...asked }));
  const answer = await sdk().paymentCancel([asked.merchantPaymentId]);
  assert.equal(answer.STATUS, 202, JSON.stringify(answer.BODY));
  assert.equal(answer.BODY.resultInfo.code, 'REQUEST_ACCEPTED');
  const read = good(await sdk().getPaymentDetails([asked.merchantPaymentId]));
  // The format has one word for what was undone and for what never came about.
  assert.equal(read.status, 'FAILED');
  assert.ok(Number.isInteger(read.canceledAt));
});

test('a payment is refunded in part, then the rest, and never more', async () => {
  const asked = payment(300);
  const made = good(await sdk().createPayment({ ...asked }));
  const refund = (amount) => ({
    merchantRefundId: freshId('node-refund'),
    paymentId: made.paymentId,
    amount: { amount, currency: 'JPY' },
    reason: '返品',
  });
  const part = refund(100);
  const first = good(await sdk().paymentRefund({ ...part }));
  assert.ok(['CREATED', 'REFUNDED'].includes(first.status));
  assert.deepEqual(good(await sdk().paymentRefund({ ...part })), first, 'a retry gets the first answer');
  good(await sdk().paymentRefund(refund(200)));
  refused(await sdk().paymentRefund(refund(1)), 400, 'INVALID_PARAMS');
  const read = good(await sdk().getRefundDetails([part.merchantRefundId]));
  assert.equal(read.paymentId, made.paymentId);
  const details = good(await sdk().getPaymentDetails([asked.merchantPaymentId]));
  assert.equal(details.refunds.data.length, 2);
});

test('an amount is set aside by permission and captured once, or given back', async () => {
  const asked = payment(500);
  const aside = good(await sdk().paymentPreauthorize({ ...asked }, false));
  assert.equal(aside.status, 'AUTHORIZED');
  assert.ok(Number.isInteger(aside.expiresAt));
  assert.deepEqual(good(await sdk().paymentPreauthorize({ ...asked }, false)), { ...aside }, 'a retry gets the first answer');
  const capture = (amount) => sdk().paymentAuthCapture({
    merchantPaymentId: asked.merchantPaymentId,
    merchantCaptureId: freshId('node-capture'),
    amount: { amount, currency: 'JPY' },
    orderDescription: '自転車',
  });
  refused(await capture(501), 400, 'HIGHER_CAPTURE_NOT_PERMITTED');
  const captured = good(await capture(200));
  assert.deepEqual([captured.status, captured.paymentId], ['COMPLETED', aside.paymentId]);
  assert.deepEqual(captured.captures.data[0].amount, { amount: 200, currency: 'JPY' });
  refused(await capture(200), 400, 'ALREADY_CAPTURED');
  const read = good(await sdk().getPaymentDetails([asked.merchantPaymentId]));
  assert.equal(read.captures.data.length, 1);

  const other = good(await sdk().paymentPreauthorize(payment(300), false));
  const revert = { merchantRevertId: freshId('node-revert'), paymentId: other.paymentId, reason: '中止' };
  const reverted = good(await sdk().paymentAuthRevert({ ...revert }));
  assert.deepEqual([reverted.status, reverted.paymentId], ['CANCELED', other.paymentId]);
  assert.equal(good(await sdk().getPaymentDetails([other.merchantPaymentId])).status, 'CANCELED');
});

test('a wrong secret, and another merchant, are refused alike', async () => {
  refused(await sdk({ secret: 'wrong' }).createPayment(payment(10)), 401, 'UNAUTHORIZED');
  refused(await sdk({ merchant: '999999999' }).createPayment(payment(10)), 401, 'UNAUTHORIZED');
});

test('what is not there is not found', async () => {
  refused(await sdk().getPaymentDetails([freshId('never')]), 404, 'RESOURCE_NOT_FOUND');
  refused(await sdk().getRefundDetails([freshId('never')]), 404, 'NO_SUCH_REFUND_ORDER');
});

test('a scanned code pays once, through the SDK\'s own signature', async () => {
  const client = sdk();
  const till = dev.merchant.tills[0];
  const scan = (code, id = freshId('node-scan')) =>
    client.invokeMethod({ method: 'POST', path: '/v2/cpm/payments', apiKey: 'scan' }, {
      merchantPaymentId: id,
      code,
      storeId: String(till.store_id),
      terminalId: String(till.id),
      amount: { amount: 120, currency: 'JPY' },
    });
  const code = freshCode();
  assert.match(code, /^\d{24}$/);
  const paid = good(await scan(code));
  assert.equal(paid.status, 'COMPLETED');
  refused(await scan(code), 400, 'CUSTOMER_CODE_SPENT');
  refused(await scan(code.replace(/.$/, (last) => String((Number(last) + 1) % 10))), 400, 'CUSTOMER_CODE_UNKNOWN');
});
