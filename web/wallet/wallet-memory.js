// What this browser remembers of signing up: a half-done sign-up, and that it has opened a wallet before.

const KEPT = 'mamori.sign-up';
const KNOWN = 'mamori.known';

const STORES = /** @type {const} */ (['sessionStorage', 'localStorage']);

/**
 * A phone drops the page while its owner reads the message in another app, or opens the wallet in another tab from there: the
 * browser still knows what was begun. Null forgets it.
 * @param {object | null} begun
 */
export function keepSignUp(begun) {
  if (begun === null) forgetSignUp();
  else for (const store of STORES) try { window[store].setItem(KEPT, JSON.stringify(begun)); } catch { /* then a new page begins anew */ }
}

/** @param {typeof STORES[number]} store */
export function keptIn(store) {
  try { return JSON.parse(window[store].getItem(KEPT) ?? 'null'); } catch { return null; }
}

function forgetSignUp() {
  for (const store of STORES) try { window[store].removeItem(KEPT); } catch { /* nothing was kept */ }
}

/** Somebody is signed in: what was begun is over, and from now on this browser knows that it has opened a wallet. */
export function signedIn() {
  forgetSignUp();
  try { localStorage.setItem(KNOWN, 'yes'); } catch { /* then everybody is met as new */ }
}

/** That there was one, and nothing about whose it is. */
export function knowsAWallet() {
  try { return localStorage.getItem(KNOWN) === 'yes'; } catch { return false; }
}
