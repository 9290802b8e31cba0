// An authenticator in software: real WebAuthn bytes, and a knob for every way to get them wrong.

import { createHash, createSign, randomBytes } from 'node:crypto';

import { p256 } from './keys.mjs';

const sha256 = (data) => createHash('sha256').update(data).digest();
const text = (bytes) => Buffer.from(bytes).toString('base64url');
const PRESENT = 0x01;
const VERIFIED = 0x04;
const BACKUP_ELIGIBLE = 0x08;
const BACKED_UP = 0x10;
const ATTESTED = 0x40;

export class Authenticator {
  constructor(origin) {
    this.origin = origin;
    this.id = randomBytes(32);
    const { key, jwk: { x, y } } = p256();
    this.privateKey = key;
    this.cose = Buffer.concat([
      Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]), Buffer.from(x, 'base64url'),
      Buffer.from([0x22, 0x58, 0x20]), Buffer.from(y, 'base64url'),
    ]);
  }

  /** `navigator.credentials.create({publicKey: creation})`, with some things changed. */
  create(creation, changed = {}) {
    this.userHandle ??= Buffer.from(creation.user.id, 'base64url');
    const data = Buffer.concat([
      this.#data(creation.rp.id, { extra: ATTESTED, ...changed }), Buffer.alloc(16), Buffer.from([0, this.id.length]), this.id, this.cose,
    ]);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(data.length);
    const object = Buffer.concat([Buffer.from([0xa3, 0x63]), Buffer.from('fmt\x64none\x67attStmt\xa0\x68authData\x59', 'latin1'), length, data]);
    return {
      id: text(this.id), rawId: text(this.id), type: 'public-key', clientExtensionResults: { credProps: { rk: true } },
      response: {
        clientDataJSON: text(this.#clientData('webauthn.create', creation.challenge, changed)), attestationObject: text(object), transports: ['internal'],
      },
    };
  }

  /** `navigator.credentials.get({publicKey: request})`, with some things changed. */
  get(request, changed = {}) {
    const data = this.#data(request.rpId, changed);
    const client = this.#clientData('webauthn.get', request.challenge, changed);
    const signature = createSign('SHA256').update(Buffer.concat([data, sha256(client)])).sign(changed.privateKey ?? this.privateKey);
    if (changed.spoil) signature[signature.length - 1] ^= 1;
    const id = changed.id ?? this.id;
    return {
      id: text(id), rawId: text(id), type: 'public-key', clientExtensionResults: {},
      response: {
        clientDataJSON: text(changed.sentClientData ?? client), authenticatorData: text(data), signature: text(signature),
        userHandle: text(changed.userHandle ?? this.userHandle),
      },
    };
  }

  #data(rpId, { party = rpId, present = true, verified = true, eligible = true, backedUp = true, counter = 0, extra = 0 }) {
    const flags = (present ? PRESENT : 0) | (verified ? VERIFIED : 0) | (eligible ? BACKUP_ELIGIBLE : 0) | (backedUp ? BACKED_UP : 0) | extra;
    const count = Buffer.alloc(4);
    count.writeUInt32BE(counter);
    return Buffer.concat([sha256(party), Buffer.from([flags]), count]);
  }

  #clientData(kind, challenge, { type = kind, said = challenge, origin = this.origin, framed = false }) {
    const data = { type, challenge: said, origin, crossOrigin: framed };
    if (framed) data.topOrigin = 'https://evil.example';
    return Buffer.from(JSON.stringify(data));
  }
}
