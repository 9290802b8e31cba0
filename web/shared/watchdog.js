// Tells a silent connection from a quiet one. The server's streams beat every ten seconds even when nothing happens, so a
// longer silence means that the connection is gone, though neither side was told: a lift, a train, a router that forgot.

/** Two beats may be late by some seconds; a third is not waited for. */
export const SILENCE_MS = 25_000;

/**
 * `bark()` is called once when nothing was heard for too long; `heard` begins the watch anew, `rest` ends it.
 * @param {() => void} bark
 */
export function watchdog(bark) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let heard_ms = 0;
  return {
    heard() {
      clearTimeout(timer);
      heard_ms = Date.now();
      timer = setTimeout(bark, SILENCE_MS);
    },
    rest() {
      clearTimeout(timer);
    },
    /** Timers stand still while a phone sleeps; the clock on the wall does not. */
    isSilent: () => Date.now() - heard_ms > SILENCE_MS,
  };
}
