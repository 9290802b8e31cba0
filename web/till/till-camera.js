// Reading the customer's code with a camera: the browser's own detector where there is one, else zxing compiled to
// WebAssembly, loaded only when the camera is opened for the first time. Pictures never leave this page.

import { el } from '/assets/elements.js';
import { t } from '/assets/i18n.js';
import { openSheet } from '/assets/sheet.js';
import { alsoInverted, codeAmong, readerOf } from '/assets/till-reader.js';

/** @import { Read } from '/assets/till-reader.js' */

/** Neither the browser's detector nor zxing has types of its own here. @type {any} */
const outside = globalThis;

/** @param {string} name */
function address(name) {
  const meta = document.querySelector(`meta[name="${name}"]`);
  return meta instanceof HTMLMetaElement ? meta.content : '';
}

/** @returns {Promise<Read | null>} */
async function nativeReader() {
  const formats = await outside.BarcodeDetector?.getSupportedFormats?.().catch(() => []) ?? [];
  if (!formats.includes('qr_code') || !formats.includes('code_128')) return null;
  const detector = new outside.BarcodeDetector({ formats: ['qr_code', 'code_128'] });
  return alsoInverted(async (picture) => {
    /** @type {{ rawValue: string }[]} */
    const found = await detector.detect(picture);
    return found.map((one) => one.rawValue);
  });
}

/** @type {Promise<any> | null} */
let loading = null;

/** @param {string} source @returns {Promise<void>} */
function loadScript(source) {
  return new Promise((resolve, reject) => {
    const script = el('script', { src: source });
    script.addEventListener('load', () => resolve());
    script.addEventListener('error', () => {
      script.remove();
      reject(new Error('no reader'));
    });
    document.head.append(script);
  });
}

/** @returns {Promise<Read>} */
async function zxingReader() {
  loading ??= (async () => {
    await loadScript(address('zxing-reader'));
    const zxing = outside.ZXingWASM;
    const overrides = { locateFile: () => address('zxing-wasm') };
    await zxing.prepareZXingModule({ overrides, fireImmediately: true });
    return zxing;
  })();
  try {
    return readerOf(await loading);
  } catch (error) {
    // A later press tries again: the package may have been installed meanwhile.
    loading = null;
    throw error;
  }
}

/**
 * @param {HTMLVideoElement} video @param {Read} read @param {() => boolean} isOpen @returns {Promise<string | null>}
 */
async function firstCode(video, read, isOpen) {
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true });
  while (isOpen() && context !== null) {
    if (video.videoWidth > 0) {
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      context.drawImage(video, 0, 0);
      const code = codeAmong(await read(context.getImageData(0, 0, canvas.width, canvas.height)).catch(() => []));
      if (code !== null) return code;
    }
    await new Promise((resolve) => { setTimeout(resolve, 60); });
  }
  return null;
}

/** The picture of the camera behind the shop, or the key of the sentence why there is none. */
async function filmed() {
  const video = { facingMode: { ideal: 'environment' }, width: { ideal: 1280 }, height: { ideal: 720 } };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: false, video });
  } catch (error) {
    const none = navigator.mediaDevices === undefined || (error instanceof Error && error.name === 'NotFoundError');
    return none ? 'camera_none' : 'camera_refused';
  }
}

/**
 * A switch for the camera's light, where it has one.
 * @param {MediaStream} film
 */
export function lightSwitch(film) {
  const [track] = film.getVideoTracks();
  /** The light stands in no type yet. @type {any} */
  const can = track?.getCapabilities?.() ?? {};
  if (can.torch !== true) return null;
  const light = el('button', { type: 'button', class: 'button quiet', 'aria-pressed': 'false', on: { click: turn } }, t('camera_light'));
  async function turn() {
    const on = light.getAttribute('aria-pressed') !== 'true';
    /** @type {any} */
    const wanted = { advanced: [{ torch: on }] };
    // A light that does not turn is shown as it is.
    await track.applyConstraints(wanted).then(() => light.setAttribute('aria-pressed', String(on)), () => {});
  }
  return light;
}

/**
 * Opens the camera sheet; `found(code)` is called once with the digits, after the sheet has closed.
 * @param {string} amount what is being paid, in words @param {(code: string) => void} found
 */
export async function openCamera(amount, found) {
  const video = el('video', { class: 'camera-video', playsinline: true, muted: true, 'aria-label': t('camera_title') });
  const status = el('p', { class: 'camera-status', role: 'status' }, t('camera_starting'));
  const corners = el('span', { class: 'camera-corners', 'aria-hidden': 'true' });
  const content = el('div', { class: 'camera' }, el('p', { class: 'camera-amount number' }, amount), el('div', { class: 'camera-frame' }, video, corners), status);
  const sheet = openSheet(t('camera_title'), content, { className: 'camera-sheet' });
  let open = true;
  /** @type {MediaStream | null} */
  let stream = null;
  /** @type {string | null} */
  let result = null;
  const stop = () => {
    open = false;
    for (const track of stream?.getTracks() ?? []) track.stop();
  };
  sheet.closed.then(() => {
    stop();
    if (result !== null) found(result);
  });

  const film = await filmed();
  if (typeof film === 'string') {
    status.textContent = t(film);
    return;
  }
  stream = film;
  // Closed while the browser was asking.
  if (!open) {
    stop();
    return;
  }
  video.srcObject = film;
  content.append(...[lightSwitch(film)].filter((one) => one !== null));
  try {
    const [read] = await Promise.all([nativeReader().then((native) => native ?? zxingReader()), video.play()]);
    status.textContent = t('camera_lead');
    const code = await firstCode(video, read, () => open);
    if (open && code !== null) {
      result = code;
      sheet.close();
    }
  } catch {
    status.textContent = t('camera_no_reader');
    stop();
  }
}
