// What a first code does not need. Each part is fetched when it is first asked for, and those that a customer opens next once the
// code is on screen: a slow phone at the till loads a third of the wallet.

import { el } from '/assets/elements.js';
import { addTexts, t } from '/assets/i18n.js';
import { usePasskey } from '/assets/passkey.js';
import { openSheet } from '/assets/sheet.js';

/**
 * A part with its texts. Both are fetched at once.
 * @template T
 * @param {Promise<T>} part @param {Promise<import('/assets/i18n.js').Texts>} texts
 */
async function spoken(part, texts) {
  const [module, found] = await Promise.all([part, texts]);
  addTexts(found);
  return module;
}

/** @template T @param {Promise<T>} part */
const usual = (part) => spoken(part, import('/assets/wallet-later-texts.js').then((found) => found.walletLaterTexts));

/** @template T @param {Promise<T>} part */
const ofPasswords = (part) => usual(spoken(part, import('/assets/wallet-password-texts.js').then((found) => found.walletPasswordTexts)));

/** @template T @param {Promise<T>} part */
const withContacts = (part) => spoken(part, import('/assets/wallet-contacts-texts.js').then((found) => found.walletContactsTexts));

/** @template T @param {Promise<T>} part */
const ofExternalIds = (part) => ofPasswords(spoken(part, import('/assets/wallet-external-id-texts.js').then((found) => found.walletExternalIdTexts)));

/** @template T @param {Promise<T>} part */
const ofFreezing = (part) => usual(spoken(part, import('/assets/wallet-freeze-texts.js').then((found) => found.walletFreezeTexts)));

/** @template T @param {Promise<T>} part */
const ofSecurity = (part) => usual(spoken(part, import('/assets/wallet-security-texts.js').then((found) => found.walletSecurityTexts)));
const recoveryTexts = () => import('/assets/wallet-recovery-texts.js').then((found) => found.walletRecoveryTexts);

/** @template T @param {Promise<T>} part */
const ofRecovery = (part) => usual(spoken(part, recoveryTexts()));

/** @template T @param {Promise<T>} part */
const ofNotices = (part) => spoken(part, import('/assets/wallet-notices-texts.js').then((found) => found.walletNoticesTexts));

/** The parts, by what they are for. */
export const later = {
  activity: () => usual(import('/assets/wallet-activity.js')),
  closing: () => ofSecurity(import('/assets/wallet-closing.js')),
  code_prompt: () => ofPasswords(import('/assets/wallet-code-prompt.js')),
  contact_undo: () => withContacts(import('/assets/wallet-contact-undo.js')),
  contacts: () => withContacts(usual(import('/assets/wallet-contacts.js'))),
  device: () => usual(import('/assets/wallet-device.js')),
  external_id: () => ofExternalIds(import('/assets/wallet-external-id.js')),
  freeze_by_code: () => ofFreezing(import('/assets/wallet-freeze-by-code.js')),
  freeze_code: () => ofFreezing(import('/assets/wallet-freeze-code.js')),
  help: () => usual(import('/assets/wallet-help.js')),
  history: () => usual(import('/assets/wallet-history.js')),
  my_data: () => ofSecurity(import('/assets/wallet-my-data.js')),
  not_me: () => ofNotices(import('/assets/wallet-not-me.js')),
  notices: () => ofNotices(usual(import('/assets/wallet-notices.js'))),
  passkeys: () => spoken(usual(import('/assets/wallet-passkeys.js')),
    import('/assets/wallet-passkeys-texts.js').then((found) => found.walletPasskeysTexts)),
  passkey_offer: () => spoken(usual(import('/assets/wallet-passkey-offer.js')),
    import('/assets/wallet-passkeys-texts.js').then((found) => found.walletPasskeysTexts)),
  password: () => ofPasswords(import('/assets/wallet-password.js')),
  password_entry: () => ofPasswords(import('/assets/wallet-password-entry.js')),
  permissions: () => usual(import('/assets/wallet-permissions.js')),
  push: () => import('/assets/wallet-push.js'),
  receipt: () => usual(import('/assets/wallet-receipt.js')),
  recover: () => ofPasswords(spoken(import('/assets/wallet-recover.js'), recoveryTexts())),
  recovery: () => ofRecovery(import('/assets/wallet-recovery.js')),
  recovery_notices: () => ofRecovery(import('/assets/wallet-recovery-notices.js')),
  recovery_undo: () => withContacts(ofRecovery(import('/assets/wallet-recovery-undo.js'))),
  result: () => usual(import('/assets/wallet-result.js')),
  sessions: () => usual(import('/assets/wallet-sessions.js')),
  settings: () => ofSecurity(import('/assets/wallet-settings.js')),
  signals: () => import('/assets/passkey-signals.js'),
  trusted: () => ofRecovery(import('/assets/wallet-trusted.js')),
  top_up: () => usual(import('/assets/wallet-top-up.js')),
  welcome: () => usual(import('/assets/wallet-welcome.js')),
};

/** @typedef {keyof typeof later} Part */

/** What a payment or a tap may need at once. The others wait until they are asked for. @type {Part[]} */
const NEXT = ['result', 'top_up', 'history', 'receipt', 'settings', 'sessions', 'device'];

let ahead = false;

/** Fetches what comes next, once, and quietly: who taps before it is there waits for it. */
export function fetchAhead() {
  if (ahead) return;
  ahead = true;
  if (globalThis.Notification?.permission === 'granted') later.push().then(({ renewPush }) => renewPush()).catch(() => { /* the next opening tells */ });
  for (const part of NEXT) later[part]().catch(() => { /* asked for again, and told, when it is wanted */ });
}

/**
 * Goes on with a part once it is here. What cannot be fetched, without a network or behind a newer program, is told; the page begins
 * anew at the same address.
 * @template {Part} P
 * @param {P} part @param {(module: Awaited<ReturnType<(typeof later)[P]>>) => unknown} use
 */
export async function withPart(part, use) {
  let module;
  try {
    module = /** @type {Awaited<ReturnType<(typeof later)[P]>>} */ (await later[part]());
  } catch {
    const again = el('button', { type: 'button', class: 'button wide', on: { click: () => location.reload() } }, t('try_again'));
    openSheet(t('not_loaded'), el('div', {}, el('p', {}, t('unreachable')), again), { focus: again });
    return;
  }
  await use(module);
}

/** Parts that a tap waits for. @type {Set<Part>} */
const tapped = new Set();

/**
 * The same for what a tap opens: the second half of a double tap opens nothing.
 * @template {Part} P
 * @param {P} part @param {(module: Awaited<ReturnType<(typeof later)[P]>>) => unknown} use
 */
export async function onTap(part, use) {
  if (tapped.has(part)) return;
  tapped.add(part);
  await withPart(part, (module) => {
    tapped.delete(part);
    return use(module);
  }).finally(() => tapped.delete(part));
}

/**
 * What answers the challenge of a step-up: the passkey, or a code of the authenticator app for a wallet that has none.
 * @param {{ step_up: string, request?: any, totp?: boolean }} challenge
 */
export async function answerStepUp({ step_up, request, totp = false }) {
  if (!totp) return { step_up, credential: await usePasskey(request) };
  const { askForCode } = await later.code_prompt();
  return { step_up, totp: await askForCode() };
}
