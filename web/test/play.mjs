// Plays a view's state machine without a page: events go in, the state and the effects of each step come out.

/** `begin` is the first step; `send` answers the effects of one event. */
export function play([first, ...begun], update) {
  const player = {
    state: first,
    begun,
    send(event) {
      const [state, ...effects] = update(player.state, event);
      player.state = state;
      return effects;
    },
    /** Events one after the other; the effects of the last. */
    sendAll: (...events) => events.map((event) => player.send(event)).at(-1),
  };
  return player;
}

/** The effects of one kind. */
export const those = (effects, kind) => effects.filter((effect) => effect.do === kind);
