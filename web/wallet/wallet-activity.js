// What was done with the wallet besides paying: whoever fears that somebody else was in it looks here.

import { get, sentenceOf } from '/assets/api.js';
import { h, own, patch } from '/assets/draw.js';
import { el } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { dateTime, hasText, language, t } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';
import { beginActivity, updateActivity } from '/assets/wallet-activity-state.js';

/** @import { Machine } from '../types/pages.js' */
/** @import { Activity } from '../types/answers.js' */
/** @import { WalletView } from '/assets/wallet.js' */
/** @import { ActivityEvent, ActivityState } from '/assets/wallet-activity-state.js' */

/** @type {Record<string, string>} */
const PICTURES = {
  this_device: 'phone', another_device: 'phone', sign_up: 'person', operator: 'key', store: 'shop', merchant: 'shop', letter: 'mail',
};

/** A word of the server in the reader's language; a word of a newer server as it is. @param {string} key @param {string} word */
const spoken = (key, word) => (hasText(`${key}_${word}`) ? t(`${key}_${word}`) : word);

/** @param {Activity} act */
function byWords({ by }) {
  if (by.kind === 'store' || by.kind === 'merchant') return by.name ?? t('by_merchant');
  return spoken('by', by.kind);
}

/** @param {Activity} act */
function whereWords({ browser, same_network }) {
  return [
    browser !== null && browser !== 'unknown' && spoken('browser', browser),
    same_network !== null && t(same_network ? 'same_network' : 'other_network'),
  ].filter((words) => words !== false);
}

/** @param {Activity} act */
function row(act) {
  const words = [byWords(act), ...whereWords(act)].join(language() === 'ja' ? '・' : ' · ');
  const { refusal } = act;
  return h('li', { key: act.act, class: 'setting activity' },
    own(`icon ${act.by.kind}`, () => icon(PICTURES[act.by.kind] ?? 'clock')),
    h('span', { class: 'setting-words' },
      h('span', {}, spoken('act', act.undoing ? `${act.what}_back` : act.what)),
      act.contact !== undefined && h('span', { class: 'small number' }, act.contact),
      refusal !== null && h('span', { class: 'small' }, language() === 'ja' ? refusal.message_ja : refusal.message_en),
      h('span', { class: 'small soft' }, words),
      h('span', { class: 'small soft number' }, dateTime(act.at_ms))));
}

/** @param {ActivityState} state */
function statusWords({ acts, problem }) {
  if (problem !== null) return sentenceOf(problem);
  if (acts === null) return t('loading');
  return acts.length === 0 ? t('activity_nothing') : '';
}

/** @param {ActivityState} state @param {() => void} more */
const drawActivity = (state, more) => [
  h('div', { class: 'page-head' },
    h('a', { class: 'round-button', href: '#settings', 'aria-label': t('back') }, own('back', () => icon('back'))),
    h('h1', { tabindex: '-1' }, t('activity_title'))),
  h('p', { class: 'small soft activity-lead' }, t('activity_lead')),
  h('ul', { class: 'setting-group', hidden: (state.acts ?? []).length === 0 }, (state.acts ?? []).map(row)),
  h('p', { class: 'soft history-status', role: 'status' }, statusWords(state)),
  (state.next !== null || state.problem !== null) && h('button', {
    type: 'button', class: 'button quiet wide', 'aria-busy': state.busy && 'true', on: { click: more },
  }, t(state.problem === null ? 'more' : 'try_again')),
];

/** @param {{ before: string | null }} what @returns {Promise<ActivityEvent>} */
async function read({ before }) {
  try {
    const { acts, next } = await get(`/api/activity${before === null ? '' : `?before=${encodeURIComponent(before)}`}`);
    return { is: 'read', acts, next };
  } catch (error) {
    return { is: 'failed', error };
  }
}

/** @returns {WalletView} */
export function activityView() {
  const place = el('main', { class: 'settings' });
  /** @type {Machine<ActivityState, ActivityEvent>} */
  const view = machine({
    begin: beginActivity,
    update: updateActivity,
    draw: (state) => patch(place, drawActivity(state, () => view.send({ is: 'more' }))),
    perform: { read },
  });
  return { element: [place], ready: view.start, stop: view.stop };
}
