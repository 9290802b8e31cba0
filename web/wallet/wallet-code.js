// The card with the payment code. A code is shown only while somebody can look at it: it disappears when the page is
// hidden, left or restored from the back/forward cache, when it was spent, and at its end of life, and a new one is
// asked for when the page is seen again. The digits are held in this closure alone and never stored.

import { post, sentenceOf } from '/assets/api.js';
import { announce, el, svg } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { t } from '/assets/i18n.js';
import { openSheet } from '/assets/sheet.js';

// The next code is fetched this long before the shown one dies, so that the cashier never meets a dead code on screen.
const RENEW_BEFORE_MS = 2_000;
const TRY_AGAIN_MS = 3_000;
const RING = 2 * Math.PI * 10;

/** An image whose modules are whole device pixels: scanners read edges, and a blurred edge is a wrong bar. */
function crispImage(svgText, { width, height, alt, className, stretch = false }) {
  const box = svgText.match(/viewBox="\s*[-\d.]+[\s,]+[-\d.]+[\s,]+([\d.]+)[\s,]+([\d.]+)/);
  const units = box ? Number(box[1]) : 0;
  const density = window.devicePixelRatio || 1;
  // A turned barcode has its modules along the height, which its caller has measured.
  const per_unit = units > 0 && !stretch ? Math.floor((width * density) / units) : 0;
  const shown_width = per_unit >= 1 ? (units * per_unit) / density : width;
  const shown_height = height === null ? shown_width : Math.round(height * density) / density;
  const root = svgText.replace(/<svg\b([^>]*)>/, (_, attributes) => {
    const kept = attributes.replace(/\s(?:width|height|preserveAspectRatio|shape-rendering)="[^"]*"/g, '');
    const namespace = /\sxmlns="/.test(kept) ? '' : ' xmlns="http://www.w3.org/2000/svg"';
    return `<svg${namespace}${kept} width="${shown_width * density}" height="${shown_height * density}" preserveAspectRatio="${height === null ? 'xMidYMid' : 'none'}" shape-rendering="crispEdges">`;
  });
  const image = el('img', { class: className, alt, draggable: 'false', src: `data:image/svg+xml;base64,${btoa(root)}` });
  image.style.width = `${shown_width}px`;
  image.style.height = `${shown_height}px`;
  return image;
}

/** The same drawing turned by a quarter: its length runs down the screen. */
function turned(svgText) {
  const [, width, height] = svgText.match(/viewBox="0 0 (\d+) (\d+)"/);
  return svgText
    .replace(/viewBox="[^"]*"/, `viewBox="0 0 ${height} ${width}"`)
    .replace(/(<svg\b[^>]*>)([\s\S]*)(<\/svg>)/, `$1<g transform="translate(${height} 0) rotate(90)">$2</g>$3`);
}

/** The barcode as long as the screen allows, for scanners that cannot read thin bars. Returns {draw, tick, close}. */
function largeBarcode(closed) {
  const place = el('div', { class: 'code-large-place' });
  const seconds = el('p', { class: 'code-seconds number' });
  const sheet = openSheet(t('pay_code'), el('div', { class: 'code-large' }, place, seconds), { className: 'code-sheet' });
  sheet.closed.then(closed);
  return {
    close: sheet.close,
    tick(words) { if (seconds.textContent !== words) seconds.textContent = words; },
    draw(barcode_svg) {
      const upright = window.innerHeight > window.innerWidth;
      const box = barcode_svg.match(/viewBox="0 0 (\d+) (\d+)"/);
      const density = window.devicePixelRatio || 1;
      // Head, countdown and the sheet's own edges take the rest.
      const room = upright ? window.innerHeight * 0.92 - 132 : Math.min(window.innerWidth - 72, 1_024);
      const module_px = Math.max(1, Math.floor((room * density) / Number(box[1])));
      const length = (Number(box[1]) * module_px) / density;
      const thickness = Math.round(Math.min(150, window.innerWidth * 0.4, window.innerHeight * 0.45));
      place.replaceChildren(upright
        ? crispImage(turned(barcode_svg), { width: thickness, height: length, alt: t('barcode_alt'), className: 'code-image', stretch: true })
        : crispImage(barcode_svg, { width: room, height: thickness, alt: t('barcode_alt'), className: 'code-image' }));
    },
  };
}

/** Returns {element, start, stop, spent, renew}. `start` begins showing codes, `stop` ends it for good. */
export function codeCard() {
  const barcode = el('button', { type: 'button', class: 'code-barcode', 'aria-label': t('enlarge_barcode'), on: { click: enlarge } });
  const qr = el('div', { class: 'code-qr' });
  const ringTrack = svg('circle', { cx: 12, cy: 12, r: 10, class: 'ring-track' });
  const ringLeft = svg('circle', { cx: 12, cy: 12, r: 10, class: 'ring-left', 'stroke-dasharray': RING.toFixed(2), transform: 'rotate(-90 12 12)' });
  const ring = svg('svg', { viewBox: '0 0 24 24', class: 'ring', 'aria-hidden': 'true', focusable: 'false' }, ringTrack, ringLeft);
  const seconds = el('span', { class: 'code-seconds number', role: 'timer', 'aria-live': 'off' });
  const renewButton = el('button', { type: 'button', class: 'round-button', 'aria-label': t('renew_code'), title: t('renew_code'), on: { click: () => issue({ spoken: true }) } }, icon('refresh'));
  const life = el('div', { class: 'code-life' }, ring, el('div', { class: 'code-life-words' }, seconds, el('span', { class: 'small soft-on-white' }, t('code_renews'))), renewButton);
  const number = el('p', { class: 'code-number number', hidden: true });
  const numberButton = el('button', { type: 'button', class: 'text-button code-number-button', 'aria-expanded': 'false', on: { click: toggleNumber } }, t('show_number'));
  const face = el('div', { class: 'code-face' }, barcode, life, qr, el('div', { class: 'code-foot' }, numberButton, number));
  const blankText = el('p', {}, t('code_loading'));
  const blankButton = el('button', { type: 'button', class: 'button', hidden: true, on: { click: () => issue({ spoken: true }) } }, icon('refresh'), t('try_again'));
  const blankPicture = el('span', { class: 'spinner', 'aria-hidden': 'true' });
  const blankCard = el('div', { class: 'code-blank' }, blankPicture, blankText, blankButton);
  const element = el('section', { class: 'code-card', 'aria-label': t('pay_code') }, el('p', { class: 'code-caption' }, icon('scan'), t('show_to_cashier')), face, blankCard);

  let running = false;
  let held = null;
  // Every reason to forget an answer under way (hidden, spent, asked again) moves the generation on.
  let generation = 0;
  let asking = false;
  let ticker = 0;
  let retry = 0;
  let awake = null;
  let large = null;

  function toggleNumber() {
    const open = numberButton.getAttribute('aria-expanded') !== 'true';
    numberButton.setAttribute('aria-expanded', String(open));
    numberButton.textContent = t(open ? 'hide_number' : 'show_number');
    number.hidden = !open;
  }

  function enlarge() {
    if (held === null) return;
    large = largeBarcode(() => { large = null; });
    large.draw(held.barcode_svg);
    tick();
  }

  function blank(sentence, { busy = false, offerRetry = false } = {}) {
    held = null;
    clearInterval(ticker);
    large?.close();
    barcode.replaceChildren();
    qr.replaceChildren();
    number.textContent = '';
    seconds.textContent = '';
    face.hidden = true;
    blankCard.hidden = false;
    blankText.textContent = sentence;
    blankPicture.hidden = !busy;
    blankButton.hidden = !offerRetry;
  }

  function draw() {
    if (held === null) return;
    face.hidden = false;
    blankCard.hidden = true;
    const room = element.clientWidth;
    if (room === 0) return;
    barcode.replaceChildren(crispImage(held.barcode_svg, { width: room, height: 92, alt: t('barcode_alt'), className: 'code-image' }));
    qr.replaceChildren(crispImage(held.qr_svg, { width: Math.min(room - 32, 216), height: null, alt: t('qr_alt'), className: 'code-image' }));
    large?.draw(held.barcode_svg);
    number.textContent = held.code.replace(/(\d{4})(?=\d)/g, '$1 ');
  }

  // Two clocks: one stands still while the machine sleeps, the other can be set by hand. The later of the two decides.
  function left_ms() {
    const elapsed = Math.max(performance.now() - held.asked_at, Date.now() - held.asked_at_wall);
    return held.life_ms - elapsed;
  }

  function tick() {
    if (held === null) return;
    const left = left_ms();
    if (left <= 0) {
      blank(t('code_loading'), { busy: true });
      issue();
      return;
    }
    if (left <= RENEW_BEFORE_MS && !asking) issue();
    const words = t('code_seconds', { seconds: Math.ceil(left / 1_000) });
    if (seconds.textContent !== words) seconds.textContent = words;
    large?.tick(words);
    ringLeft.style.strokeDashoffset = String(RING * (1 - Math.min(1, left / held.life_ms)));
    element.classList.toggle('code-ending', left < 10_000);
  }

  async function issue({ spoken = false } = {}) {
    if (!running || document.visibilityState === 'hidden') return;
    clearTimeout(retry);
    generation += 1;
    const mine = generation;
    asking = true;
    const asked_at = performance.now();
    const asked_at_wall = Date.now();
    try {
      const answer = await post('/api/code', {}, 6_000);
      // Meanwhile hidden, left, or asked again: this code must not appear.
      if (mine !== generation || !running || document.visibilityState === 'hidden') return;
      asking = false;
      held = { ...answer, asked_at, asked_at_wall };
      draw();
      clearInterval(ticker);
      ticker = setInterval(tick, 250);
      tick();
      if (spoken) announce(t('code_renewed'));
    } catch (error) {
      if (mine !== generation || !running) return;
      asking = false;
      if (held !== null && left_ms() > 0) {
        retry = setTimeout(issue, 1_000);
        return;
      }
      blank('', { offerRetry: true });
      blankText.replaceChildren(el('strong', {}, t('code_failed')), el('br'), sentenceOf(error));
      if (typeof error.status !== 'number') retry = setTimeout(issue, TRY_AGAIN_MS);
    }
  }

  async function keepAwake() {
    try {
      const lock = await navigator.wakeLock?.request('screen');
      // Left meanwhile: a page without a code lets the screen sleep.
      if (running) awake = lock;
      else lock?.release().catch(() => {});
    } catch { /* a screen that dims is still readable */ }
  }

  function forget() {
    generation += 1;
    asking = false;
  }

  function hide() {
    forget();
    clearTimeout(retry);
    blank(t('code_hidden'), { busy: false });
  }

  function onVisibility() {
    if (document.visibilityState === 'hidden') {
      hide();
    } else {
      blank(t('code_loading'), { busy: true });
      issue();
      keepAwake();
    }
  }

  let drawnFor = '';
  const resized = new ResizeObserver(() => {
    const now = `${element.clientWidth} ${window.devicePixelRatio}`;
    if (now !== drawnFor) {
      drawnFor = now;
      draw();
    }
  });
  const online = () => { if (held === null) issue(); };

  blank(t('code_loading'), { busy: true });

  return {
    element,
    start() {
      running = true;
      document.addEventListener('visibilitychange', onVisibility);
      window.addEventListener('pagehide', hide);
      document.addEventListener('freeze', hide);
      window.addEventListener('online', online);
      resized.observe(element);
      keepAwake();
      issue();
    },
    stop() {
      hide();
      running = false;
      document.removeEventListener('visibilitychange', onVisibility);
      window.removeEventListener('pagehide', hide);
      document.removeEventListener('freeze', hide);
      window.removeEventListener('online', online);
      resized.disconnect();
      awake?.release().catch(() => {});
    },
    /** The code on screen was used: it disappears at once. */
    spent() {
      forget();
      clearTimeout(retry);
      blank(t('code_loading'), { busy: true });
    },
    renew() {
      issue();
    },
  };
}
