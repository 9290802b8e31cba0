// Push messages for this browser: asked for by a press of a button alone, taken back, and told to the server again when the browser
// has moved to another address.

import { get, post } from '/assets/api.js';

/** @import { NoticeState } from '../types/answers.js' */

// The address that the server was told last, so that a browser that was taken off from elsewhere does not put itself on again.
const TOLD = 'mamori-push';

/** Whether this browser can take push at all. */
export const takesPush = () => 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;

/** @param {string} text */
function bytesOf(text) {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}

/** @param {PushSubscription} subscription @param {Uint8Array} key */
function isWithKey(subscription, key) {
  const used = subscription.options?.applicationServerKey;
  if (!used) return true;
  const bytes = new Uint8Array(used);
  return bytes.length === key.length && bytes.every((byte, at) => byte === key[at]);
}

/** @param {PushSubscription} subscription */
async function tell(subscription) {
  const { endpoint = '', keys = {} } = subscription.toJSON();
  await post('/api/notices/push/add', { endpoint, p256dh: keys.p256dh ?? '', auth: keys.auth ?? '' });
  localStorage.setItem(TOLD, endpoint);
}

/**
 * Asks the owner, and subscribes; false where the owner says no. Called by a press of a button.
 * @param {string} key
 */
export async function turnPushOn(key) {
  if (await Notification.requestPermission() !== 'granted') return false;
  const { pushManager } = await navigator.serviceWorker.ready;
  const applicationServerKey = bytesOf(key);
  const before = await pushManager.getSubscription();
  // One of another key can never be sent to again.
  if (before && !isWithKey(before, applicationServerKey)) await before.unsubscribe();
  await tell(await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey }));
  return true;
}

/** Takes this browser's subscription back. */
export async function turnPushOff() {
  localStorage.removeItem(TOLD);
  const { pushManager } = await navigator.serviceWorker.ready;
  await (await pushManager.getSubscription())?.unsubscribe();
}

/** Brings both sides together again: the browser may have another address now, the server another key, or the owner another mind. */
export async function renewPush() {
  if (!takesPush() || Notification.permission !== 'granted') return;
  const { pushManager } = await navigator.serviceWorker.ready;
  const subscription = await pushManager.getSubscription();
  if (!subscription) return;
  /** @type {NoticeState} */
  const { push_key, browsers } = await get('/api/notices');
  const key = bytesOf(push_key);
  const isSame = localStorage.getItem(TOLD) === subscription.endpoint;
  if (isSame && !browsers.some((browser) => browser.here)) await turnPushOff();
  else if (!isWithKey(subscription, key)) {
    await subscription.unsubscribe();
    await tell(await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
  } else if (!isSame) await tell(subscription);
}
