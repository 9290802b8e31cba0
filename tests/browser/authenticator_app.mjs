// An authenticator app, computed here: codes by time (RFC 6238) from the key that a page shows.

import { createHmac } from 'node:crypto';

import { until } from './stage.mjs';

/** What an authenticator app makes of a key. */
export class App {
  constructor(key) {
    const bits = [...key.replaceAll(' ', '')].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
    this.secret = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
    this.used = -1;
  }

  at(step) {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(step));
    const hash = createHmac('sha1', this.secret).update(counter).digest();
    const from = hash[19] & 15;
    return String((hash.readUInt32BE(from) & 0x7fff_ffff) % 1_000_000).padStart(6, '0');
  }

  /** A code that was not used yet: the one after the last, which a server takes from a clock that is a little ahead. */
  async next() {
    const step = () => Math.floor(Date.now() / 30_000);
    await until('a code that is new', () => step() + 1 > this.used);
    this.used = Math.max(this.used + 1, step());
    return this.at(this.used);
  }
}
