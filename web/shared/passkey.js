// Passkeys: from the server's JSON options to the browser's authenticator and back to JSON. The conversion is written
// out because password managers that stand in for `navigator.credentials` often return objects without `toJSON`.

/** @param {string} text */
function toBytes(text) {
  const base64 = text.replaceAll('-', '+').replaceAll('_', '/');
  const binary = atob(base64);
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** @param {ArrayBuffer} buffer */
function toText(buffer) {
  let binary = '';
  for (const byte of new Uint8Array(buffer)) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** @param {{ id: string }[] | undefined} list @returns {any[]} */
const descriptors = (list) => (list ?? []).map((one) => ({ ...one, id: toBytes(one.id) }));

/** @type {AbortController | null} */
let waiting = null;

/** A conditional request waits in the background for ever; it must end before any other ceremony may begin. */
export function stopWaiting() {
  waiting?.abort();
  waiting = null;
}

/** Whether this browser can offer passkeys inside the autofill list of a text field. */
export async function canWaitInAutofill() {
  try {
    return await (globalThis.PublicKeyCredential?.isConditionalMediationAvailable?.() ?? false);
  } catch {
    return false;
  }
}

/** @param {Credential | null} credential A browser that answers nothing has not finished. */
function given(credential) {
  if (credential === null) throw new DOMException('no credential', 'NotAllowedError');
  return /** @type {PublicKeyCredential} */ (credential);
}

/** @param {PublicKeyCredential} credential What creating and using have in common. */
const told = (credential) => ({
  id: credential.id,
  rawId: toText(credential.rawId),
  type: credential.type,
  authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
  clientExtensionResults: credential.getClientExtensionResults?.() ?? {},
});

/**
 * Creates a passkey. `creation` is the server's `publicKey` object; the answer is what the server's finish call takes.
 * `mediation: 'conditional'` lets a browser that can make one quietly, right after a password was used, or give an error.
 * @param {any} creation @param {{ mediation?: CredentialMediationRequirement }} how
 */
export async function createPasskey(creation, { mediation } = {}) {
  stopWaiting();
  const options = creation.publicKey ?? creation;
  const credential = given(await navigator.credentials.create({
    ...(mediation === undefined ? {} : { mediation }),
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      user: { ...options.user, id: toBytes(options.user.id) },
      excludeCredentials: descriptors(options.excludeCredentials),
    },
  }));
  const response = /** @type {AuthenticatorAttestationResponse} */ (credential.response);
  return {
    ...told(credential),
    response: {
      clientDataJSON: toText(response.clientDataJSON),
      attestationObject: toText(response.attestationObject),
      transports: response.getTransports?.() ?? [],
    },
  };
}

/**
 * Uses a passkey. With `inAutofill` the browser offers it in the autofill list and waits, possibly for ever.
 * @param {any} request
 */
export async function usePasskey(request, { inAutofill = false } = {}) {
  stopWaiting();
  const abort = new AbortController();
  if (inAutofill) waiting = abort;
  const options = request.publicKey ?? request;
  const credential = given(await navigator.credentials.get({
    mediation: inAutofill ? 'conditional' : undefined,
    signal: abort.signal,
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      allowCredentials: descriptors(options.allowCredentials),
    },
  }));
  if (waiting === abort) waiting = null;
  const response = /** @type {AuthenticatorAssertionResponse} */ (credential.response);
  return {
    ...told(credential),
    response: {
      clientDataJSON: toText(response.clientDataJSON),
      authenticatorData: toText(response.authenticatorData),
      signature: toText(response.signature),
      userHandle: response.userHandle ? toText(response.userHandle) : undefined,
    },
  };
}

/** @param {unknown} error Whatever was thrown: password managers throw objects of their own. */
export const nameOf = (error) => (typeof error === 'object' && error !== null && 'name' in error ? error.name : '');

/**
 * The text key that explains why a ceremony did not end well; null when it was our own abort.
 * @param {unknown} error
 */
export function ceremonyProblem(error) {
  switch (nameOf(error)) {
    case 'AbortError': return null;
    case 'NotAllowedError': return 'passkey_not_finished';
    case 'InvalidStateError': return 'passkey_already_here';
    case 'NotSupportedError':
    case 'SecurityError':
    case 'TypeError': return 'passkey_not_supported';
    default: return null;
  }
}
