// Talking to the own origin. Three ends, never mixed: an answer, a refusal (the server's final word, in the user's
// words) and "unreachable" (nobody knows; the caller decides whether to ask again with the same key).

import { language, t } from '/assets/i18n.js';

/** The server said no. `code` is for decisions in the page, `sentence()` is for people. */
export class Refused extends Error {
  constructor(status, body) {
    super(body?.refusal ?? `status ${status}`);
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

/** What to tell people about any error. */
export function sentenceOf(error) {
  return typeof error?.sentence === 'function' ? error.sentence() : t('unexpected');
}

let whenSignedOut = () => {};

/** Called whenever the server answers that nobody is signed in. */
export function onSignedOut(listener) {
  whenSignedOut = listener;
}

async function ask(path, options, timeout_ms) {
  let response;
  let body;
  try {
    response = await fetch(path, {
      ...options,
      cache: 'no-store',
      credentials: 'same-origin',
      redirect: 'error',
      signal: AbortSignal.timeout(timeout_ms),
    });
    const text = await response.text();
    body = text === '' ? {} : JSON.parse(text);
  } catch {
    throw new Unreachable(path);
  }
  if (response.ok) return body;
  // 5xx, 408 and 429 say "not now" or "nobody knows": nothing is refused for good.
  if (response.status >= 500 || response.status === 408 || response.status === 429) throw new Unreachable(path);
  const refused = new Refused(response.status, body);
  if (response.status === 401 && refused.code === 'signed_out') whenSignedOut();
  throw refused;
}

export function get(path, timeout_ms = 10_000) {
  return ask(path, { method: 'GET', headers: { accept: 'application/json' } }, timeout_ms);
}

export function post(path, body = {}, timeout_ms = 10_000) {
  return ask(path, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }, timeout_ms);
}
