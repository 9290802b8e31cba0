// The payment code without a page: when one is asked for, how long it may be shown, and everything that takes it away.
// A code is held only while somebody can look at it: it goes when the page is hidden or left, when it was spent, and at
// its end of life.

import { after, byEvent, cancel } from '/assets/machine.js';

/** @import { After, Cancel, Handlers, Step } from '../types/pages.js' */
/** @import { Code } from '../types/answers.js' */

/**
 * @typedef {{ page_ms: number, wall_ms: number }} Clocks One stops while the machine sleeps, one can be set.
 */
/**
 * @typedef {Code & { asked: Clocks, left_ms: number }} Held A code, since when we know it, and how long it still lives.
 */
/** @typedef {{ is: 'loading' } | { is: 'hidden' } | { is: 'failed', error: unknown }} Blank Why no code is shown. */

/**
 * @typedef {object} CodeState
 * @property {boolean} seen whether somebody can look at the page
 * @property {Held | null} held
 * @property {Blank} blank
 * @property {boolean} asking
 * @property {boolean} number_open
 * @property {boolean} large whether the barcode stands in a sheet of its own
 * @property {number} room width of the card in CSS pixels; 0 until it was measured
 * @property {number} tall height of the page
 * @property {number} density device pixels in one of them
 */

/**
 * @typedef {{ is: 'answered', code: Code, asked: Clocks, spoken: boolean }
 *   | { is: 'failed', error: unknown, refused: boolean, clocks: Clocks } | { is: 'tick' }
 *   | { is: 'time', clocks: Clocks }
 *   | { is: 'renew', spoken: boolean } | { is: 'hidden' } | { is: 'seen' } | { is: 'spent' } | { is: 'online' }
 *   | { is: 'toggle_number' } | { is: 'enlarge' } | { is: 'large_closed' }
 *   | { is: 'measured', room: number, tall: number, density: number }} CodeEvent
 */

/**
 * @typedef {{ do: 'issue', name: 'issue', spoken: boolean } | { do: 'read_clocks' } | { do: 'keep_awake' }
 *   | { do: 'announce' } | { do: 'open_large' } | { do: 'close_large' } | After<CodeEvent> | Cancel} CodeEffect
 */

// The next code is fetched this long before the shown one dies, so that the cashier never meets a dead code on screen.
export const RENEW_BEFORE_MS = 2_000;
const TRY_AGAIN_MS = 3_000;
const TRY_AGAIN_BEHIND_A_CODE_MS = 1_000;
const TICK_MS = 250;

/** The later of the two clocks decides. @param {Held} held @param {Clocks} now */
const leftMs = ({ life_ms, asked }, now) => (
  life_ms - Math.max(now.page_ms - asked.page_ms, now.wall_ms - asked.wall_ms));

/**
 * Asks for a code, unless nobody could see it. An answer under way is forgotten.
 * @param {CodeState} state @returns {Step<CodeState, CodeEffect>}
 */
const issue = (state, spoken = false) => (state.seen
  ? [{ ...state, asking: true }, cancel('retry'), { do: 'issue', name: 'issue', spoken }]
  : [state]);

/**
 * Takes the code away, wherever it is shown.
 * @param {CodeState} state @param {Blank} why @returns {Step<CodeState, CodeEffect>}
 */
function blank(state, why) {
  /** @type {CodeEffect[]} */
  const close = state.large ? [{ do: 'close_large' }] : [];
  return [{ ...state, held: null, large: false, blank: why }, cancel('tick'), ...close];
}

/**
 * As `blank`, and whatever is under way is forgotten.
 * @param {CodeState} state @param {Blank} why @returns {Step<CodeState, CodeEffect>}
 */
function forget(state, why) {
  const [next, ...effects] = blank(state, why);
  return [{ ...next, asking: false }, cancel('issue'), cancel('retry'), ...effects];
}

/** @param {number} ms @returns {CodeEffect} */
const retryAfter = (ms) => after('retry', ms, { is: 'renew', spoken: false });

/** @type {Handlers<CodeState, CodeEvent, CodeEffect>} */
const on = {
  answered(state, { code, asked, spoken }) {
    /** @type {CodeEffect[]} */
    const told = spoken ? [{ do: 'announce' }] : [];
    const held = { ...code, asked, left_ms: code.life_ms };
    return [{ ...state, held, asking: false }, { do: 'read_clocks' }, after('tick', TICK_MS, { is: 'tick' }), ...told];
  },
  failed(state, { error, refused, clocks }) {
    const next = { ...state, asking: false };
    if (state.held !== null && leftMs(state.held, clocks) > 0) return [next, retryAfter(TRY_AGAIN_BEHIND_A_CODE_MS)];
    const [empty, ...effects] = blank(next, { is: 'failed', error });
    return refused ? [empty, ...effects] : [empty, ...effects, retryAfter(TRY_AGAIN_MS)];
  },
  tick: (state) => [state, { do: 'read_clocks' }, after('tick', TICK_MS, { is: 'tick' })],
  time(state, { clocks }) {
    if (state.held === null) return [state];
    const left_ms = leftMs(state.held, clocks);
    if (left_ms <= 0) {
      const [empty, ...gone] = blank(state, { is: 'loading' });
      const [next, ...effects] = issue(empty);
      return [next, ...gone, ...effects];
    }
    const aged = { ...state, held: { ...state.held, left_ms } };
    return left_ms <= RENEW_BEFORE_MS && !state.asking ? issue(aged) : [aged];
  },
  renew: (state, { spoken }) => issue(state, spoken),
  hidden: (state) => forget({ ...state, seen: false }, { is: 'hidden' }),
  seen(state) {
    const [empty, ...gone] = blank({ ...state, seen: true }, { is: 'loading' });
    const [next, ...effects] = issue(empty);
    return [next, ...gone, ...effects, { do: 'keep_awake' }];
  },
  /** The code on screen was used. Its owner asks for the next one when they have seen the result. */
  spent: (state) => forget(state, { is: 'loading' }),
  online: (state) => (state.held === null ? issue(state) : [state]),
  toggle_number: (state) => [{ ...state, number_open: !state.number_open }],
  enlarge: (state) => (state.held === null ? [state] : [{ ...state, large: true }, { do: 'open_large' }]),
  large_closed: (state) => [{ ...state, large: false }],
  measured: (state, { room, tall, density }) => (
    room === state.room && tall === state.tall && density === state.density ? [state]
      : [{ ...state, room, tall, density }]),
};

export const updateCode = byEvent(on);

/** @param {boolean} seen @returns {Step<CodeState, CodeEffect>} */
export function beginCode(seen) {
  /** @type {CodeState} */
  const state = {
    seen, held: null, blank: { is: 'loading' }, asking: false, number_open: false, large: false, room: 0, tall: 0, density: 1,
  };
  const [next, ...effects] = issue(state);
  return [next, { do: 'keep_awake' }, ...effects];
}
