// A software authenticator for desktops that have none; `mamori-lab dev` alone puts this script into a page. It speaks real
// WebAuthn (ES256, attestation "none", resident keys, user verification flagged), so the server needs no branch for it.
// It is used only after somebody chose it with the button; until then every call reaches the browser's own
// authenticator. It proves nothing about a person, which is why it must never leave a development machine.

const CHOSEN = 'mamori.dev-authenticator';
const STORE = 'passkeys';
/** Sixteen bytes that name the model: a live console knows them and takes no such key for an operator. */
const MODEL = 'mamori dev-only!';
const words = {
  ja: {
    use: 'この端末に認証器がない場合（開発用）', using: '開発用の認証器を使っています', stop: 'やめる',
    pick: 'どのパスキーを使いますか？', cancel: 'キャンセル', label: '開発用の認証器',
  },
  en: {
    use: 'No authenticator on this device? (development)', using: 'Using the development authenticator', stop: 'Stop',
    pick: 'Which passkey do you want to use?', cancel: 'Cancel', label: 'Development authenticator',
  },
};
/** @param {keyof typeof words.ja} key */
const say = (key) => words[document.documentElement.lang === 'en' ? 'en' : 'ja'][key];

const native = navigator.credentials;
const nativeCreate = native?.create.bind(native);
const nativeGet = native?.get.bind(native);

const chosen = () => localStorage.getItem(CHOSEN) === 'yes';

// --- bytes -------------------------------------------------------------------------------------------------------

const encoder = new TextEncoder();

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

/** @param {Bytes[]} parts @returns {Bytes} */
function joined(...parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** @param {Bytes} bytes */
function base64url(bytes) {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** @param {Bytes} bytes */
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
/** @param {BufferSource} source A copy of its bytes. @returns {Bytes} */
const view = (source) => (source instanceof ArrayBuffer ? new Uint8Array(source.slice(0))
  : new Uint8Array(source.buffer, source.byteOffset, source.byteLength).slice());

// CBOR, as far as an attestation object needs it: heads, byte strings, text strings, integers, maps.
/** @param {number} major @param {number} value @returns {Bytes} */
function head(major, value) {
  if (value < 24) return Uint8Array.of((major << 5) | value);
  if (value < 256) return Uint8Array.of((major << 5) | 24, value);
  return Uint8Array.of((major << 5) | 25, value >> 8, value & 255);
}
/** @param {number} value */
const cborInteger = (value) => (value >= 0 ? head(0, value) : head(1, -1 - value));
/** @param {Bytes} bytes */
const cborBytes = (bytes) => joined(head(2, bytes.length), bytes);
/** @param {string} text */
const cborText = (text) => joined(head(3, text.length), encoder.encode(text));
/** @param {Bytes[][]} pairs */
const cborMap = (...pairs) => joined(head(5, pairs.length), ...pairs.flat());

/** WebCrypto signs as r||s; WebAuthn wants the two integers in DER. @param {Bytes} raw */
function derSignature(raw) {
  /** @param {Bytes} bytes */
  const integer = (bytes) => {
    let start = 0;
    while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
    const trimmed = bytes.subarray(start);
    const positive = trimmed[0] & 0x80 ? joined(Uint8Array.of(0), trimmed) : trimmed;
    return joined(Uint8Array.of(0x02, positive.length), positive);
  };
  const body = joined(integer(raw.subarray(0, 32)), integer(raw.subarray(32)));
  return joined(Uint8Array.of(0x30, body.length), body);
}

// --- where the keys are kept: IndexedDB of this origin, private keys not exportable ----------------------------------

/**
 * @typedef {{ id: string, rpId: string, rawId: Bytes, userHandle: Bytes, name: string, made_ms: number,
 *   privateKey: CryptoKey }} Passkey
 */

/** @returns {Promise<IDBDatabase>} */
function database() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open('mamori-dev-authenticator', 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: 'id' });
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

/**
 * @template T
 * @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest<T>} action @returns {Promise<T>}
 */
async function withStore(mode, action) {
  const db = await database();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = db.transaction(STORE, mode);
      const request = action(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    db.close();
  }
}

/** @returns {Promise<Passkey[]>} */
const allPasskeys = () => withStore('readonly', (store) => store.getAll());
/** @param {Passkey} passkey */
const keepPasskey = (passkey) => withStore('readwrite', (store) => store.put(passkey));

// --- the two ceremonies --------------------------------------------------------------------------------------------

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const ATTESTED_DATA = 0x40;

/** @param {string} rpId @param {number} flags @param {Bytes} attested */
async function authenticatorData(rpId, flags, attested = new Uint8Array()) {
  return joined(await sha256(encoder.encode(rpId)), Uint8Array.of(flags, 0, 0, 0, 0), attested);
}

/** @param {string} type @param {BufferSource} challenge */
function clientData(type, challenge) {
  const data = { type, challenge: base64url(view(challenge)), origin: location.origin, crossOrigin: false };
  return encoder.encode(JSON.stringify(data));
}

/** @param {string | undefined} asked */
function rpIdOf(asked) {
  const rpId = asked ?? location.hostname;
  if (rpId !== location.hostname && !location.hostname.endsWith(`.${rpId}`)) {
    throw new DOMException('The relying party id does not fit this origin.', 'SecurityError');
  }
  return rpId;
}

/** A new key pair: what keeps it, and its public half as COSE. */
async function newKeyPair() {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
  const point = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const cose = cborMap(
    [cborInteger(1), cborInteger(2)], [cborInteger(3), cborInteger(-7)], [cborInteger(-1), cborInteger(1)],
    [cborInteger(-2), cborBytes(point.slice(1, 33))], [cborInteger(-3), cborBytes(point.slice(33))]);
  return { privateKey: pair.privateKey, cose };
}

/** @param {PublicKeyCredentialCreationOptions} publicKey @param {string} rpId */
async function refuseWhatCannotBe({ pubKeyCredParams, excludeCredentials = [] }, rpId) {
  if (!pubKeyCredParams.some((one) => one.alg === -7)) {
    throw new DOMException('Only ES256 is spoken here.', 'NotSupportedError');
  }
  const excluded = new Set(excludeCredentials.map((one) => base64url(view(one.id))));
  if ((await allPasskeys()).some((one) => one.rpId === rpId && excluded.has(one.id))) {
    throw new DOMException('A passkey exists already.', 'InvalidStateError');
  }
}

/** @param {PublicKeyCredentialCreationOptions} publicKey @param {AbortSignal} [signal] */
async function create(publicKey, signal) {
  signal?.throwIfAborted();
  const rpId = rpIdOf(publicKey.rp.id);
  await refuseWhatCannotBe(publicKey, rpId);
  const { privateKey, cose } = await newKeyPair();
  const rawId = crypto.getRandomValues(new Uint8Array(32));
  const attested = joined(encoder.encode(MODEL), Uint8Array.of(0, rawId.length), rawId, cose);
  const data = await authenticatorData(rpId, USER_PRESENT | USER_VERIFIED | ATTESTED_DATA, attested);
  const attestationObject = cborMap(
    [cborText('fmt'), cborText('none')], [cborText('attStmt'), cborMap()], [cborText('authData'), cborBytes(data)]);

  const id = base64url(rawId);
  const { user } = publicKey;
  const name = user.displayName || user.name;
  await keepPasskey({ id, rpId, rawId, userHandle: view(user.id), name, made_ms: Date.now(), privateKey });
  return {
    id,
    rawId: rawId.buffer,
    type: 'public-key',
    authenticatorAttachment: 'platform',
    getClientExtensionResults: () => (publicKey.extensions?.credProps ? { credProps: { rk: true } } : {}),
    response: {
      clientDataJSON: clientData('webauthn.create', publicKey.challenge).buffer,
      attestationObject: attestationObject.buffer,
      getTransports: () => ['internal'],
    },
  };
}

/** @param {PublicKeyCredentialRequestOptions} publicKey @param {AbortSignal} [signal] */
async function get(publicKey, signal) {
  signal?.throwIfAborted();
  const rpId = rpIdOf(publicKey.rpId);
  const allowed = (publicKey.allowCredentials ?? []).map((one) => base64url(view(one.id)));
  const fitting = (await allPasskeys())
    .filter((one) => one.rpId === rpId && (allowed.length === 0 || allowed.includes(one.id)))
    .sort((a, b) => b.made_ms - a.made_ms);
  const passkey = fitting.length > 1 ? await pick(fitting) : fitting[0];
  if (!passkey) throw new DOMException('No passkey was used.', 'NotAllowedError');
  const data = await authenticatorData(rpId, USER_PRESENT | USER_VERIFIED);
  const client = clientData('webauthn.get', publicKey.challenge);
  const ecdsa = { name: 'ECDSA', hash: 'SHA-256' };
  const signature = await crypto.subtle.sign(ecdsa, passkey.privateKey, joined(data, await sha256(client)));
  return {
    id: passkey.id,
    rawId: passkey.rawId.slice().buffer,
    type: 'public-key',
    authenticatorAttachment: 'platform',
    getClientExtensionResults: () => ({}),
    response: {
      clientDataJSON: client.buffer,
      authenticatorData: data.buffer,
      signature: derSignature(new Uint8Array(signature)).buffer,
      userHandle: passkey.userHandle.slice().buffer,
    },
  };
}

/** @param {Passkey[]} passkeys @returns {Promise<Passkey | null>} */
function pick(passkeys) {
  return new Promise((resolve) => {
    const dialog = document.createElement('dialog');
    dialog.className = 'dev-authenticator-pick';
    const title = document.createElement('h2');
    title.id = 'dev-authenticator-pick-title';
    title.textContent = say('pick');
    dialog.setAttribute('aria-labelledby', title.id);
    dialog.append(title);
    /** @type {Passkey | null} */
    let picked = null;
    /** @param {string} text @param {Passkey | null} passkey */
    const button = (text, passkey) => {
      const element = document.createElement('button');
      element.type = 'button';
      element.textContent = text;
      element.addEventListener('click', () => {
        picked = passkey;
        dialog.close();
      });
      dialog.append(element);
    };
    for (const passkey of passkeys) button(passkey.name || passkey.id.slice(0, 8), passkey);
    button(say('cancel'), null);
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(picked);
    }, { once: true });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// --- the button ------------------------------------------------------------------------------------------------------

const look = new CSSStyleSheet();
look.replaceSync(`
  .dev-authenticator {
    position: fixed; inset: auto 0 0; z-index: 5; display: flex; flex-wrap: wrap; align-items: center;
    justify-content: center; gap: .25rem .75rem; padding: .5rem 1rem calc(.5rem + env(safe-area-inset-bottom));
    font-size: .8125rem; color: #2b2410; background: #f6dd96;
  }
  .dev-authenticator button, .dev-authenticator-pick button {
    min-height: 2.5rem; padding: .35rem .9rem; border: 1.5px solid #5d4a12; border-radius: 10px; font: inherit;
    font-weight: 600; color: #2b2410; background: #fffaf0; cursor: pointer;
  }
  .dev-authenticator :focus-visible { outline-color: #2b2410; }
  .dev-authenticator-pick {
    display: grid; gap: .75rem; max-width: 24rem; padding: 1.5rem; border: 0; border-radius: 18px; color: #2b2410;
    background: #fdf3d3;
  }
  .dev-authenticator-pick:not([open]) { display: none; }
  .dev-authenticator-pick h2 { margin: 0; font-size: 1rem; }
`);
document.adoptedStyleSheets = [...document.adoptedStyleSheets, look];

const bar = document.createElement('aside');
bar.className = 'dev-authenticator';

function draw() {
  bar.setAttribute('aria-label', say('label'));
  const button = document.createElement('button');
  button.type = 'button';
  if (chosen()) {
    const text = document.createElement('span');
    text.textContent = say('using');
    button.textContent = say('stop');
    bar.replaceChildren(text, button);
  } else {
    button.textContent = say('use');
    bar.replaceChildren(button);
  }
  button.addEventListener('click', () => {
    localStorage.setItem(CHOSEN, chosen() ? 'no' : 'yes');
    draw();
    bar.querySelector('button')?.focus();
  });
  // Only where a passkey is asked for; the pages for paying look as they do in real life.
  bar.hidden = !['welcome', 'sign-in'].includes(document.body.dataset.view ?? '');
}

if (native) {
  /**
   * What we answer looks like a credential, though it is none of the browser's own.
   * @param {unknown} credential @returns {any}
   */
  const asCredential = (credential) => credential;
  native.create = async ({ publicKey, ...rest } = {}) => (publicKey && chosen()
    ? asCredential(await create(publicKey, rest.signal)) : nativeCreate({ publicKey, ...rest }));
  // The autofill offer always stays with the browser: it must not open anything by itself.
  native.get = async ({ publicKey, ...rest } = {}) => (publicKey && chosen() && rest.mediation !== 'conditional'
    ? asCredential(await get(publicKey, rest.signal)) : nativeGet({ publicKey, ...rest }));
}
document.body.append(bar);
draw();
new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ['lang'] });
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ['data-view'] });
