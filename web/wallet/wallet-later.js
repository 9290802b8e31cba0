// What a first code does not need. Each part is fetched when it is first asked for, and those that a customer opens next once the
// code is on screen: a slow phone at the till loads a third of the wallet.

import { el } from '/assets/elements.js';
import { t } from '/assets/i18n.js';
import { openSheet } from '/assets/sheet.js';

/** The parts, by what they are for. */
export const later = {
  activity: () => import('/assets/wallet-activity.js'),
  help: () => import('/assets/wallet-help.js'),
  history: () => import('/assets/wallet-history.js'),
  permissions: () => import('/assets/wallet-permissions.js'),
  receipt: () => import('/assets/wallet-receipt.js'),
  result: () => import('/assets/wallet-result.js'),
  sessions: () => import('/assets/wallet-sessions.js'),
  settings: () => import('/assets/wallet-settings.js'),
  top_up: () => import('/assets/wallet-top-up.js'),
  welcome: () => import('/assets/wallet-welcome.js'),
};

/** @typedef {keyof typeof later} Part */

/** What a payment or a tap may need at once. The others wait until they are asked for. @type {Part[]} */
const NEXT = ['result', 'top_up', 'history', 'receipt', 'settings', 'sessions'];

let ahead = false;

/** Fetches what comes next, once, and quietly: who taps before it is there waits for it. */
export function fetchAhead() {
  if (ahead) return;
  ahead = true;
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
