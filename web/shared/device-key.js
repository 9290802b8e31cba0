// The key of this device. It is made once, kept where no script can read it, and signs each request of the wallet (DPoP, RFC 9449): a
// session's cookie alone, stolen and used elsewhere, is worth nothing. What is signed for, and what differs from the RFC:
// `crates/server/src/device_proof.rs`.

const DATABASE = 'mamori-device';
const STORE = 'keys';
const NAME = 'device';
const KIND = { name: 'ECDSA', namedCurve: 'P-256' };

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const answered = (request) => new Promise((resolve, reject) => {
  request.addEventListener('success', () => resolve(request.result));
  request.addEventListener('error', () => reject(request.error));
});

/** @returns {Promise<IDBDatabase>} */
function database() {
  const opening = indexedDB.open(DATABASE, 1);
  opening.addEventListener('upgradeneeded', () => opening.result.createObjectStore(STORE));
  return answered(opening);
}

/** @returns {Promise<CryptoKeyPair>} */
async function keyPair() {
  const open = await database();
  const read = () => answered(open.transaction(STORE).objectStore(STORE).get(NAME));
  const kept = await read();
  if (kept !== undefined) return kept;
  const made = await crypto.subtle.generateKey(KIND, false, ['sign', 'verify']);
  // Two windows may make one at once: the first that is written is this device's.
  await answered(open.transaction(STORE, 'readwrite').objectStore(STORE).add(made, NAME)).catch(() => {});
  return read();
}

/** @param {Uint8Array} bytes */
const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
/** @param {object} value */
const encoded = (value) => base64url(new TextEncoder().encode(JSON.stringify(value)));

async function keyAndHead() {
  const { privateKey, publicKey } = await keyPair();
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', publicKey);
  return { privateKey, head: encoded({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } }) };
}

/** Cookies that the server lets scripts read. @param {string} name */
const cookie = (name) => document.cookie.split('; ').find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);

/** @type {ReturnType<typeof keyAndHead> | null} */
let own = null;
/** The nonce of the newest answer. */
let nonce = '';

/** Each answer brings the nonce for the next request. @param {Headers} headers */
export function noteNonce(headers) {
  nonce = headers.get('dpop-nonce') ?? nonce;
}

/**
 * The proof of one request; null where this browser keeps no keys: the server says then what it thinks of that.
 * @param {string} method @param {string} path @returns {Promise<string | null>}
 */
export async function proofOf(method, path) {
  try {
    own ??= keyAndHead();
    const { privateKey, head } = await own;
    const claims = encoded({
      jti: crypto.randomUUID(),
      htm: method,
      htu: location.origin + path.split('?')[0],
      iat: Math.floor(Date.now() / 1000),
      nonce: nonce || cookie('__Host-mamori_nonce'),
      ath: cookie('__Host-mamori_ath'),
    });
    const signed = `${head}.${claims}`;
    const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, new TextEncoder().encode(signed));
    return `${signed}.${base64url(new Uint8Array(signature))}`;
  } catch {
    own = null;
    return null;
  }
}
