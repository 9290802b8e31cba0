// What the stories in a real browser stand on: Chromium, a phone and a till, a finger that verifies, an inbox, a camera.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { dev, remember } from '../peers/dev.mjs';

const build = fileURLToPath(new URL('../../build/', import.meta.url));
const pictures = `${build}screenshots`;
const film = `${build}test/camera.mjpeg`;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Long enough for a busy machine; a condition that holds ends the wait at once. */
export const PATIENCE_MS = 60_000;

/** How often a page is looked at before what is wrong with it counts. */
const LOOKS = 6;

/**
 * The steps of one story, in order: once one has failed the others are not tried, for they stand on it. `devices()` are
 * photographed where it failed.
 */
export function story(devices) {
  let broken = null;
  return (name, run) => test(name, async () => {
    if (broken !== null) throw new Error(`not tried, because a step before it failed: ${broken}`);
    try {
      await run();
    } catch (error) {
      broken = name;
      for (const [who, device] of Object.entries(devices())) {
        await device?.page.screenshot({ path: `${pictures}/failed-${who}.png` }).catch(() => {});
        if (device) console.log(`${who} is at ${device.page.url()}; its scripts said: ${JSON.stringify(device.problems)}`);
      }
      throw error;
    }
  });
}

/** Chromium with a camera that films the file `showToCamera` writes. */
export async function openBrowser() {
  mkdirSync(pictures, { recursive: true });
  mkdirSync(`${build}test`, { recursive: true });
  rmSync(film, { force: true });
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  return chromium.launch({
    executablePath,
    args: [
      // Tests may run as root in a container, where Chromium's own sandbox cannot.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      `--use-file-for-fake-video-capture=${film}`,
    ],
  });
}

/** A page on a device of its own: its own cookies, storage and workers. Errors in its scripts fail the test. */
export async function openDevice(browser, { phone = false, locale = 'ja-JP', proxy = undefined } = {}) {
  const look = phone
    ? { viewport: { width: 390, height: 844 }, deviceScaleFactor: 3, isMobile: true, hasTouch: true }
    : { viewport: { width: 1280, height: 800 } };
  const context = await browser.newContext({ ...look, locale, proxy, timezoneId: 'Asia/Tokyo' });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
  page.on('console', (message) => {
    // A refusal is an ordinary answer here, though the browser reports its status as an error.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) problems.push(`${page.url()}: ${message.text()}`);
  });
  return { context, page, problems };
}

/**
 * An authenticator in the device, as a phone has one: it keeps passkeys and has verified its user. `transport: 'usb'` is a key that is
 * plugged in, whose passkeys are `synced` with nothing.
 */
export async function giveAuthenticator(device, { transport = 'internal', synced = transport === 'internal' } = {}) {
  const { context, page } = device;
  if (device.webauthn === undefined) {
    device.webauthn = await context.newCDPSession(page);
    await device.webauthn.send('WebAuthn.enable');
  }
  const session = device.webauthn;
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2', ctap2Version: 'ctap2_1', transport, hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: true, defaultBackupEligibility: synced, defaultBackupState: synced,
    },
  });
  return {
    /** Whether the finger is the right one from now on. */
    verify: (isUserVerified) => session.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),
    /** Whether it is there to be asked at all. */
    present: (enabled) => session.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled }),
    passkeys: async () => (await session.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
    /** Forgets all of them. */
    clear: () => session.send('WebAuthn.clearCredentials', { authenticatorId }),
    /** Takes a passkey of another device in, as a synchronised one arrives. */
    /** As a synchronised passkey is on two devices. The server refuses the slower of two counters: whoever signs next adopts it anew. */
    adopt: async (credential) => {
      await session.send('WebAuthn.removeCredential', { authenticatorId, credentialId: credential.credentialId }).catch(() => {});
      await session.send('WebAuthn.addCredential', { authenticatorId, credential });
    },
  };
}

let drawn = 0;
/**
 * The eight digits behind 070, 080 or 090 of a mobile number that nobody has. The first one is never 0: 0800 is a free call, which takes
 * no message, and a number made of the clock alone would begin so for hours.
 */
export function mobileDigits() {
  drawn += 1;
  return String(10_000_000 + (Date.now() * 10 + drawn) % 90_000_000);
}

/** Asks `check` until it answers with something, and returns that. */
export async function until(what, check) {
  const end_ms = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await check();
    if (found) return found;
    assert.ok(Date.now() < end_ms, `in vain waited for: ${what}`);
    await pause(40);
  }
}

/** The six digits that the newest message to `contact` carries. */
export async function codeFromInbox(contact) {
  const plain = (text) => text.replace(/[^0-9A-Za-z@.]/g, '').replace(/^81/, '0');
  const message = await until(`a message to ${contact}`, async () => {
    const answer = await fetch(new URL('/api/messages', dev.inbox_url));
    const { messages } = await answer.json();
    return messages.find((one) => plain(one.to) === plain(contact));
  });
  const code = message.text.match(/(?<!\d)\d{6}(?!\d)/)?.[0];
  assert.ok(code, 'the message carries six digits');
  return remember(code);
}

/** A screenshot under build/screenshots; returns its path. */
export async function picture(page, name, options = {}) {
  const path = `${pictures}/${name}.png`;
  await page.screenshot({ path, animations: 'disabled', caret: 'initial', ...options });
  return path;
}

/** What zbar reads on a picture: one text per symbol. */
export function readSymbols(path) {
  const text = execFileSync('zbarimg', ['--quiet', '--raw', '-Sdisable', '-Sqrcode.enable', '-Scode128.enable', path], { encoding: 'utf8' });
  return text.split('\n').filter(Boolean);
}

/** Holds an element of a page before every camera of this browser. */
export async function showToCamera(page, element) {
  await element.scrollIntoViewIfNeeded();
  const box = await element.boundingBox();
  const size = { width: 360, height: 360 };
  const clip = { x: Math.max(0, Math.round(box.x + box.width / 2 - size.width / 2)), y: Math.max(0, Math.round(box.y + box.height / 2 - size.height / 2)), ...size };
  const frame = await page.screenshot({ type: 'jpeg', quality: 95, scale: 'css', clip });
  // A film of one picture, again and again: Chromium plays JPEGs one behind the other.
  writeFileSync(`${film}.new`, Buffer.concat(Array.from({ length: 30 }, () => frame)));
  renameSync(`${film}.new`, film);
}

/** Fails with every violation that axe finds on the page as it stands. */
export async function assertAccessible(page, name) {
  await page.evaluate(axe);
  // A page in the middle of a change is not what is judged: what is wrong with it must still be wrong a moment later.
  let violations = [];
  for (let look = 0; look < LOOKS; look += 1) {
    if (look > 0) await pause(500);
    await atRest(page);
    violations = await page.evaluate(async () => {
      const found = await globalThis.axe.run(document, { resultTypes: ['violations'] });
      return found.violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((node) => `${node.html.slice(0, 160)} — ${node.failureSummary}`) }));
    });
    if (violations.length === 0) return;
  }
  assert.deepEqual(violations, [], `${name}: ${JSON.stringify(violations, null, 1)}`);
}

/** Resolves when everything that moves in has come to rest. */
export const atRest = (page) => page.evaluate(() => Promise.all(document.getAnimations()
  .filter((one) => Number.isFinite(one.effect?.getComputedTiming().endTime)).map((one) => one.finished.catch(() => {}))));

/** Resolves when the focus is on this element: what is typed before goes elsewhere. */
export const focusOn = (locator) => until(`the focus on ${locator}`, () => locator.evaluate((element) => element === document.activeElement).catch(() => false));

/** Looks at the page in both languages: a picture and axe for each; leaves it in Japanese. */
export async function lookInBothLanguages(page, name, options) {
  for (const [lang, word] of [['en', 'English'], ['ja', '日本語']]) {
    const choice = page.getByRole('group', { name: /表示言語|Language/ });
    if (await choice.count() > 0) {
      await choice.getByText(word, { exact: true }).click();
    } else {
      // This view has no switch of its own: the choice made elsewhere is remembered on the device.
      await page.evaluate((chosen) => localStorage.setItem('mamori.language', chosen), lang);
      await page.reload();
      await page.locator('main h1').first().waitFor({ state: 'attached' });
    }
    await page.waitForFunction((wanted) => document.documentElement.lang === wanted, lang);
    await lookAt(page, `${name}-${lang}`, options);
  }
}

/** A picture, and axe. */
export async function lookAt(page, name, options) {
  await assertAccessible(page, name);
  await picture(page, name, options);
}

/**
 * What the wallet's own script would send from a page of its origin, with the proof of the device; any other surface's page just sends.
 * `body` goes as it stands.
 */
export const sendAsPage = (page, path, body = null, { method = body === null ? 'GET' : 'POST', type = 'application/json' } = {}) => (
  page.evaluate(async ([to, how, what, kind]) => {
    const shell = await (await fetch('/')).text();
    const key = shell.match(/\/assets\/device-key\.[^"]+/)?.[0];
    const device = key === undefined ? null : await import(key);
    const once = async () => {
      const proof = device === null ? {} : { dpop: await device.proofOf(how, to) };
      const answer = await fetch(to, { method: how, body: what ?? undefined, headers: { ...proof, ...(what !== null && { 'content-type': kind }) } });
      device?.noteNonce(answer.headers);
      return answer;
    };
    let answer = await once();
    if (answer.headers.get('www-authenticate')?.includes('use_dpop_nonce')) answer = await once();
    return { status: answer.status, type: answer.headers.get('content-type') ?? '', text: await answer.text() };
  }, [path, method, body, type]));

/** Signs a new customer up on the phone; resolves when the home page is there. */
export async function signUp(page, contact, name) {
  await page.goto(dev.wallet_url);
  await page.locator('#contact').fill(contact);
  await page.keyboard.press('Enter');
  await page.locator('#code').fill(await codeFromInbox(contact));
  await page.locator('#display-name').fill(name);
  await page.keyboard.press('Enter');
  await page.locator('.balance-figure').waitFor();
}

/** This phone takes over from the one that the wallet pays from, with its passkey. */
export async function takeOver(page, words) {
  await page.getByRole('button', { name: words.device_take_over }).click();
  await page.getByRole('dialog').getByRole('button', { name: words.device_by_passkey }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

/** Enrols a till with a one-time code; resolves when it is ready to sell. */
export async function enrol(page, pairingCode) {
  await page.goto(dev.till_url);
  await page.locator('#pairing-code').fill(remember(pairingCode));
  await page.keyboard.press('Enter');
  await page.locator('#amount').waitFor();
}
