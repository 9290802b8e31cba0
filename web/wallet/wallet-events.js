// The live stream of the own wallet's durable events. It is read with `fetch`, for an EventSource could not prove this device. What an
// EventSource does is done here: a broken connection is taken up again behind the last event. Beyond it: an end on purpose, patience, and
// no event twice. A stream that is opened anew has no last event to name, so its owner looks back once when it is open (`opened`).
// And a browser never notices that a network has dropped the connection without a word: the watchdog does.

import { ours } from '/assets/api.js';
import { watchdog } from '/assets/watchdog.js';

const KINDS = [
  'payment', 'refund', 'cancel', 'top_up', 'top_up_failed', 'cash', 'goodwill', 'hold', 'capture', 'release', 'freeze',
  'unfreeze', 'sign_in', 'refused', 'access', 'device_asks',
];
/** After a break, until the connection is taken up again. */
const AGAIN_MS = 2_000;

/** @import { Entry } from '../types/answers.js' */

/** @typedef {Partial<Entry> & { session?: string, browser?: string, reason?: string }} EventData An entry of the history, or less where nothing moved. */
/** @typedef {{ id: string, name: string, data: string }} Message */

/**
 * The messages in a stream of text, as the standard for server-sent events cuts it. One that is not whole at its end is none.
 * @param {ReadableStream<Uint8Array>} body @param {(message: Message) => void} heard
 */
export async function readMessages(body, heard) {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = '';
  let message = { id: '', name: '', data: '' };
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [, field, text] = line.match(/^([a-z]*):? ?(.*)$/) ?? [];
      if (line === '') {
        if (message.name !== '' || message.data !== '') heard(message);
        message = { id: '', name: '', data: '' };
      } else if (field === 'event') message.name = text;
      else if (field === 'data') message.data += text;
      else if (field === 'id') message.id = text;
    }
  }
}

/**
 * `event(kind, data)` for each new event, `opened()` when events flow, `missed()` when more has happened than is told
 * one by one, `ended()` when the server closed the stream or refused it.
 * @param {{ event(kind: string, data: EventData): void, opened(): void, missed(): void, ended(): void }} owner
 */
export function eventStream({ event, opened, missed, ended }) {
  /** @type {{ abort: AbortController, flows: boolean } | null} */
  let source = null;
  let patience_ms = 1_000;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  // While the stream waits for its next try; nothing else is under way then.
  let waiting = false;
  let last = '';
  let seen = new Set();
  const dog = watchdog(() => end());

  function close() {
    clearTimeout(timer);
    waiting = false;
    dog.rest();
    source?.abort.abort();
    source = null;
  }

  function end() {
    close();
    ended();
  }

  /**
   * Passes an event on, from the stream or found by looking back, unless it was passed on before.
   * @param {string} kind @param {EventData} data @param {string} id
   */
  function offer(kind, data, id) {
    if (id !== '' && seen.has(`${kind} ${id}`)) return;
    // A session sees a handful of events; the set is bounded all the same.
    if (seen.size > 500) seen = new Set();
    seen.add(`${kind} ${id}`);
    event(kind, data);
  }

  /** @param {Message} message */
  function hear({ id, name, data }) {
    dog.heard();
    if (id !== '') last = id;
    if (name === 'closed') end();
    else if (name === 'reload') missed();
    else if (name === 'crowded') {
      // Younger windows listen now. This one asks again when its user comes back to it, or they would push each other out
      // for ever.
      close();
      window.addEventListener('focus', ended, { once: true });
    } else if (KINDS.includes(name)) {
      /** @type {EventData} */
      let told;
      try {
        told = JSON.parse(data);
      } catch {
        return;
      }
      // Freezing has no id: it is a state, and hearing it twice does no harm.
      offer(name, told, told.id === undefined ? '' : String(told.id));
    }
  }

  /** @param {NonNullable<typeof source>} own */
  async function listen(own) {
    const isMine = () => source === own;
    try {
      const headers = { accept: 'text/event-stream', ...(last !== '' && { 'last-event-id': last }) };
      const response = await ours('/api/events', { method: 'GET', headers, signal: own.abort.signal });
      if (!isMine()) return;
      if (!response.ok || response.body === null) {
        retryLater();
        return;
      }
      patience_ms = 1_000;
      own.flows = true;
      dog.heard();
      opened();
      await readMessages(response.body, (message) => { if (isMine()) hear(message); });
    } catch { /* broken: taken up again below */ }
    if (!isMine()) return;
    own.flows = false;
    timer = setTimeout(() => listen(own), AGAIN_MS);
  }

  function open() {
    close();
    last = '';
    source = { abort: new AbortController(), flows: false };
    dog.heard();
    listen(source);
  }

  function retryLater() {
    close();
    waiting = true;
    timer = setTimeout(end, patience_ms);
    patience_ms = Math.min(patience_ms * 2, 30_000);
  }

  /**
   * The page is looked at again, or the network is back. Timers may have slept meanwhile, so what happened is asked for; and
   * nobody who looks at the page waits for the next try.
   */
  function look() {
    if (waiting || (source !== null && (dog.isSilent() || !source.flows))) {
      patience_ms = 1_000;
      end();
    } else if (source !== null) opened();
  }

  return { open, close, offer, retryLater, look };
}
