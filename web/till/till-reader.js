// Which codes a picture holds, and which of them is meant. A shop's own sticker may hang beside the customer's phone, and a phone in dark
// mode may draw light bars on a dark ground.

import { customerCode, isWholeCode } from '/assets/wedge.js';

/** @typedef {(picture: ImageData) => Promise<string[]>} Read */

/** More codes than this stand in no picture that a till takes. */
const SYMBOLS_MAX = 8;
const BOTH = { formats: ['QRCode', 'Code128'], tryHarder: true, tryRotate: true, maxNumberOfSymbols: SYMBOLS_MAX };
const LINEAR = { ...BOTH, formats: ['Code128'], tryInvert: false };

/**
 * The code to charge among all that a picture holds: one of ours if there is one, else one that the server can name.
 * @param {string[]} texts
 */
export function codeAmong(texts) {
  const codes = texts.map(customerCode).filter((one) => one !== null);
  return codes.find(isWholeCode) ?? codes[0] ?? null;
}

/** The same picture with light for dark. @param {ImageData} picture @returns {ImageData} */
export function inverted(picture) {
  const data = new Uint8ClampedArray(picture.data);
  for (let at = 0; at < data.length; at += 4) {
    data[at] = 255 - data[at];
    data[at + 1] = 255 - data[at + 1];
    data[at + 2] = 255 - data[at + 2];
  }
  return typeof ImageData === 'undefined' ? { ...picture, data } : new ImageData(data, picture.width, picture.height);
}

/** What the browser's own detector finds, and where that is no payment code, what it finds light on dark. @param {Read} read @returns {Read} */
export const alsoInverted = (read, readInverted = read) => async (picture) => {
  const texts = await read(picture);
  return codeAmong(texts) === null ? [...texts, ...await readInverted(inverted(picture))] : texts;
};

/** Reads with zxing. It looks for light QR codes by itself and for light bars never. @param {any} zxing @returns {Read} */
export function readerOf(zxing) {
  /** @param {ImageData} picture @param {object} options */
  const read = async (picture, options) => {
    /** @type {{ isValid?: boolean, text: string }[]} */
    const found = await zxing.readBarcodes(picture, options);
    return found.filter((one) => one.isValid !== false).map((one) => one.text);
  };
  return alsoInverted((picture) => read(picture, BOTH), (picture) => read(picture, LINEAR));
}
