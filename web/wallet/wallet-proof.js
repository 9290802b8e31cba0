// Proof of work before a sign-up, asked for while strangers crowd the door: a number whose hash with the server's challenge begins
// with so many zero bits. The hash is written out here: WebCrypto answers each digest by a promise, which costs more than the digest.

// Hashes between two pauses: a cheap phone draws and reads touches in between.
const CHUNK = 4_000;
const ANSWER_MAX = 0xffff_ffff;

const K = new Uint32Array(64);
const START = new Uint32Array(8);
for (let n = 2, found = 0; found < 64; n += 1) {
  let divisor = 2;
  while (n % divisor !== 0) divisor += 1;
  if (divisor !== n) continue;
  // The first bits behind the point of the roots of the primes.
  if (found < 8) START[found] = (Math.sqrt(n) % 1) * 2 ** 32;
  K[found] = (Math.cbrt(n) % 1) * 2 ** 32;
  found += 1;
}

const w = new Uint32Array(64);

/** @param {number} x @param {number} bits */
const turned = (x, bits) => (x >>> bits) | (x << (32 - bits));

/** The first 32 bits of the SHA-256 of at most 55 bytes of ASCII. @param {string} text */
export function hashStart(text) {
  w.fill(0, 0, 16);
  for (let at = 0; at < text.length; at += 1) w[at >> 2] |= text.charCodeAt(at) << (24 - 8 * (at & 3));
  w[text.length >> 2] |= 0x80 << (24 - 8 * (text.length & 3));
  w[15] = text.length * 8;
  for (let at = 16; at < 64; at += 1) {
    const [x, y] = [w[at - 15], w[at - 2]];
    w[at] = w[at - 16] + (turned(x, 7) ^ turned(x, 18) ^ (x >>> 3)) + w[at - 7] + (turned(y, 17) ^ turned(y, 19) ^ (y >>> 10));
  }
  let [a, b, c, d, e, f, g, h] = START;
  for (let at = 0; at < 64; at += 1) {
    const one = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + K[at] + w[at]) | 0;
    const two = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
  }
  return (START[0] + a) >>> 0;
}

/** The page goes on meanwhile. @returns {Promise<void>} */
const breathe = () => new Promise((go) => { setTimeout(go); });

/**
 * The answer to a challenge.
 * @param {string} challenge @param {number} bits leading zero bits that are wanted, at most 32
 */
export async function solve(challenge, bits) {
  for (let answer = 0; answer <= ANSWER_MAX; answer += 1) {
    if (Math.clz32(hashStart(`${challenge}:${answer}`)) >= bits) return answer;
    if (answer % CHUNK === CHUNK - 1) await breathe();
  }
  throw new Error('no answer');
}
