// Java's real HttpURLConnection, as registers are built on it: when the connection ends before an answer, it sends the same
// signed bytes again by itself. The register must hear what was done, and it must have been done once.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { customer, dev, freshCode, freshId } from './dev.mjs';

const server = new URL(dev.base_url);

/** A line between register and server. While `answersToLose` is above zero it takes an answer off the server and ends the register's
 *  connection instead of handing it over. `asked` holds every request head and body that went through it, `told` every answer. */
class Line {
  answersToLose = 0;
  asked = [];
  told = [];

  async open() {
    this.listener = net.createServer((register) => this.#join(register));
    this.listener.listen(0, '127.0.0.1');
    await once(this.listener, 'listening');
    return `http://127.0.0.1:${this.listener.address().port}`;
  }

  close() { this.listener.close(); }

  #join(register) {
    const upstream = net.connect(Number(server.port), server.hostname);
    let request = '';
    let answer = '';
    register.on('data', (part) => { request += part.toString('latin1'); upstream.write(part); });
    upstream.on('data', (part) => {
      answer += part.toString('latin1');
      if (!isWhole(answer)) return;
      this.asked.push(request);
      this.told.push(answer);
      const bytes = Buffer.from(answer, 'latin1');
      request = answer = '';
      if (this.answersToLose > 0) {
        this.answersToLose -= 1;
        register.destroy();
        upstream.destroy();
      } else {
        register.write(bytes);
      }
    });
    for (const [end, other] of [[register, upstream], [upstream, register]]) {
      end.on('error', () => other.destroy());
      end.on('close', () => other.destroy());
    }
  }
}

function isWhole(answer) {
  const head = answer.indexOf('\r\n\r\n');
  const length = /content-length: (\d+)/i.exec(answer);
  return head >= 0 && length !== null && answer.length >= head + 4 + Number(length[1]);
}

const line = new Line();
let register;
let answers;

before(async () => {
  const url = await line.open();
  register = spawn('java', [fileURLToPath(new URL('Register.java', import.meta.url))], {
    env: { ...process.env, REGISTER_URL: url, REGISTER_KEY: dev.merchant.api_key, REGISTER_SECRET: dev.merchant.api_secret },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  answers = createInterface({ input: register.stdout })[Symbol.asyncIterator]();
});

after(() => {
  register?.kill();
  line.close();
});

/** What the register hears. `lost` answers are lost on the way first. */
async function hears(method, path, body, { lost = 0 } = {}) {
  line.answersToLose = lost;
  const before = line.asked.length;
  register.stdin.write(`${method}\t${path}\t${body === undefined ? '' : JSON.stringify(body)}\n`);
  const { value, done } = await answers.next();
  assert.ok(!done, 'the register has ended');
  const [status, text] = value.split('\t');
  assert.equal(line.answersToLose, 0, 'the answer was lost as planned');
  return { status: Number(status), ...JSON.parse(text), deliveries: line.asked.slice(before) };
}

/** Asks with the answer lost once: the JDK repeats the very bytes, and the register hears `status`. */
async function repeated(status, method, path, body) {
  const heard = await hears(method, path, body, { lost: 1 });
  assert.equal(heard.deliveries.length, 2, 'the JDK has repeated the request');
  assert.equal(heard.deliveries[0], heard.deliveries[1], 'byte for byte');
  assert.equal(heard.status, status, JSON.stringify(heard.resultInfo));
  return heard;
}

const yen = (amount) => ({ amount, currency: 'JPY' });
const now = () => Math.floor(Date.now() / 1000);

test('a scanned payment whose answer is lost is heard, and was taken once', async () => {
  const id = freshId('java');
  const till = dev.merchant.tills[0];
  const { data: paid } = await repeated(200, 'POST', '/v2/cpm/payments', {
    merchantPaymentId: id, code: freshCode(), amount: yen(120), storeId: String(till.store_id), terminalId: String(till.id),
    requestedAt: now(),
  });
  assert.equal(paid.status, 'COMPLETED');
  const { data: read } = await hears('GET', `/v2/payments/${id}`);
  assert.equal(read.paymentId, paid.paymentId);
});

test('a payment by permission, its refund and a cancel, each with its answer lost', async () => {
  const id = freshId('java');
  const body = { merchantPaymentId: id, userAuthorizationId: customer().user_authorization_id, amount: yen(90), requestedAt: now() };
  const { data: paid } = await repeated(200, 'POST', '/v2/payments', body);
  const refund = { merchantRefundId: freshId('java-refund'), paymentId: paid.paymentId, amount: yen(40), requestedAt: now() };
  await repeated(200, 'POST', '/v2/refunds', refund);
  const { data: read } = await hears('GET', `/v2/payments/${id}`);
  assert.deepEqual(read.refunds.data.map((one) => one.amount.amount), [40], 'given back once');
  const other = { ...body, merchantPaymentId: freshId('java') };
  await hears('POST', '/v2/payments', other);
  await repeated(202, 'DELETE', `/v2/payments/${other.merchantPaymentId}`);
  await repeated(404, 'GET', `/v2/payments/${freshId('never')}`);
});

test('money set aside, captured and given back, each with its answer lost', async () => {
  const aside = () => ({
    merchantPaymentId: freshId('java'), userAuthorizationId: customer().user_authorization_id, amount: yen(300), requestedAt: now(),
  });
  const bike = aside();
  await repeated(200, 'POST', '/v2/payments/preauthorize', bike);
  const capture = {
    merchantPaymentId: bike.merchantPaymentId, merchantCaptureId: freshId('java-capture'), amount: yen(200), requestedAt: now(),
    orderDescription: '自転車',
  };
  await repeated(200, 'POST', '/v2/payments/capture', capture);
  const { data: held } = await repeated(200, 'POST', '/v2/payments/preauthorize', aside());
  const revert = { merchantRevertId: freshId('java-revert'), paymentId: held.paymentId, requestedAt: now() };
  await repeated(200, 'POST', '/v2/payments/preauthorize/revert', revert);
});

test('the answers say how long their connection may be used', async () => {
  const { deliveries } = await hears('GET', `/v2/payments/${freshId('never')}`);
  assert.equal(deliveries.length, 1);
  assert.match(line.told.at(-1), /\r\nkeep-alive: timeout=20, max=\d+\r\n/i);
});
