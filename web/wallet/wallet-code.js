// The card with the payment code: what is drawn for each state of `wallet-code-state.js`, and what its effects do. The
// digits are held in its state alone and never stored.

import { Refused, post, sentenceOf } from '/assets/api.js';
import { h, own, patch } from '/assets/draw.js';
import { announce, el } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { t } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';
import { openSheet } from '/assets/sheet.js';
import { beginCode, updateCode } from '/assets/wallet-code-state.js';

/** @import { Child, Machine } from '../types/pages.js' */
/** @import { Clocks, CodeEvent, CodeState, Held } from '/assets/wallet-code-state.js' */

/** @typedef {(event: CodeEvent) => void} Send */

const ANSWER_MS = 6_000;
const ENDING_MS = 10_000;
// A phone that is lower than this many CSS pixels, and what stands above, between and below the codes on one.
const SHORT = 700;
const BESIDE_QR = 400;
const RING = 2 * Math.PI * 10;

/** The drawing with another size. @param {string} svgText @param {Record<string, string | number>} size */
function sized(svgText, size) {
  return svgText.replace(/<svg\b([^>]*)>/, (_, attributes) => {
    const kept = attributes.replace(/\s(?:width|height|preserveAspectRatio|shape-rendering)="[^"]*"/g, '');
    const namespace = /\sxmlns="/.test(kept) ? '' : ' xmlns="http://www.w3.org/2000/svg"';
    const set = Object.entries(size).map(([name, value]) => ` ${name}="${value}"`).join('');
    return `<svg${namespace}${kept}${set} shape-rendering="crispEdges">`;
  });
}

/**
 * An image whose modules are whole device pixels: scanners read edges, and a blurred edge is a wrong bar.
 * @param {string} svgText
 * @param {{ width: number, height: number | null, alt: string, className: string, stretch?: boolean }} look
 */
function crispImage(svgText, { width, height, alt, className, stretch = false }) {
  const box = svgText.match(/viewBox="\s*[-\d.]+[\s,]+[-\d.]+[\s,]+([\d.]+)[\s,]+([\d.]+)/);
  const units = box ? Number(box[1]) : 0;
  const density = window.devicePixelRatio || 1;
  // A turned barcode has its modules along the height, which its caller has measured.
  const per_unit = units > 0 && !stretch ? Math.floor((width * density) / units) : 0;
  const shown_width = per_unit >= 1 ? (units * per_unit) / density : width;
  const shown_height = height === null ? shown_width : Math.round(height * density) / density;
  const root = sized(svgText, {
    width: shown_width * density, height: shown_height * density,
    preserveAspectRatio: height === null ? 'xMidYMid' : 'none',
  });
  const src = `data:image/svg+xml;base64,${btoa(root)}`;
  const image = el('img', { class: className, alt, draggable: 'false', src });
  image.style.width = `${shown_width}px`;
  image.style.height = `${shown_height}px`;
  return image;
}

/** Width and height of a drawing in its own units. @param {string} svgText */
function unitsOf(svgText) {
  const [, width, height] = svgText.match(/viewBox="0 0 (\d+) (\d+)"/) ?? [];
  return { width: Number(width), height: Number(height) };
}

/** The same drawing turned by a quarter: its length runs down the screen. @param {string} svgText */
function turned(svgText) {
  const { width, height } = unitsOf(svgText);
  return svgText
    .replace(/viewBox="[^"]*"/, `viewBox="0 0 ${height} ${width}"`)
    .replace(/(<svg\b[^>]*>)([\s\S]*)(<\/svg>)/, `$1<g transform="translate(${height} 0) rotate(90)">$2</g>$3`);
}

/** The barcode as long as the screen allows, for scanners that cannot read thin bars. @param {string} barcode_svg */
function longBarcode(barcode_svg) {
  const upright = window.innerHeight > window.innerWidth;
  const units = unitsOf(barcode_svg).width;
  const density = window.devicePixelRatio || 1;
  // Head, countdown and the sheet's own edges take the rest.
  const room = upright ? window.innerHeight * 0.92 - 132 : Math.min(window.innerWidth - 72, 1_024);
  const length = (units * Math.max(1, Math.floor((room * density) / units))) / density;
  const thickness = Math.round(Math.min(150, window.innerWidth * 0.4, window.innerHeight * 0.45));
  const look = { alt: t('barcode_alt'), className: 'code-image' };
  return upright
    ? crispImage(turned(barcode_svg), { ...look, width: thickness, height: length, stretch: true })
    : crispImage(barcode_svg, { ...look, width: room, height: thickness });
}

/** @param {Held} held */
const secondsInWords = ({ left_ms }) => t('code_seconds', { seconds: Math.ceil(left_ms / 1_000) });

/** @param {CodeState} state @returns {Child[]} */
function drawLarge({ held, room, density }) {
  return held === null ? [] : [
    h('div', { class: 'code-large-place' },
      own(`large ${held.code} ${room} ${density}`, () => longBarcode(held.barcode_svg))),
    h('p', { class: 'code-seconds number' }, secondsInWords(held)),
  ];
}

/**
 * How large both are drawn: on a small phone so that they stand above the tabs, whole.
 * @param {CodeState} state
 */
const sizes = ({ room, tall }) => ({
  barcode: tall < SHORT ? 76 : 92,
  qr: Math.max(120, Math.min(room - 32, 216, tall - BESIDE_QR)),
});

/** @param {CodeState} state @returns {[barcode: Child, qr: Child]} */
function codeImages(state) {
  const { held, room, density } = state;
  if (held === null || room === 0) return [null, null];
  const { barcode, qr } = sizes(state);
  const name = `${held.code} ${room} ${density}`;
  return [
    own(`barcode ${name} ${barcode}`, () => crispImage(held.barcode_svg,
      { width: room, height: barcode, alt: t('barcode_alt'), className: 'code-image' })),
    own(`qr ${name} ${qr}`, () => crispImage(held.qr_svg,
      { width: qr, height: null, alt: t('qr_alt'), className: 'code-image' })),
  ];
}

/** @param {Held | null} held */
function ring(held) {
  const left = held === null ? 1 : Math.min(1, held.left_ms / held.life_ms);
  const circle = { cx: 12, cy: 12, r: 10 };
  return h('svg', { viewBox: '0 0 24 24', class: 'ring', 'aria-hidden': 'true', focusable: 'false' },
    h('circle', { ...circle, class: 'ring-track' }),
    h('circle', {
      ...circle, class: 'ring-left', 'stroke-dasharray': RING.toFixed(2), transform: 'rotate(-90 12 12)',
      style: { strokeDashoffset: String(RING * (1 - left)) },
    }));
}

/** @param {CodeState} state @param {Send} send */
function codeLife({ held }, send) {
  const renew = h('button', {
    type: 'button', class: 'round-button', 'aria-label': t('renew_code'), title: t('renew_code'),
    on: { click: () => send({ is: 'renew', spoken: true }) },
  }, own('refresh', () => icon('refresh')));
  return h('div', { class: 'code-life' }, ring(held),
    h('div', { class: 'code-life-words' },
      h('span', { class: 'code-seconds number', role: 'timer', 'aria-live': 'off' }, held && secondsInWords(held)),
      h('span', { class: 'small soft-on-white' }, t('code_renews'))),
    renew);
}

/** @param {CodeState} state @param {Send} send */
function codeFoot({ held, number_open }, send) {
  return h('div', { class: 'code-foot' },
    h('button', {
      type: 'button', class: 'text-button code-number-button', 'aria-expanded': String(number_open),
      on: { click: () => send({ is: 'toggle_number' }) },
    }, t(number_open ? 'hide_number' : 'show_number')),
    h('p', { class: 'code-number number', hidden: !number_open }, held && held.code.replace(/(\d{4})(?=\d)/g, '$1 ')));
}

/** @param {CodeState} state @param {Send} send */
function drawBlank({ held, blank }, send) {
  const failed = blank.is === 'failed';
  const words = failed ? [h('strong', {}, t('code_failed')), h('br'), sentenceOf(blank.error)] : t(`code_${blank.is}`);
  return h('div', { class: 'code-blank', hidden: held !== null },
    h('span', { class: 'spinner', 'aria-hidden': 'true', hidden: blank.is !== 'loading' }),
    h('p', {}, words),
    h('button', {
      type: 'button', class: 'button', hidden: !failed, on: { click: () => send({ is: 'renew', spoken: true }) },
    }, own('refresh', () => icon('refresh')), t('try_again')));
}

/** @param {CodeState} state @param {Send} send @returns {Child[]} */
export function drawCode(state, send) {
  const [barcode, qr] = codeImages(state);
  const size = sizes(state);
  // The place of a code that is not there yet is as large as the code will be: nothing moves when it comes.
  return [
    h('p', { class: 'code-caption' }, own('scan', () => icon('scan')), t('show_to_cashier')),
    h('div', { class: `code-face${state.held === null ? ' code-awaited' : ''}` },
      h('button', {
        type: 'button', class: 'code-barcode', 'aria-label': t('enlarge_barcode'), style: { height: `${size.barcode}px` },
        on: { click: () => send({ is: 'enlarge' }) },
      }, barcode),
      codeLife(state, send),
      h('div', { class: 'code-qr', style: { height: `${size.qr}px` } }, qr),
      codeFoot(state, send)),
    drawBlank(state, send),
  ];
}

/** @returns {Clocks} */
const clocks = () => ({ page_ms: performance.now(), wall_ms: Date.now() });

const askForCode = () => ({ asked: clocks(), answer: post('/api/code', {}, ANSWER_MS) });

/** The first code, asked for before the page knows more of the wallet. @type {ReturnType<typeof askForCode> | null} */
let ahead = null;

/** Asks for the first code at once: it does not wait for the answer that tells of the wallet. */
export function askAhead() {
  const asked = askForCode();
  ahead = asked;
  // A refusal is no answer for later: what it was for may be over when a card is shown.
  asked.answer.catch(() => { if (ahead === asked) ahead = null; });
}

/** @param {{ spoken: boolean }} effect @returns {Promise<CodeEvent>} */
async function issue({ spoken }) {
  const { asked, answer } = ahead ?? askForCode();
  ahead = null;
  try {
    return { is: 'answered', code: await answer, asked, spoken };
  } catch (error) {
    return { is: 'failed', error, refused: error instanceof Refused, clocks: clocks() };
  }
}

/** Keeps the screen on while the card lives. A page without a code lets it sleep. */
function wakefulness() {
  /** @type {WakeLockSentinel | null} */
  let lock = null;
  let over = false;
  const release = () => lock?.release().catch(() => {});
  return {
    async keep() {
      try {
        lock = await navigator.wakeLock?.request('screen') ?? null;
        if (over) release();
      } catch { /* a screen that dims is still readable */ }
    },
    end() {
      over = true;
      release();
    },
  };
}

/**
 * Tells what happens to the page around the card; returns the end of telling.
 * @param {HTMLElement} element @param {Send} send
 */
function watchPage(element, send) {
  const seen = () => send({ is: document.visibilityState === 'hidden' ? 'hidden' : 'seen' });
  const hidden = () => send({ is: 'hidden' });
  const online = () => send({ is: 'online' });
  const resized = new ResizeObserver(() => {
    const tall = document.documentElement.clientHeight;
    send({ is: 'measured', room: element.clientWidth, tall, density: window.devicePixelRatio || 1 });
  });
  document.addEventListener('visibilitychange', seen);
  window.addEventListener('pagehide', hidden);
  document.addEventListener('freeze', hidden);
  window.addEventListener('online', online);
  resized.observe(element);
  // The height of the page, where it changes alone.
  resized.observe(document.documentElement);
  return () => {
    document.removeEventListener('visibilitychange', seen);
    window.removeEventListener('pagehide', hidden);
    document.removeEventListener('freeze', hidden);
    window.removeEventListener('online', online);
    resized.disconnect();
  };
}

/**
 * `start` begins showing codes once the card stands in the page, `stop` ends it for good.
 * @param {() => void} tried hears when the first code is there, or could not be had
 */
export function codeCard(tried) {
  const element = el('section', { class: 'code-card', 'aria-label': t('pay_code') });
  const largePlace = el('div', { class: 'code-large' });
  const awake = wakefulness();
  /** @type {ReturnType<typeof openSheet> | null} */
  let large = null;
  let unwatch = () => {};
  /** @type {Machine<CodeState, CodeEvent>} */
  const view = machine({
    begin: beginCode(document.visibilityState !== 'hidden'),
    update: updateCode,
    draw(state) {
      element.classList.toggle('code-ending', state.held !== null && state.held.left_ms < ENDING_MS);
      patch(element, drawCode(state, (event) => view.send(event)));
      patch(largePlace, state.large ? drawLarge(state) : []);
    },
    perform: {
      issue: (effect) => issue(effect).finally(() => requestAnimationFrame(tried)),
      read_clocks: () => ({ is: 'time', clocks: clocks() }),
      keep_awake: () => { awake.keep(); },
      announce: () => announce(t('code_renewed')),
      open_large() {
        const sheet = openSheet(t('pay_code'), largePlace, { className: 'code-sheet' });
        large = sheet;
        sheet.closed.then(() => { if (large === sheet) view.send({ is: 'large_closed' }); });
      },
      close_large: () => large?.close(),
    },
  });
  return {
    element,
    start() {
      unwatch = watchPage(element, view.send);
      view.start();
    },
    stop() {
      view.send({ is: 'hidden' });
      view.stop();
      unwatch();
      awake.end();
    },
    /** The code on screen was used: it disappears at once. */
    spent() { view.send({ is: 'spent' }); },
    renew() { view.send({ is: 'renew', spoken: false }); },
  };
}
