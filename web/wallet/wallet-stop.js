// The stop that somebody has asked for: the line above every page that says how it stands, and the asking
// (`wallet-stop-state.js`).

import { Refused, post, sentenceOf } from '/assets/api.js';
import { h, own, patch } from '/assets/draw.js';
import { el } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { t } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';
import { beginStop, updateStop } from '/assets/wallet-stop-state.js';

/** @import { Child, Machine } from '../types/pages.js' */
/** @import { WalletStatus } from '../types/answers.js' */
/** @import { StopEvent, StopState } from '/assets/wallet-stop-state.js' */

// Outlives a page that is loaded anew, and not its tab.
const KEPT = 'mamori.stop-asked';

/** @param {StopState} state @param {(event: StopEvent) => void} send @returns {Child[]} */
function drawLine({ asked, late, problem }, send) {
  const end = (/** @type {string} */ words) => h('button', {
    type: 'button', class: 'button quiet', on: { click: () => send({ is: 'give_up' }) },
  }, words);
  const sign = own('alert', () => icon('alert'));
  if (problem !== null) return [h('div', { class: 'stop-line' }, sign, h('p', {}, sentenceOf(problem)), end(t('close')))];
  return [asked && late && h('div', { class: 'stop-line' }, sign,
    h('p', {}, h('strong', {}, t('not_stopped_yet')), h('span', {}, t('not_stopped_yet_lead'))),
    end(t('give_stop_up')))];
}

/**
 * `frozen(status)` hears the server's answer, `changed()` that the asking began or ended, `look()` shall find out how the
 * wallet stands.
 * @param {{ frozen(status: WalletStatus): void, changed(): void, look(): void }} owner
 */
export function stopSwitch({ frozen, changed, look }) {
  const element = el('div', { class: 'stop-line-place', role: 'alert' });
  /** @param {StopState} state */
  function draw(state) {
    patch(element, drawLine(state, (event) => view.send(event)));
    changed();
  }
  /** @returns {Promise<StopEvent>} */
  async function freeze() {
    try {
      const { status } = await post('/api/freeze');
      frozen(status ?? 'frozen');
      return { is: 'frozen' };
    } catch (error) {
      return error instanceof Refused ? { is: 'refused', error } : { is: 'no_answer' };
    }
  }
  /** @type {Machine<StopState, StopEvent>} */
  const view = machine({
    begin: beginStop,
    update: updateStop,
    draw,
    perform: {
      freeze,
      look,
      keep() { try { sessionStorage.setItem(KEPT, 'yes'); } catch { /* then it lasts as long as the page */ } },
      forget() { try { sessionStorage.removeItem(KEPT); } catch { /* nothing was kept */ } },
    },
  });
  view.start();
  return {
    element,
    send: view.send,
    isAsked: () => view.state().asked,
    /** In another language. */
    redraw: () => draw(view.state()),
    /** Goes on with what was asked for before the page was loaded anew. */
    resume() {
      try { if (sessionStorage.getItem(KEPT) === 'yes') view.send({ is: 'ask' }); } catch { /* nothing was kept */ }
    },
  };
}
