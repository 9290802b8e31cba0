// How long a customer waits for the first code on a slow phone, and what it costs on the wire: a wallet that this browser has never
// seen, its customer signed in, the processor four times slower, the network a slow 4G (150 ms, 1.6 Mbit/s down, 0.75 up).
// Run by `cargo xtask first-code`.

import { customer } from '../attacks/scene.mjs';
import { dev } from '../peers/dev.mjs';
import { openBrowser, openDevice, PATIENCE_MS } from './stage.mjs';

const ROUNDS = 5;
const SLOW_4G = { offline: false, latency: 150, downloadThroughput: 1_600_000 / 8, uploadThroughput: 750_000 / 8 };
const CPU_SLOWER = 4;

/** The phone that has signed up is played by this browser: it gets its key, from a page that nobody serves. */
async function plantKey({ page }, key) {
  const planting = new URL('/planting', dev.wallet_url).href;
  await page.route(planting, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>-</title>' }));
  await page.goto(planting);
  await page.evaluate(async ({ whole, jwk }) => {
    const kind = { name: 'ECDSA', namedCurve: 'P-256' };
    const privateKey = await crypto.subtle.importKey('jwk', whole, kind, false, ['sign']);
    const publicKey = await crypto.subtle.importKey('jwk', jwk, kind, true, ['verify']);
    const opening = indexedDB.open('mamori-device', 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore('keys');
    await new Promise((resolve) => { opening.onsuccess = resolve; });
    const put = opening.result.transaction('keys', 'readwrite').objectStore('keys').put({ privateKey, publicKey }, 'device');
    await new Promise((resolve) => { put.onsuccess = resolve; });
    localStorage.setItem('mamori.known', 'yes');
  }, { whole: key.whole, jwk: key.jwk });
}

/** One cold start. */
async function round(browser, cookies, deviceKey) {
  const phone = await openDevice(browser, { phone: true });
  await phone.context.addCookies(cookies);
  await plantKey(phone, deviceKey);
  const wire = await phone.context.newCDPSession(phone.page);
  await wire.send('Network.enable');
  // Development's own script stands in for an authenticator; a live wallet has none.
  await wire.send('Network.setBlockedURLs', { urls: ['*dev-authenticator*'] });
  await wire.send('Network.emulateNetworkConditions', SLOW_4G);
  await wire.send('Emulation.setCPUThrottlingRate', { rate: CPU_SLOWER });
  const files = new Map();
  wire.on('Network.requestWillBeSent', ({ requestId, request }) => files.set(requestId, { url: request.url, bytes: 0 }));
  wire.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const file = files.get(requestId);
    if (file) file.bytes = encodedDataLength;
  });
  await phone.page.goto(dev.wallet_url, { waitUntil: 'commit' });
  const shown = await phone.page.waitForFunction(() => {
    const image = document.querySelector('.code-barcode img');
    return image instanceof HTMLImageElement && image.complete && performance.now();
  }, undefined, { polling: 'raf', timeout: PATIENCE_MS });
  const ms = Math.round(await shown.jsonValue());
  // What the page fetched until then; data: pictures of the code itself cross no wire.
  const fetched = [...files.values()].filter(({ url, bytes }) => url.startsWith('http') && bytes > 0);
  await phone.context.close();
  return { ms, requests: fetched.length, bytes: fetched.reduce((sum, { bytes }) => sum + bytes, 0) };
}

const { phone } = await customer('kasane');
const cookies = [...phone.cookies].map(([name, value]) => ({ name, value, url: dev.wallet_url, secure: true, httpOnly: !/_(nonce|ath)$/.test(name) }))
  .map(({ url, ...cookie }) => ({ ...cookie, domain: new URL(url).hostname, path: '/', sameSite: 'Lax' }));
const browser = await openBrowser();
const rounds = [];
for (let n = 0; n < ROUNDS; n += 1) rounds.push(await round(browser, cookies, phone.device));
await browser.close();
rounds.sort((one, other) => one.ms - other.ms);
const { ms, requests, bytes } = rounds[Math.floor(ROUNDS / 2)];
console.log(`code on screen after ${ms} ms (${rounds.map((one) => one.ms).join(', ')}); ${requests} requests, ${bytes} bytes on the wire, heads included`);
