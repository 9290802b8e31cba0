#!/usr/bin/env bash
# zxing-wasm 3.1.4 (npm), images by bwip-js 4.7.0: with `tryInvert: true` a QR code, Aztec or Data Matrix drawn light on dark is read (and told as
# inverted), Code 128, EAN-13 and PDF417 drawn the same way are not, though the option's name makes no difference between them. A wallet in dark
# mode that shows a bar code and a QR code is read by its QR code alone. Turning the pixels over and reading again finds all of them.
# Seen: "light on dark" below is "-" for code128, ean13 and pdf417, and the text for the other three; "turned over" is the text for all six.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund zxing-wasm@3.1.4 bwip-js@4.7.0 pngjs@7.0.0 >/dev/null
cat > read.mjs <<'JS'
import fs from 'node:fs';
import bwipjs from 'bwip-js/node';
import { PNG } from 'pngjs';
import { prepareZXingModule, readBarcodes } from 'zxing-wasm/reader';

prepareZXingModule({ overrides: { wasmBinary: fs.readFileSync('node_modules/zxing-wasm/dist/reader/zxing_reader.wasm').buffer } });

function turnedOver(picture) {
  const data = Uint8ClampedArray.from(picture.data, (value, i) => (i % 4 === 3 ? value : 255 - value));
  return { ...picture, data };
}
async function read(picture) {
  const found = await readBarcodes(picture, { tryInvert: true, tryHarder: true });
  return found.map((code) => code.text).join() || '-';
}
for (const [bcid, text] of [['code128', '900012345678'], ['ean13', '4901234567894'], ['pdf417', '9000 1234'], ['qrcode', '9000'], ['azteccode', '9000'], ['datamatrix', '9000']]) {
  const { data, width, height } = PNG.sync.read(await bwipjs.toBuffer({ bcid, text, scale: 3, padding: 10, backgroundcolor: 'FFFFFF' }));
  const dark = { data: new Uint8ClampedArray(data), width, height, colorSpace: 'srgb' };
  const light = turnedOver(dark);
  console.log(`${bcid}: dark on light ${await read(dark)}; light on dark ${await read(light)}; turned over ${await read(turnedOver(light))}`);
}
JS
seen=$(node read.mjs)
echo "$seen"
expected='code128: dark on light 900012345678; light on dark -; turned over 900012345678
ean13: dark on light 4901234567894; light on dark -; turned over 4901234567894
pdf417: dark on light 9000 1234; light on dark -; turned over 9000 1234
qrcode: dark on light 9000; light on dark 9000; turned over 9000
azteccode: dark on light 9000; light on dark 9000; turned over 9000
datamatrix: dark on light 9000; light on dark 9000; turned over 9000'
[ "$seen" = "$expected" ] || { echo "changed: expected"; echo "$expected"; exit 1; }
