// What the till's camera makes of a picture, tried on the real reader with pictures that are drawn here.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { codeAmong, readerOf } from '../till/till-reader.js';

const CODE = '900012340112345678901234';
const STICKER = 'https://shop.example/points';
const packages = new URL('../node_modules/zxing-wasm/', import.meta.url);

/** The reader of the page, or the writer beside it, with its program from the disk. */
async function zxing(part) {
  const tool = await import(`zxing-wasm/${part}`);
  const wasmBinary = readFileSync(new URL(`dist/${part}/zxing_${part}.wasm`, packages));
  await tool.prepareZXingModule({ overrides: { wasmBinary }, fireImmediately: true });
  return tool;
}

/** A drawn code: its dots, each `size` pixels wide. */
async function drawn(writer, text, format, size, height = null) {
  const { symbol, error } = await writer.writeBarcode(text, { format });
  assert.equal(error, '');
  const rows = height ?? symbol.height * size;
  return {
    width: symbol.width * size,
    height: rows,
    isDark: (x, y) => symbol.data[Math.floor(height === null ? y / size : 0) * symbol.width + Math.floor(x / size)] < 128,
  };
}

/** A picture of codes beside each other, dark on light or light on dark. */
function picture(codes, { light = false } = {}) {
  const margin = 40;
  const width = codes.reduce((sum, code) => sum + code.width + margin, margin);
  const height = Math.max(...codes.map((code) => code.height)) + 2 * margin;
  const data = new Uint8ClampedArray(width * height * 4);
  for (let at = 0; at < data.length; at += 4) data.set(light ? [20, 20, 20, 255] : [240, 240, 240, 255], at);
  let left = margin;
  for (const code of codes) {
    for (let y = 0; y < code.height; y += 1) {
      for (let x = 0; x < code.width; x += 1) {
        if (code.isDark(x, y)) data.set(light ? [240, 240, 240, 255] : [20, 20, 20, 255], ((y + margin) * width + x + left) * 4);
      }
    }
    left += code.width + margin;
  }
  return { data, width, height };
}

test('of several codes the one that is a payment code is meant, wherever it stands', () => {
  assert.equal(codeAmong([STICKER, CODE]), CODE);
  assert.equal(codeAmong(['00020101021126', '1234567890123456', CODE]), CODE);
  assert.equal(codeAmong(['1234567890123456']), '1234567890123456', 'the server says whose it is');
  assert.equal(codeAmong([STICKER, '4901234567894']), null);
  assert.equal(codeAmong([]), null);
});

test('the camera finds the customer’s code beside the shop’s sticker, and in a dark drawing', async () => {
  const [reader, writer] = [await zxing('reader'), await zxing('writer')];
  const read = readerOf(reader);
  const bars = await drawn(writer, CODE, 'Code128', 3, 120);
  const square = await drawn(writer, CODE, 'QRCode', 5);
  const sticker = await drawn(writer, STICKER, 'QRCode', 6);
  for (const [what, codes, look] of [
    ['bars', [bars], {}],
    ['a QR code', [square], {}],
    ['bars behind the sticker', [sticker, bars], {}],
    ['bars before the sticker', [bars, sticker], {}],
    ['a QR code beside the sticker', [sticker, square], {}],
    ['light bars on a dark ground', [bars], { light: true }],
    ['a light QR code', [square], { light: true }],
    ['light bars beside a light sticker', [sticker, bars], { light: true }],
  ]) {
    assert.equal(codeAmong(await read(picture(codes, look))), CODE, what);
  }
  assert.equal(codeAmong(await read(picture([sticker]))), null, 'the sticker alone is none');
});
