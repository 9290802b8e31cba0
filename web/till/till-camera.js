// Reading the customer's code with a camera: the browser's own detector where there is one, else zxing compiled to
// WebAssembly, loaded only when the camera is opened for the first time. Pictures never leave this page.

import { el } from '/assets/elements.js';
import { t } from '/assets/i18n.js';
import { openSheet } from '/assets/sheet.js';
import { customerCode } from '/assets/wedge.js';

const address = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? '';

async function nativeReader() {
  const formats = await globalThis.BarcodeDetector?.getSupportedFormats?.().catch(() => []) ?? [];
  if (!formats.includes('qr_code') || !formats.includes('code_128')) return null;
  const detector = new globalThis.BarcodeDetector({ formats: ['qr_code', 'code_128'] });
  return async (canvas) => (await detector.detect(canvas)).map((found) => found.rawValue);
}

let loading = null;

function loadScript(source) {
  return new Promise((resolve, reject) => {
    const script = el('script', { src: source });
    script.addEventListener('load', resolve);
    script.addEventListener('error', () => {
      script.remove();
      reject(new Error('no reader'));
    });
    document.head.append(script);
  });
}

async function zxingReader() {
  loading ??= (async () => {
    await loadScript(address('zxing-reader'));
    const zxing = globalThis.ZXingWASM;
    await zxing.prepareZXingModule({ overrides: { locateFile: () => address('zxing-wasm') }, fireImmediately: true });
    return zxing;
  })();
  try {
    const zxing = await loading;
    const options = { formats: ['QRCode', 'Code128'], tryHarder: true, tryRotate: true, maxNumberOfSymbols: 1 };
    return async (canvas, context) => {
      const found = await zxing.readBarcodes(context.getImageData(0, 0, canvas.width, canvas.height), options);
      return found.filter((one) => one.isValid !== false).map((one) => one.text);
    };
  } catch (error) {
    // A later press tries again: the package may have been installed meanwhile.
    loading = null;
    throw error;
  }
}

/** Opens the camera sheet; `found(code)` is called once with the digits, after the sheet has closed. */
export async function openCamera(found) {
  const video = el('video', { class: 'camera-video', playsinline: true, muted: true, 'aria-label': t('camera_title') });
  const status = el('p', { class: 'camera-status', role: 'status' }, t('camera_starting'));
  const sheet = openSheet(t('camera_title'), el('div', { class: 'camera' }, el('div', { class: 'camera-frame' }, video, el('span', { class: 'camera-corners', 'aria-hidden': 'true' })), status), { className: 'camera-sheet' });
  let open = true;
  let stream = null;
  let result = null;
  const stop = () => {
    open = false;
    for (const track of stream?.getTracks() ?? []) track.stop();
  };
  sheet.closed.then(() => {
    stop();
    if (result !== null) found(result);
  });

  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: { ideal: 'environment' }, width: { ideal: 1280 }, height: { ideal: 720 } } });
  } catch (error) {
    status.textContent = t(error?.name === 'NotFoundError' || navigator.mediaDevices === undefined ? 'camera_none' : 'camera_refused');
    return;
  }
  if (!open) {
    stop();
    return;
  }
  video.srcObject = stream;
  let read;
  try {
    [read] = await Promise.all([nativeReader().then((native) => native ?? zxingReader()), video.play()]);
  } catch {
    status.textContent = t('camera_no_reader');
    stop();
    return;
  }
  status.textContent = t('camera_lead');
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true });
  while (open) {
    if (video.videoWidth > 0) {
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      context.drawImage(video, 0, 0);
      const texts = await read(canvas, context).catch(() => []);
      const code = texts.map(customerCode).find((one) => one !== null);
      if (open && code !== undefined) {
        result = code;
        sheet.close();
        return;
      }
    }
    await new Promise((resolve) => { setTimeout(resolve, 60); });
  }
}
