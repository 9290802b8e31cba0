// What a page tells the browser of passkeys, where the browser has the calls (WebAuthn's signal methods): which ones are accepted,
// what the account is called, and that one is unknown. A browser that has them keeps its own list true, so that nobody is
// offered a passkey that opens nothing. They are hints: whether one fails changes nothing here.

import { get } from '/assets/api.js';

/** @import { OwnPasskeys, PasskeySignals } from '../types/answers.js' */

/** The browser's calls; older type libraries and browsers do not know them. @returns {any} */
const calls = () => globalThis.PublicKeyCredential;

/** @param {string} name @param {Record<string, unknown>} what */
async function signal(name, what) {
  try {
    await calls()?.[name]?.(what);
  } catch { /* not in this browser, or not now */ }
}

/** Whether this browser can be told which passkeys are accepted. */
export const hearsSignals = () => typeof calls()?.signalAllAcceptedCredentials === 'function';

/** Tells all that is so: which passkeys open the account, and what it is called. @param {PasskeySignals} signals */
export async function tellAccepted({ rp_id, user_id, accepted, name, display_name }) {
  await signal('signalAllAcceptedCredentials', { rpId: rp_id, userId: user_id, allAcceptedCredentialIds: accepted });
  await signal('signalCurrentUserDetails', { rpId: rp_id, userId: user_id, name, displayName: display_name });
}

/** Asks for the passkeys of whoever is signed in and tells of them, where the browser hears it. */
export async function tellOwn() {
  if (!hearsSignals()) return;
  /** @type {OwnPasskeys} */
  const { signals } = await get('/api/passkeys');
  await tellAccepted(signals);
}

/** The server knows no such passkey: the browser need not offer it again. @param {string} rpId @param {string} credentialId */
export const tellUnknown = (rpId, credentialId) => signal('signalUnknownCredential', { rpId, credentialId });
