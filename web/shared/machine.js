// A view's state and what may happen to it. `update(state, event)` is pure and answers the next state and the effects;
// `draw(state)` shows the state; `perform` has one function for each effect. Timers are effects too (`after`).

/** @import { After, Cancel, Handlers, Machine, Performers, Step } from '../types/pages.js' */

/** @template E @param {string} name @param {number} ms @param {E} event @returns {After<E>} */
export const after = (name, ms, event) => ({ do: 'after', name, ms, event });

/** @param {string} name @returns {Cancel} */
export const cancel = (name) => ({ do: 'cancel', name });

/**
 * An `update` out of one function for each kind of event.
 * @template S @template {{ is: string }} E @template F
 * @param {Handlers<S, E, F>} on
 * @returns {(state: S, event: E) => Step<S, F>}
 */
export const byEvent = (on) => (state, event) => {
  /** @type {any} */
  const handlers = on;
  return handlers[event.is](state, event);
};

/**
 * Starts effects and ends them: `send` hears what comes of them. An effect with a `name` takes the place of the one that
 * runs under it: a timer is set anew, and an answer that was replaced or cancelled is not heard.
 * @param {any} perform @param {(event: any) => void} send
 */
function runner(perform, send) {
  let stopped = false;
  /** @type {Map<string, () => void>} */
  const running = new Map();

  /** @param {string} name */
  function end(name) {
    running.get(name)?.();
    running.delete(name);
  }

  /** @param {After<unknown>} effect */
  function wait({ name, ms, event }) {
    const timer = setTimeout(() => {
      running.delete(name);
      send(event);
    }, ms);
    running.set(name, () => clearTimeout(timer));
  }

  /** @param {{ do: string, name?: string }} effect */
  function act(effect) {
    const { name } = effect;
    let live = true;
    const ended = () => { live = false; };
    if (name !== undefined) running.set(name, ended);
    /** @param {unknown} event */
    const answer = (event) => {
      if (!live || stopped) return;
      if (name !== undefined && running.get(name) === ended) running.delete(name);
      if (event) send(event);
    };
    const done = perform[effect.do](effect);
    if (done instanceof Promise) done.then(answer);
    else answer(done);
  }

  return {
    /** @param {any} effect */
    start(effect) {
      if (stopped) return;
      if (effect.name !== undefined) end(effect.name);
      if (effect.do === 'after') wait(effect);
      else if (effect.do !== 'cancel') act(effect);
    },
    stop() {
      stopped = true;
      for (const name of [...running.keys()]) end(name);
    },
    isStopped: () => stopped,
  };
}

/**
 * Runs a view: its first state is drawn at once, its first effects begin with `start`.
 * @template S @template {{ is: string }} E @template {{ do: string, name?: string }} F
 * @param {{ begin: Step<S, F>, update: (state: S, event: E) => Step<S, F>, draw: (state: S) => void,
 *   perform: Performers<E, F> }} view
 * @returns {Machine<S, E>}
 */
export function machine({ begin: [first, ...effects], update, draw, perform }) {
  let state = first;
  let busy = false;
  /** @type {E[]} */
  const waiting = [];
  const { start, stop, isStopped } = runner(perform, send);

  /** @param {E} event What an effect of this very step sends waits for its turn. */
  function send(event) {
    waiting.push(event);
    if (busy) return;
    busy = true;
    try {
      for (let next = waiting.shift(); next !== undefined && !isStopped(); next = waiting.shift()) {
        const before = state;
        const [now, ...todo] = update(state, next);
        state = now;
        if (state !== before) draw(state);
        todo.forEach(start);
      }
    } finally {
      busy = false;
    }
  }

  draw(state);
  return { start: () => effects.forEach(start), send, stop, state: () => state };
}
