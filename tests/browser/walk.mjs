// Every page as people see it: wallet, till and console in both languages, light and dark, from a small phone to a desk, one
// picture each in build/walk/, and what can be told without an eye is told: text that is cut, targets too small for a finger,
// letters too faint, a word of the other language. `npm run walk` in tests/, against a running `mamori-lab dev --demo --json FILE`
// with MAMORI_DEV_JSON=FILE and the program as MAMORI_BIN; names of pages (`wallet`, `till`, `console`) walk these alone.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { consoleTexts } from '../../web/console/console-texts.js';
import { tillTexts } from '../../web/till/till-texts.js';
import { walletTexts } from './texts.mjs';
import { customer, dev, freshCode, remember } from '../peers/dev.mjs';
import { atRest, codeFromInbox, giveAuthenticator, openBrowser, openDevice, until } from './stage.mjs';

const album = fileURLToPath(new URL('../../build/walk/', import.meta.url));
const SIZES = [[320, 568], [390, 844], [1024, 768], [1440, 900]];
const PHONE_WIDTH = 600;
const CARD = { number: '4242 4242 4242 4242', expiry: '12/34', cvc: '123' };
/** Twenty-four digits that no phone shows. */
const STRANGE_CODE = '900099000000000000000099';

const faults = new Map();
let pictures = 0;
let looks = 0;
let tabStops = 0;

/** What an eye is not needed for. Runs in the page; every finding is one line. */
function inspect({ phone, lang, names }) {
  const found = [];
  const root = document.documentElement;
  // Behind an open sheet the page is out of reach.
  const sheet = [...document.querySelectorAll('dialog[open]')].at(-1);
  const scope = sheet ?? document.body;
  const told = (element) => {
    const text = (element.getAttribute('aria-label') ?? element.textContent).trim().replace(/\s+/g, ' ').slice(0, 50);
    const look = typeof element.className === 'string' && element.className ? `.${element.className.trim().replace(/\s+/g, '.')}` : '';
    return `${element.tagName.toLowerCase()}${look} «${text}»`;
  };
  const shown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const spokenOnly = (element) => element.closest('.spoken-only') !== null;
  const refused = ['.answer-refused .answer-title', '.answer-refused .answer-reason'].map((one) => document.querySelector(one));
  if (refused[0] !== null && new Set(refused.map((one) => getComputedStyle(one).fontSize)).size > 1) found.push('the reason is not as large as the title');
  if (root.scrollWidth > root.clientWidth) found.push(`the page is ${root.scrollWidth} px wide`);
  if (document.title.trim() === '') found.push('no title');
  if (root.lang !== lang) found.push(`the document says it is ${root.lang}`);
  if (![...document.querySelectorAll('h1')].some((one) => one.textContent.trim() !== '')) found.push('no h1');

  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return text.startsWith('color(srgb') ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  };
  const over = ([r, g, b, a], [br, bg, bb]) => [r * a + br * (1 - a), g * a + bg * (1 - a), b * a + bb * (1 - a)];
  const light = (rgb) => {
    const [r, g, b] = rgb.map((one) => (one / 255 <= 0.03928 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const layer = parse(getComputedStyle(one).backgroundColor);
      layers.push(layer);
      if (layer[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const JAPANESE = /[\u3040-\u30ff\u3400-\u9fff]/;
  for (const input of scope.querySelectorAll('input')) {
    if (shown(input) && input.scrollWidth > input.clientWidth + 1 && document.activeElement !== input) found.push(`cut off in its field: ${input.id}`);
  }
  const qr = document.querySelector('.code-qr img');
  if (sheet === undefined && qr !== null && shown(qr) && scrollY === 0 && document.querySelector('.stop-line') === null) {
    const foot = document.querySelector('.tabs')?.getBoundingClientRect().top ?? innerHeight;
    if (qr.getBoundingClientRect().bottom > (phone ? foot : innerHeight)) found.push('the QR code is cut');
  }
  const ENGLISH = /\b[a-z]{2,}(?:[ ,]+(?:[a-z]{2,}|[a-z])){2,}/i;
  const withoutNames = (text) => names.reduce((rest, name) => rest.replaceAll(name, ''), text);
  const walker = document.createTreeWalker(scope, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    const text = node.textContent.trim();
    if (text === '' || !shown(element) || ['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(element.tagName)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) continue;
    const plain = withoutNames(text);
    const other = lang === 'en' ? JAPANESE.test(plain) && element.closest('[lang="ja"]:not(html)') === null
      : ENGLISH.test(plain) && element.closest('[lang="en"]:not(html)') === null;
    if (other) found.push(`the other language: «${text.slice(0, 60)}»`);
    if (spokenOnly(element)) continue;
    // Cut off: by itself or by whatever it stands in.
    for (let one = element; one && one !== scope.parentElement; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (style.position === 'fixed') break;
      if (!['hidden', 'clip'].includes(style.overflowX)) continue;
      const edge = one.getBoundingClientRect();
      if (box.right > edge.right + 1 || box.left < edge.left - 1) {
        const excused = style.textOverflow === 'ellipsis' && one.title !== '';
        if (!excused) found.push(`cut off: ${told(element)} in ${told(one).split(' ')[0]}`);
        break;
      }
      if (style.overflowY === 'hidden' && one !== root && one !== document.body && box.bottom > edge.bottom + 2) {
        found.push(`cut off below: ${told(element)} in ${told(one).split(' ')[0]}`);
        break;
      }
    }
    if (box.right > root.clientWidth + 1 && !element.closest('.table-scroll, .console-nav')) found.push(`beside the page: ${told(element)}`);
    // Contrast.
    if (element.closest('[disabled], [aria-disabled="true"]')) continue;
    const style = getComputedStyle(element);
    let alpha = 1;
    for (let one = element; one; one = one.parentElement) alpha *= Number(getComputedStyle(one).opacity);
    const below = ground(element);
    const colour = parse(style.color);
    const ink = over([...colour.slice(0, 3), colour[3] * alpha], below);
    const [high, low] = [light(ink), light(below)].sort((a, b) => b - a);
    const size = Number.parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) found.push(`faint (${ratio.toFixed(2)}): ${told(element)}`);
  }
  if (phone) {
    for (const element of scope.querySelectorAll('a[href], button, input, select, textarea, summary, [role="switch"], [role="button"]')) {
      if (!shown(element) || spokenOnly(element) || element.disabled) continue;
      const label = ['radio', 'checkbox'].includes(element.type) ? element.closest('label') ?? document.querySelector(`label[for="${element.id}"]`) : null;
      const { width, height } = (label ?? element).getBoundingClientRect();
      if (width === 0 || height === 0) continue;
      const inline = getComputedStyle(element).display === 'inline';
      const least = inline ? 24 : 40;
      if (height < least - 0.5 || width < least - 0.5) found.push(`small target ${Math.round(width)}×${Math.round(height)}: ${told(element)}`);
    }
  }
  return [...new Set(found)];
}

/** Where Tab leads first, and whether it shows. */
async function firstTabStop(page) {
  await page.evaluate(() => { document.activeElement?.blur?.(); });
  await page.keyboard.press('Tab');
  // Behind the last stop the browser's own bar comes, and then the first one.
  if (await page.evaluate(() => document.activeElement === document.body)) await page.keyboard.press('Tab');
  return page.evaluate(() => {
    const one = document.activeElement;
    if (one === null || one === document.body) return 'Tab leads nowhere';
    const style = getComputedStyle(one);
    const ringed = one.matches(':focus-visible') && (style.outlineStyle !== 'none' || style.boxShadow !== 'none');
    return ringed ? null : `nothing shows the focus on ${one.tagName.toLowerCase()} «${one.textContent.trim().slice(0, 40)}»`;
  });
}

/** Names of shops and people are in whatever language they were given. */
const names = new Set(['日本語', 'English', 'Mamori', '守り', ...(process.env.WALK_NAMES ?? '').split(',').filter(Boolean)]);
function learnNames(thing) {
  if (Array.isArray(thing)) thing.forEach(learnNames);
  else if (thing !== null && typeof thing === 'object') {
    for (const [key, value] of Object.entries(thing)) {
      if (typeof value === 'string' && /name|merchant|store|till|customer|text|reason|town|by/.test(key)) names.add(value);
      else learnNames(value);
    }
  }
}
learnNames(dev);
const longestFirst = () => [...names].filter((name) => name.length > 1).sort((one, other) => other.length - one.length);

/** Listens to what the server calls things. */
function learnFrom(page) {
  page.on('response', async (answer) => {
    if (!new URL(answer.url()).pathname.startsWith('/api/') || !answer.ok()) return;
    learnNames(await answer.json().catch(() => null));
  });
}

/** One stop: all sizes, light and dark. */
async function stop(page, surface, name, lang, { tab = true, bilingual = false, schemes = ['light', 'dark'] } = {}) {
  const before = page.viewportSize();
  looks += 1;
  for (const [width, height] of SIZES) {
    await page.setViewportSize({ width, height });
    for (const scheme of schemes) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.evaluate(() => new Promise((drawn) => { requestAnimationFrame(() => requestAnimationFrame(drawn)); }));
      await atRest(page);
      const phone = width < PHONE_WIDTH;
      const told = await page.evaluate(inspect, { phone, lang, names: longestFirst() });
      for (const one of told) {
        if (bilingual && /^(the other language|the document says)/.test(one)) continue;
        const key = `${surface} ${name} ${lang}: ${one}`;
        faults.set(key, [...(faults.get(key) ?? []), `${width}${scheme === 'dark' ? 'd' : ''}`]);
      }
      await page.screenshot({ path: `${album}${surface}-${name}-${lang}-${width}-${scheme}.png`, animations: 'disabled', scale: 'css' });
      pictures += 1;
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(before);
  if (!tab) return;
  tabStops += 1;
  const told = await firstTabStop(page);
  if (told !== null) faults.set(`${surface} ${name} ${lang}: ${told}`, ['tab']);
}

const button = (page, name) => page.getByRole('button', { name, exact: true });
const sheetOf = (page) => page.getByRole('dialog').last();
async function shut(page) {
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

async function openIn(browser, lang, address, options = {}) {
  const device = await openDevice(browser, { locale: lang === 'ja' ? 'ja-JP' : 'en-GB', ...options });
  device.context.setDefaultTimeout(20_000);
  device.finger = await giveAuthenticator(device);
  learnFrom(device.page);
  await device.page.goto(address);
  return device;
}

/** A page of the wallet or of the console, by its word behind `#`. */
async function goTo(page, base, hash, ready) {
  await page.goto(new URL(hash === '' ? '/' : `/#${hash}`, base).href);
  await page.locator(ready).first().waitFor();
  await page.waitForLoadState('networkidle');
}

/** A step that does not come about is told, and the walk goes on. */
async function attempt(what, run) {
  try {
    await run();
  } catch (error) {
    const [, line] = /walk\.mjs:(\d+)/.exec(error.stack) ?? [];
    faults.set(`${what}: not reached`, [`line ${line}: ${String(error.message).split('\n')[0]}`]);
  }
}

async function walkWallet(browser, lang) {
  const words = walletTexts[lang];
  const look = (name, options) => stop(page, 'wallet', name, lang, options);
  const device = await openIn(browser, lang, dev.wallet_url, { phone: true });
  const { page, context } = device;
  await page.locator('#contact').waitFor();
  await look('welcome');
  await page.locator('#contact').fill('abc');
  await page.keyboard.press('Enter');
  await page.getByText(words.contact_wrong).waitFor();
  await look('welcome-wrong');
  const contact = `walk-${lang}-${Date.now()}@example.com`;
  names.add(contact);
  await page.locator('#contact').fill(contact);
  await page.keyboard.press('Enter');
  await page.locator('#code').waitFor();
  await look('prove');
  await page.locator('#code').fill('000000');
  await page.locator('#display-name').fill(lang === 'ja' ? '山田 花子' : 'Hanako Yamada');
  names.add('山田 花子').add('Hanako Yamada');
  await page.keyboard.press('Enter');
  await page.locator('#code[aria-invalid="true"]').waitFor();
  await look('prove-wrong');
  await page.locator('#code').fill(await codeFromInbox(contact));
  await page.keyboard.press('Enter');
  await page.locator('.code-barcode img').waitFor();
  await look('home-empty');
  await goTo(page, dev.wallet_url, 'history', '.history');
  await look('history-empty');
  await goTo(page, dev.wallet_url, '', '.code-barcode img');

  await button(page, words.top_up).click();
  await sheetOf(page).waitFor();
  await look('top-up');
  await page.getByLabel(words.top_up_free).fill('5');
  await look('top-up-typing');
  await page.keyboard.press('Enter');
  await look('top-up-too-small');
  await page.getByLabel(words.top_up_free).fill('30000');
  await page.keyboard.press('Enter');
  await page.locator('input[name=number]').waitFor();
  await look('card-page');
  await page.goBack();
  await page.locator('.open-top-up').waitFor();
  await look('top-up-open');
  await page.getByRole('link', { name: words.top_up_go_on }).click();
  for (const [name, value] of Object.entries(CARD)) await page.locator(`input[name=${name}]`).fill(value);
  await page.locator('button.pay').click();
  await page.getByRole('heading', { name: words.top_up_succeeded }).waitFor();
  await look('top-up-done');
  await button(page, words.to_home).click();
  await page.locator('.code-barcode img').waitFor();
  await look('home');
  await button(page, words.show_number).click();
  await look('code-number');
  await button(page, words.enlarge_barcode).click();
  await sheetOf(page).waitFor();
  await look('code-large');
  await shut(page);

  // Paid, refused, refunded, voided: by a till of the demo.
  const pay = await cashier(browser, lang);
  const code = async () => {
    await page.locator('.code-barcode img').waitFor();
    await page.waitForLoadState('networkidle');
    return (await page.locator('.code-number').textContent()).replace(/\s/g, '');
  };
  await attempt(`wallet ${lang} paid`, async () => {
    await pay.charge(1_280, code);
    await page.getByRole('dialog', { name: words.paid }).waitFor();
    await look('paid');
    await button(sheetOf(page), words.done).click();
  });
  await attempt(`wallet ${lang} refused`, async () => {
    await pay.charge(90_000, code, 'balance_too_small');
    await page.getByRole('dialog', { name: words.payment_refused }).waitFor();
    const sizes = await Promise.all(['.result-sheet h2', '.result-reason'].map((one) => page.locator(one).evaluate((element) => getComputedStyle(element).fontSize)));
    if (sizes[0] !== sizes[1]) faults.set(`wallet refused: the reason is not as large as the title: ${sizes}`, []);
    await look('refused');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });
  await attempt(`wallet ${lang} refunded`, async () => {
    await pay.giveBack('refund', 280);
    await page.getByRole('dialog', { name: words.refunded }).waitFor();
    await look('refunded');
    await button(sheetOf(page), words.done).click();
    await pay.charge(540, code);
    await button(page.getByRole('dialog', { name: words.paid }), words.done).click();
    await pay.giveBack('void');
    await page.getByRole('dialog', { name: words.cancelled }).waitFor();
    await look('cancelled');
    await button(sheetOf(page), words.done).click();
  });
  await goTo(page, dev.wallet_url, 'history', '.entry');
  await look('history');
  await page.locator('.filters').getByText(words.filter_refunds, { exact: true }).click();
  await look('history-refunds');
  await page.locator('.filters').getByText(words.filter_all, { exact: true }).click();
  await page.locator('.entry').nth(2).click();
  await sheetOf(page).waitFor();
  await look('receipt');
  await shut(page);
  for (const [hash, ready] of [['settings', '.sessions li, .sessions p'], ['passkeys', 'main li'], ['contacts', '.contact-name, .nothing'], ['activity', '.activity, main li'], ['help', 'main h1'], ['terms', 'main h1']]) {
    await goTo(page, dev.wallet_url, hash, ready);
    await look(hash);
  }
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await look('terms-end');
  await goTo(page, dev.wallet_url, 'settings', '.sessions li, .sessions p');
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await look('settings-end');
  await page.goto(new URL('/top-up/999999', dev.wallet_url).href);
  await page.getByRole('heading', { name: words.top_up_unknown }).waitFor();
  await look('top-up-unknown');
  await page.goto(new URL('/app/opa/user_authorization', dev.wallet_url).href);
  await page.getByRole('heading', { name: words.permission_not_possible }).waitFor();
  await look('permission-gone');
  await goTo(page, dev.wallet_url, '', '.code-barcode img');
  await context.setOffline(true);
  await button(page, words.freeze).click();
  await page.getByText(words.not_stopped_yet, { exact: true }).waitFor();
  await look('not-stopped-yet');
  await context.setOffline(false);
  await page.getByRole('heading', { name: words.frozen_title }).waitFor();
  await look('frozen');
  await button(page, words.unfreeze).click();
  await page.locator('.code-barcode img').waitFor();
  await context.setOffline(true);
  await page.goto(new URL('/offline.html', dev.wallet_url).href).catch(() => {});
  await attempt(`wallet ${lang} offline`, async () => {
    await page.reload();
    await look('offline-reload', { tab: false, bilingual: true });
  });
  await context.setOffline(false);
  await goTo(page, dev.wallet_url, 'settings', '.sessions li, .sessions p');
  // Otherwise the offer in the autofill list would sign in again at once.
  await device.finger.present(false);
  await button(page, words.sign_out).click();
  await button(page, words.newcomer).waitFor();
  await look('welcome-back');
  await pay.leave();
  await context.close();
}

/** A till behind the scenes: what its page would ask for. */
async function cashier(browser, lang) {
  const { page, context } = await openDevice(browser, {});
  learnFrom(page);
  await page.goto(dev.till_url);
  await page.locator('#pairing-code').fill(remember(dev.merchant.tills[lang === 'ja' ? 3 : 4].pairing_code));
  await page.keyboard.press('Enter');
  await page.locator('#amount').waitFor();
  let last = null;
  const post = (path, body) => page.evaluate(async ([to, what]) => {
    const answer = await fetch(to, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ key: crypto.randomUUID(), ...what }) });
    return { status: answer.status, body: await answer.json() };
  }, [path, body]);
  return {
    /** A phone that has just shown something else has a new code in a moment: the one before is refused as replaced. */
    async charge(amount, code, wanted = 'payment_id') {
      await until(`${wanted} for ${amount}`, async () => {
        const { status, body } = await post('/api/charge', { amount, code: remember(await code()) });
        if (status === 200) last = body.payment_id;
        return JSON.stringify(body).includes(wanted);
      });
    },
    async giveBack(how, amount) {
      const { status, body } = await post(`/api/${how}`, how === 'refund' ? { payment_id: last, amount, reason: 'return' } : { payment_id: last });
      if (status !== 200) throw new Error(`${how}: ${status} ${JSON.stringify(body)}`);
    },
    leave: () => context.close(),
  };
}

async function walkTill(browser, lang) {
  const words = tillTexts[lang];
  const device = await openIn(browser, lang, dev.till_url);
  const { page, context } = device;
  const look = (name, options) => stop(page, 'till', name, lang, options);
  await page.locator('#pairing-code').waitFor();
  await look('enrol');
  await page.locator('#pairing-code').fill('123456789012');
  await page.keyboard.press('Enter');
  await until('a complaint', async () => (await page.locator('.enrol .problem').textContent()) !== '');
  await look('enrol-wrong');
  await page.locator('#pairing-code').fill(remember(dev.merchant.tills[lang === 'ja' ? 0 : 1].pairing_code));
  await page.keyboard.press('Enter');
  await page.locator('#amount').waitFor();
  await page.waitForLoadState('networkidle');
  await look('sale');
  await page.locator('#amount').press('Enter');
  await look('sale-without-amount');
  const sell = async (amount, code) => {
    await page.locator('#amount').fill(String(amount));
    // It goes by itself at the last digit.
    await page.locator('#code').fill(code);
  };
  const next = () => until('the next sale', async () => {
    await button(page, words.next_sale).click({ timeout: 2_000 }).catch(() => {});
    return page.locator('#amount').isVisible();
  });
  await page.locator('#amount').fill('1280');
  await look('sale-amount');
  await sell(1_280, remember(freshCode(customer().name)));
  await page.locator('.answer-paid').waitFor();
  await look('paid');
  await next();
  await sell(2_500, STRANGE_CODE);
  await page.locator('.answer-refused').waitFor();
  await look('refused');
  await next();
  let silent = true;
  await page.route('**/api/charge', (route) => (silent ? route.abort() : route.continue()));
  await sell(330, remember(freshCode(customer().name)));
  await page.getByRole('heading', { name: words.unknown }).waitFor();
  await look('unknown');
  await attempt(`till ${lang} parked`, async () => {
    await button(page, words.park).click();
    await page.locator('#amount').waitFor();
    await look('parked');
  });
  silent = false;
  await page.unroute('**/api/charge');
  await attempt(`till ${lang} parked paid`, async () => {
    await page.locator('.sale-news').waitFor();
    await look('parked-paid');
  });
  await page.reload();
  await page.locator('.payments button').first().waitFor();
  await page.locator('.payments button').first().click();
  await sheetOf(page).waitFor();
  await look('payment');
  await attempt(`till ${lang} receipt`, async () => {
    await button(sheetOf(page), words.receipt).click();
    await look('receipt');
    await button(sheetOf(page), words.back).click();
  });
  await attempt(`till ${lang} void`, async () => {
    await button(sheetOf(page), words.void).click();
    await look('void');
    await button(sheetOf(page), words.back).click();
  });
  await attempt(`till ${lang} refund`, async () => {
    await button(sheetOf(page), words.refund).click();
    await look('refund');
    await sheetOf(page).getByLabel(words.refund_amount).fill('99999');
    await look('refund-wrong');
    await shut(page);
  });
  await button(page, words.search_title).click();
  await sheetOf(page).waitFor();
  await look('search');
  await button(sheetOf(page), words.search_go).click();
  await page.waitForLoadState('networkidle');
  await look('search-found');
  await sheetOf(page).locator('#search-number').fill('99999999');
  await button(sheetOf(page), words.search_go).click();
  await sheetOf(page).getByText(words.search_none).waitFor();
  await look('search-none');
  await shut(page);
  await button(page, words.day_close).click();
  await sheetOf(page).locator('.paper').waitFor();
  await look('day-close');
  await shut(page);
  await attempt(`till ${lang} camera`, async () => {
    await page.locator('#amount').fill('500');
    await button(page, words.camera).first().click();
    await sheetOf(page).waitFor();
    await look('camera', { schemes: ['light'] });
    await shut(page);
  });
  await attempt(`till ${lang} offline`, async () => {
    await page.waitForLoadState('networkidle');
    await context.setOffline(true);
    await page.reload();
    await page.getByRole('alert').filter({ hasText: /./ }).first().waitFor();
    await look('offline', { tab: false });
    await context.setOffline(false);
  });
  await context.close();
}

async function walkConsole(browser) {
  const device = await openIn(browser, 'ja', dev.console_url);
  const { page, context } = device;
  const both = async (run) => {
    for (const lang of ['ja', 'en']) {
      await page.evaluate((code) => localStorage.setItem('mamori.language', code), lang);
      await page.reload();
      await page.locator('main h1, header h1').first().waitFor();
      await run(lang, (name, options) => stop(page, 'console', name, lang, options), consoleTexts[lang]);
    }
  };
  await both((lang, look) => look('sign-in'));
  await page.goto('about:blank');
  remember(new URL(dev.console_link).hash.replace(/^#link=/, ''));
  await page.evaluate(() => {});
  await page.goto(dev.console_link);
  await page.getByRole('heading', { name: consoleTexts.en.first_title }).waitFor();
  await stop(page, 'console', 'first', 'en');
  await page.locator('.sign-in-card .button').first().click();
  await page.locator('.card-sales').waitFor();
  const open = (hash, ready) => goTo(page, dev.console_url, hash, ready);
  await both(async (lang, look, words) => {
    await open('today', '.card-sales');
    await look('today');
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await look('today-end');
    await open('payments', '.payment-row');
    await look('payments');
    await page.locator('.payment-row').first().scrollIntoViewIfNeeded();
    await look('payments-rows');
    await page.getByLabel(words.payments_amount).fill('99999');
    await page.keyboard.press('Enter');
    await page.getByText(words.no_payments_found).waitFor();
    await look('payments-none');
    await open('merchants', '.merchants li');
    await look('merchants');
    await button(page, words.add_merchant).click();
    await sheetOf(page).waitFor();
    await look('add-merchant');
    await shut(page);
    await page.locator('.merchants a').first().click();
    await page.locator('.store').first().waitFor();
    await look('merchant');
    await page.locator('details.store summary').first().click();
    await look('store');
    await attempt(`console ${lang} pairing`, async () => {
      await page.locator('details.store[open] .till-row .button').first().click();
      await sheetOf(page).waitFor();
      await look('till-sheet');
      await shut(page);
    });
    await attempt(`console ${lang} describe`, async () => {
      await page.getByRole('button', { name: new RegExp(`^${words.describe_store}`) }).first().click();
      await look('describe-store');
      await shut(page);
    });
    await page.locator('.keys').scrollIntoViewIfNeeded();
    await look('keys');
    await button(page, words.make_key).click();
    await look('make-key');
    await shut(page);
    await open('operators', '.operator-row');
    await look('operators');
    await button(page, words.invite).click();
    await look('invite');
    await shut(page);
    await open('approvals', '.card-approvals');
    await look('approvals-none');
    await open('own', '.card-own-passkeys');
    await look('own');
    await open('customers', '#wallet-number');
    await look('customers');
    await page.locator('#wallet-number').fill('1234567890');
    await page.keyboard.press('Enter');
    await page.getByText(words.no_such_wallet).waitFor();
    await look('customer-none');
    await page.locator('#wallet-number').fill(customer().wallet_id);
    await page.keyboard.press('Enter');
    await page.locator('.customer .rows').waitFor();
    await page.waitForLoadState('networkidle');
    await look('customer');
    await button(page, words.freeze).click();
    await look('freeze');
    await shut(page);
    await button(page, words.erase).click();
    await look('erase');
    await shut(page);
    await button(page, words.open_history).click();
    await look('open-history');
    names.add('walk');
    await sheetOf(page).locator('#new-name').fill('walk');
    await page.keyboard.press('Enter');
    await page.locator('.card-history .payment-row').first().waitFor();
    await page.locator('.card-history').scrollIntoViewIfNeeded();
    await look('customer-history');
    await page.locator('.card-notes').scrollIntoViewIfNeeded();
    await look('customer-notes');
    await page.locator('#find-by').selectOption('contact');
    await page.evaluate(() => scrollTo(0, 0));
    await look('customers-contact');
    await open('acts', '.acts-form');
    await look('acts');
    await page.getByLabel(words.search_acts_by).selectOption('day');
    await page.locator('.act-row').first().waitFor();
    await look('acts-day');
  });
  await context.close();
}

const wanted = process.argv.slice(2);
const walks = (name) => wanted.length === 0 || wanted.includes(name);
if (wanted.length === 0) rmSync(album, { recursive: true, force: true });
mkdirSync(album, { recursive: true });
const browser = await openBrowser();
try {
  for (const lang of ['ja', 'en']) {
    if (walks('wallet')) await attempt(`wallet ${lang}`, () => walkWallet(browser, lang));
    if (walks('till')) await attempt(`till ${lang}`, () => walkTill(browser, lang));
  }
  if (walks('console')) await attempt('console', () => walkConsole(browser));
} finally {
  await browser.close();
}
const lines = [...faults].map(([what, where]) => `${what} [${where.join(' ')}]`);
writeFileSync(`${album}faults.txt`, `${lines.join('\n')}\n`);
console.log(lines.join('\n'));
console.log(`${looks} states, ${pictures} pictures, ${tabStops} first tab stops, ${lines.length} faults; see build/walk/`);
process.exitCode = lines.length === 0 ? 0 : 1;
