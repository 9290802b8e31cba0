// A passkey is offered to whoever has just signed in with a password on the phone that pays: one press now, one touch from then on. The
// server offers it for five minutes and asks for nothing more; whoever declines is left alone for a month.

import { Refused, post } from '/assets/api.js';
import { announce, el, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { t } from '/assets/i18n.js';
import { ceremonyProblem, createPasskey, nameOf } from '/assets/passkey.js';
import { openSheet } from '/assets/sheet.js';
import { tellOwn } from '/assets/passkey-signals.js';
import { proposedName } from '/assets/wallet-passkeys.js';

const DECLINED = 'mamori.passkey-declined';
const LEFT_ALONE_MS = 30 * 86_400_000;

/** @param {number} now */
function wasDeclined(now) {
  try {
    return Math.abs(now - Number(localStorage.getItem(DECLINED) ?? 0)) < LEFT_ALONE_MS;
  } catch {
    return false;
  }
}

/** @param {number} now */
function decline(now) {
  try {
    localStorage.setItem(DECLINED, String(now));
  } catch { /* then it is offered at the next sign-in */ }
}

/** Whether this phone makes passkeys by itself, by face, finger or PIN. */
async function canMake() {
  try {
    return await (globalThis.PublicKeyCredential?.isUserVerifyingPlatformAuthenticatorAvailable?.() ?? false);
  } catch {
    return false;
  }
}

/** Offers one, where this phone and the server would take it. @param {number} now */
export async function offerPasskey(now) {
  if (wasDeclined(now) || !await canMake()) return;
  /** @type {{ registration: string, creation: unknown }} */
  let begun;
  try {
    begun = await post('/api/passkeys/offer');
  } catch (error) {
    if (error instanceof Refused) return;
    throw error;
  }
  const problem = el('p', { class: 'problem', role: 'alert' });
  const make = el('button', { type: 'button', class: 'button wide', on: { click: () => whileBusy(make, async () => {
    problem.textContent = '';
    try {
      const credential = await createPasskey(begun.creation);
      const name = proposedName(navigator.userAgent);
      await post('/api/passkeys/finish', { registration: begun.registration, credential, ...(name === '' ? {} : { name }) });
      sheet.close();
      announce(t('passkey_offer_done'));
      await tellOwn().catch(() => { /* a hint for the browser */ });
    } catch (error) {
      const key = ceremonyProblem(error);
      problem.textContent = key !== null ? t(key) : nameOf(error) === 'AbortError' ? '' : t('passkey_offer_failed');
    }
  }) } }, icon('key'), t('passkey_offer_yes'));
  const later = el('button', { type: 'button', class: 'button quiet wide', on: { click() {
    decline(now);
    sheet.close();
  } } }, t('passkey_offer_no'));
  const sheet = openSheet(t('passkey_offer_title'),
    el('div', { class: 'sign-in-notice' }, el('p', {}, t('passkey_offer_lead')), problem, make, later), { focus: make });
}
