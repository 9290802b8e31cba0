// A network that drops a connection without telling either side: the phone hears nothing, and nothing ends. What happened
// meanwhile is shown all the same, without anyone touching the page.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before } from 'node:test';

import { walletTexts } from './texts.mjs';
import { giveAuthenticator, openBrowser, openDevice, sendAsPage, signUp, story } from './stage.mjs';

/** Two beats of the server and some more, as the page waits, and time to connect again. */
const SILENCE_IS_NOTICED_MS = 90_000;

let browser;
let network;
let phone;

/** A proxy that can forget the streams it carries: they stay open, and nothing comes through any more. */
async function forgetfulNetwork() {
  const streams = new Set();
  const server = http.createServer((request, response) => {
    const { port, pathname, search } = new URL(request.url);
    // Browsers know where `*.localhost` is; not every machine's resolver does.
    const onward = http.request({ hostname: '127.0.0.1', port, path: pathname + search, method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
      if (pathname === '/api/events') streams.add(answer);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return {
    server: `http://127.0.0.1:${server.address().port}`,
    streams,
    forget() {
      for (const answer of streams) {
        answer.unpipe();
        answer.resume();
      }
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

before(async () => {
  network = await forgetfulNetwork();
  browser = await openBrowser();
  phone = await openDevice(browser, { phone: true, proxy: { server: network.server, bypass: '<-loopback>' } });
  await giveAuthenticator(phone);
});
after(async () => {
  await browser?.close();
  network?.close();
});

const step = story(() => ({ phone }));

step('what happens while the network is silent is shown without a touch', async () => {
  const { page } = phone;
  await signUp(page, `silent-${Date.now()}@example.com`, 'しずか');
  await page.locator('.code-barcode img').waitFor();
  assert.ok(network.streams.size > 0, 'the stream goes through the network');
  network.forget();
  // As from another device of the same customer: this page is told by its stream alone.
  const { status } = await sendAsPage(page, '/api/freeze', '{}');
  assert.equal(status, 200);
  await page.getByRole('heading', { name: walletTexts.ja.frozen_title }).waitFor({ timeout: SILENCE_IS_NOTICED_MS });
});
