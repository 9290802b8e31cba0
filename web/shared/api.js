// Talking to the own origin. Three ends, never mixed: an answer, a refusal (the server's final word, in the user's
// words) and "unreachable" (nobody knows; the caller decides whether to ask again with the same key).

import { language, t } from '/assets/i18n.js';

/** @typedef {{ refusal?: unknown, message_ja?: string, message_en?: string, field?: string,
 *   challenge?: string, bits?: number }} RefusalBody */

/** The server said no. `code` is for decisions in the page, `sentence()` is for people. */
export class Refused extends Error {
  /** @param {number} status @param {RefusalBody | null} body */
  constructor(status, body) {
    super(`refused: ${body?.refusal ?? status}`);
    this.status = status;
    this.code = typeof body?.refusal === 'string' ? body.refusal : 'unknown';
    this.field = body?.field;
    this.body = body ?? {};
  }

  sentence() {
    const spoken = language() === 'ja' ? this.body.message_ja : this.body.message_en;
    return spoken || t('refused_without_words');
  }
}

/** No final answer: network down, time out, or the server is not able to answer now. The outcome is unknown. */
export class Unreachable extends Error {
  sentence() {
    return navigator.onLine === false ? t('offline') : t('unreachable');
  }
}

/** What to tell people about any error. @param {unknown} error */
export function sentenceOf(error) {
  return error instanceof Refused || error instanceof Unreachable ? error.sentence() : t('unexpected');
}

let whenSignedOut = () => {};

/** Called whenever the server answers that nobody is signed in. @param {() => void} listener */
export function onSignedOut(listener) {
  whenSignedOut = listener;
}

/**
 * Proves that a request comes from this device, where the surface's sessions belong to devices.
 * @type {{ proofOf(method: string, path: string): Promise<string | null>, noteNonce(headers: Headers): void } | null}
 */
let device = null;

/** @param {typeof device} proving */
export function useDevice(proving) {
  device = proving;
}

/** @param {string} path @param {RequestInit} options */
async function send(path, options) {
  const proof = await device?.proofOf(options.method ?? 'GET', path);
  const headers = proof ? { ...options.headers, dpop: proof } : options.headers;
  const response = await fetch(path, { ...options, headers, cache: 'no-store', credentials: 'same-origin', redirect: 'error' });
  device?.noteNonce(response.headers);
  return response;
}

/**
 * Sends a request; once more if the nonce that it was proven with was too old: the answer has brought the next one.
 * @param {string} path @param {RequestInit} options
 */
export async function ours(path, options) {
  const response = await send(path, options);
  const stale = device !== null && response.status === 401 && /use_dpop_nonce/.test(response.headers.get('www-authenticate') ?? '');
  return stale ? send(path, options) : response;
}

/** @param {string} path @param {RequestInit} options @param {number} timeout_ms @returns {Promise<any>} */
async function ask(path, options, timeout_ms) {
  let response;
  let body;
  try {
    response = await ours(path, { ...options, signal: AbortSignal.timeout(timeout_ms) });
    const text = await response.text();
    body = text === '' ? {} : JSON.parse(text);
  } catch {
    throw new Unreachable(path);
  }
  // What the page has is what there is: nothing came.
  if (response.ok || response.status === 304) return body;
  // 5xx, 408 and a bare 429 say "not now" or "nobody knows": nothing is refused for good. A 429 with words says what to do.
  const silent = response.status === 429 && typeof body?.refusal !== 'string';
  if (response.status >= 500 || response.status === 408 || silent) throw new Unreachable(path);
  throw new Refused(response.status, body);
}

/** @param {unknown} error */
const isSignedOut = (error) => error instanceof Refused && error.status === 401 && error.code === 'signed_out';

/** @param {unknown} error @returns {never} */
function tell(error) {
  if (isSignedOut(error)) whenSignedOut();
  throw error;
}

/** What was posted and is not answered yet. @type {Set<Promise<unknown>>} */
const posting = new Set();

/** Whether anything was read yet: a visitor who never signed in is told so at once. */
let wasIn = false;

/** How long a session that another window renews may need until this window has the new cookie. */
const RENEWAL_MS = 300;

/**
 * The answer, as `types/answers.d.ts` describes it; empty where `version` is what there is.
 * @param {string} path @param {string} [version] what the page has @returns {Promise<any>}
 */
export async function get(path, timeout_ms = 10_000, version = undefined) {
  const headers = { accept: 'application/json', ...(version && { 'if-none-match': version }) };
  const once = () => ask(path, { method: 'GET', headers }, timeout_ms);
  try {
    const answer = await once();
    wasIn = true;
    return answer;
  } catch (error) {
    if (!wasIn || !isSignedOut(error)) return tell(error);
    // A fresh passkey renews the session. What was asked with the old cookie in that very moment hears that nobody is signed in,
    // and asks once more when the new one is here.
    await Promise.allSettled([...posting, new Promise((resolve) => { setTimeout(resolve, RENEWAL_MS); })]);
    return once().catch(tell);
  }
}

/** @param {string} path @param {object} body @returns {Promise<any>} */
export function post(path, body = {}, timeout_ms = 10_000) {
  const answer = ask(path, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }, timeout_ms);
  posting.add(answer);
  const over = () => { posting.delete(answer); };
  answer.then(over, over);
  return answer.catch(tell);
}
