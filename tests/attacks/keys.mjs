// Keys of phones and authenticators, put together from their parts: Node 20 stands still now and then over keys that it is asked to make
// and to tell.

import { createECDH, createPrivateKey } from 'node:crypto';

/** A P-256 key: to sign with, its public part, and all of it for a browser that is to be this phone. */
export function p256() {
  const pair = createECDH('prime256v1');
  const point = pair.generateKeys();
  const part = (bytes) => bytes.toString('base64url');
  const jwk = { kty: 'EC', crv: 'P-256', x: part(point.subarray(1, 33)), y: part(point.subarray(33)) };
  const whole = { ...jwk, d: part(Buffer.concat([Buffer.alloc(32), pair.getPrivateKey()]).subarray(-32)) };
  return { key: createPrivateKey({ key: whole, format: 'jwk' }), jwk, whole };
}
