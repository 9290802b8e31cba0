// The live stream of the own wallet's durable events. The browser's EventSource resumes a broken connection with
// Last-Event-ID by itself; this file adds what it does not do: an end on purpose, patience, and no event twice. A
// stream that is opened anew has no Last-Event-ID to send, so its owner looks back once when it is open (`opened`).
// And a browser never notices that a network has dropped the connection without a word: the watchdog does.

import { watchdog } from '/assets/watchdog.js';

const KINDS = [
  'payment', 'refund', 'cancel', 'top_up', 'top_up_failed', 'cash', 'goodwill', 'hold', 'capture', 'release', 'freeze',
  'unfreeze', 'sign_in', 'refused',
];

/** @import { Entry } from '../types/answers.js' */

/** @typedef {Partial<Entry> & { session?: string, browser?: string, reason?: string }} EventData An entry of the history, or less where nothing moved. */

/**
 * `event(kind, data)` for each new event, `opened()` when events flow, `missed()` when more has happened than is told
 * one by one, `ended()` when the server closed the stream or refused it.
 * @param {{ event(kind: string, data: EventData): void, opened(): void, missed(): void, ended(): void }} owner
 */
export function eventStream({ event, opened, missed, ended }) {
  /** @type {EventSource | null} */
  let source = null;
  let patience_ms = 1_000;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  // While the stream waits for its next try; nothing else is under way then.
  let waiting = false;
  let seen = new Set();
  const dog = watchdog(() => end());

  function close() {
    clearTimeout(timer);
    waiting = false;
    dog.rest();
    source?.close();
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

  function open() {
    close();
    const opening = new EventSource('/api/events');
    source = opening;
    dog.heard();
    opening.addEventListener('open', () => {
      patience_ms = 1_000;
      dog.heard();
      opened();
    });
    opening.addEventListener('beat', dog.heard);
    opening.addEventListener('closed', end);
    opening.addEventListener('reload', missed);
    // Younger windows listen now. This one asks again when its user comes back to it, or they would push each other out
    // for ever.
    opening.addEventListener('crowded', () => {
      close();
      window.addEventListener('focus', ended, { once: true });
    });
    opening.addEventListener('error', () => {
      // While the browser reconnects by itself (CONNECTING) nothing is to be done.
      if (source?.readyState === EventSource.CLOSED) retryLater();
    });
    for (const kind of KINDS) {
      opening.addEventListener(kind, (message) => {
        dog.heard();
        /** @type {EventData} */
        let data;
        try {
          data = JSON.parse(message.data);
        } catch {
          return;
        }
        // Freezing has no id: it is a state, and hearing it twice does no harm.
        offer(kind, data, data.id === undefined ? '' : String(data.id));
      });
    }
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
    if (waiting || (source !== null && (dog.isSilent() || source.readyState !== EventSource.OPEN))) {
      patience_ms = 1_000;
      end();
    } else if (source !== null) opened();
  }

  return { open, close, offer, retryLater, look };
}
