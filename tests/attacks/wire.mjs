// Requests as bytes on a socket, and their answers: no HTTP library stands between the table and the server, because half of what is
// tried here no library would send.

import { createHash, createHmac, randomUUID, sign } from 'node:crypto';
import net from 'node:net';

import { dev } from '../peers/dev.mjs';
import { p256 } from './keys.mjs';

/** Long enough for a busy machine; an answer or a closed connection ends the wait at once. */
const PATIENCE_MS = 30_000;

const at = (url) => new URL(url);
/** Where each listener is, and what it must be called by. */
export const PLACES = {
  wallet: at(dev.wallet_url), till: at(dev.till_url), console: at(dev.console_url), api: at(dev.base_url),
};

/**
 * Sends bytes, reads until the server has answered `answers` times or closes, and takes the answers apart.
 * @returns {Promise<{status: number, headers: Map<string, string[]>, text: string, json: any}[]>}
 */
export function exchange(place, bytes, { answers = 1 } = {}) {
  const { port } = PLACES[place];
  return new Promise((resolve, reject) => {
    const line = net.connect(Number(port), '127.0.0.1');
    const timer = setTimeout(() => line.destroy(new Error(`no answer to ${JSON.stringify(String(bytes).slice(0, 200))}`)), PATIENCE_MS);
    let got = Buffer.alloc(0);
    const end = () => {
      clearTimeout(timer);
      line.destroy();
      resolve(apart(got));
    };
    line.on('connect', () => line.write(bytes));
    line.on('data', (part) => {
      got = Buffer.concat([got, part]);
      if (apart(got).length >= answers) end();
    });
    line.on('close', end);
    line.on('error', (error) => {
      // A server may close before it has read all that is wrong.
      if (['ECONNRESET', 'EPIPE'].includes(error.code)) return end();
      clearTimeout(timer);
      return reject(error);
    });
  });
}

/** All whole answers in the bytes. One without a length ends with its head here. */
function apart(bytes) {
  const found = [];
  let rest = bytes;
  for (;;) {
    const head = rest.indexOf('\r\n\r\n');
    if (head < 0) return found;
    const lines = rest.subarray(0, head).toString('latin1').split('\r\n');
    const status = Number(lines[0].split(' ')[1]);
    const headers = new Map();
    for (const line of lines.slice(1)) {
      const name = line.slice(0, line.indexOf(':')).toLowerCase();
      headers.set(name, [...(headers.get(name) ?? []), line.slice(line.indexOf(':') + 1).trim()]);
    }
    const length = Number(headers.get('content-length')?.[0] ?? 0);
    const body = rest.subarray(head + 4, head + 4 + length);
    if (body.length < length) return found;
    const text = body.toString('utf8');
    let json;
    try { json = JSON.parse(text); } catch { json = undefined; }
    found.push({ status, headers, text, json });
    rest = rest.subarray(head + 4 + length);
  }
}

/** The bytes of a request. `headers` are lines as [name, value]; a body is a text or bytes and gets its length. */
export function request(method, target, headers = [], body = undefined, version = 'HTTP/1.1') {
  const content = body === undefined ? undefined : Buffer.from(body);
  const lines = [`${method} ${target} ${version}`, ...headers.map(([name, value]) => `${name}: ${value}`)];
  if (content !== undefined && !headers.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name))) {
    lines.push(`Content-Length: ${content.length}`);
  }
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), content ?? Buffer.alloc(0)]);
}

/** The key of a phone, and the proof of each request that it signs. */
export class DeviceKey {
  nonce = '';

  constructor() {
    Object.assign(this, p256());
  }

  proof(method, address, token) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const ath = token === undefined ? undefined : createHash('sha256').update(token).digest('base64url');
    const claims = { jti: randomUUID(), htm: method, htu: address, iat: 0, nonce: this.nonce, ath };
    const signed = `${part({ typ: 'dpop+jwt', alg: 'ES256', jwk: this.jwk })}.${part(claims)}`;
    return `${signed}.${sign('sha256', Buffer.from(signed), { key: this.key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  }
}

/** A browser at one of the surfaces: its cookies, and the headers its pages send. */
export class Browser {
  cookies = new Map();

  constructor(place) {
    this.place = place;
    this.host = PLACES[place].host;
    this.origin = PLACES[place].origin;
    // Sessions of the wallet belong to a device.
    this.device = place === 'wallet' ? new DeviceKey() : null;
  }

  headers(method, { body = false, target = '/' } = {}) {
    const headers = [['Host', this.host], ['Sec-Fetch-Site', 'same-origin'], ['User-Agent', 'Mozilla/5.0 Chrome/156.0']];
    if (this.device !== null) {
      const address = `${this.origin}${target.split('?')[0]}`;
      headers.push(['DPoP', this.device.proof(method, address, this.cookies.get('__Host-mamori_wallet'))]);
    }
    if (method !== 'GET') headers.push(['Origin', this.origin]);
    if (body) headers.push(['Content-Type', 'application/json']);
    if (this.cookies.size > 0) headers.push(['Cookie', [...this.cookies].map((pair) => pair.join('=')).join('; ')]);
    return headers;
  }

  /** `change(headers)` may take headers away, add or spoil some. */
  async send(method, target, body = undefined, change = (headers) => headers) {
    const text = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const ask = () => exchange(this.place, request(method, target, change(this.headers(method, { body: text !== undefined, target })), text));
    let [answer] = await ask();
    const nonce = answer?.headers.get('dpop-nonce')?.[0];
    if (this.device !== null && nonce !== undefined) {
      const isStale = answer.json?.refusal === 'use_dpop_nonce';
      this.device.nonce = nonce;
      if (isStale) [answer] = await ask();
    }
    for (const line of answer?.headers.get('set-cookie') ?? []) {
      const [name, value] = line.split(';')[0].split(/=(.*)/s);
      if (/max-age=0/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return answer;
  }

  async ok(method, target, body) {
    const answer = await this.send(method, target, body);
    if (answer?.status !== 200) throw new Error(`${method} ${target}: ${answer?.status} ${answer?.text}`);
    return answer.json;
  }
}

export const JSON_TYPE = 'application/json';
const mac = (secret, lines) => createHmac('sha256', secret).update(lines.join('\n')).digest('base64');
const now = () => Math.floor(Date.now() / 1000);

/** The value of the `Authorization` header of a merchant's call, with one thing changed. */
export function opa(method, target, body = '', changed = {}) {
  const { key, secret, epoch, nonce, type, path } = {
    key: dev.merchant.api_key, secret: dev.merchant.api_secret, epoch: now(), nonce: randomUUID(), type: JSON_TYPE, path: target.split('?')[0],
    ...changed,
  };
  const kind = body === '' ? 'empty' : type;
  const hash = body === '' ? 'empty' : createHash('md5').update(type).update(body).digest('base64');
  return `hmac OPA-Auth:${key}:${mac(secret, [path, method, nonce, epoch, kind, hash])}:${nonce}:${epoch}:${hash}`;
}

/** The same in our own scheme. */
export function mamori(method, target, body = '', changed = {}) {
  const { key, secret, epoch, nonce } = {
    key: dev.merchant.api_key, secret: dev.merchant.api_secret, epoch: now(), nonce: randomUUID(), ...changed,
  };
  const lines = ['MAMORI-HMAC-SHA256', method, target, epoch, nonce, createHash('sha256').update(body).digest('hex')];
  return `hmac MAMORI-HMAC-SHA256:${key}:${mac(secret, lines)}:${nonce}:${epoch}`;
}

/** A merchant's call and its answer; `authorization` may be none (null), a text, or a list of texts. */
export async function call(method, target, { body = '', authorization = opa(method, target, body), type = JSON_TYPE, more = [] } = {}) {
  const headers = [['Host', PLACES.api.host]];
  for (const value of [authorization].flat().filter((one) => one !== null)) headers.push(['Authorization', value]);
  if (body !== '' && type !== undefined) headers.push(['Content-Type', type]);
  const [answer = { status: 0, headers: new Map(), text: '' }] = await exchange('api', request(method, target, [...headers, ...more], body === '' && method === 'GET' ? undefined : body));
  return answer;
}
