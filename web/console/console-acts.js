// Activity: who did what, to whom, when and from where; found by customer, operator, till or day.

import { get } from '/assets/api.js';
import { h, patch } from '/assets/draw.js';
import { el } from '/assets/elements.js';
import { card, consoleHead, drawing, problemLine } from '/assets/console-frame.js';
import { beginActs, updateActs } from '/assets/console-acts-state.js';
import { counted, dateTime, hasText, language, t } from '/assets/i18n.js';
import { machine } from '/assets/machine.js';

/** @import { Child, Machine, View } from '../types/pages.js' */
/** @import { Act, ActActor, ActSubject, ConsoleTill, Operator, RefusalWords } from '../types/answers.js' */
/** @import { Tools } from '/assets/console-frame.js' */
/** @import { ActsEvent, ActsState, SearchBy } from '/assets/console-acts-state.js' */

/** @typedef {(event: ActsEvent) => void} Send */
/** @typedef {{ operators: Operator[], tills: ConsoleTill[], today: string }} Choices What can be chosen from. */

/** @type {SearchBy[]} */
const WAYS = ['all', 'wallet', 'operator', 'till', 'day'];
/** @type {Record<string, string>} */
const PICTURES = { customer: 'person', operator: 'key', till: 'scan', key: 'copy', system: 'clock' };
const DAY = new Intl.DateTimeFormat('en-CA', { timeZone: 'Asia/Tokyo', year: 'numeric', month: '2-digit', day: '2-digit' });

/** A word of the server in the reader's language; a word of a newer server as it is. @param {string} key @param {string} word */
const spoken = (key, word) => (hasText(`${key}_${word}`) ? t(`${key}_${word}`) : word);

/** @param {string} key @param {string | null | undefined} name @param {string} id */
const numbered = (key, name, id) => (name ? t('named_number', { what: t(key), name, id }) : t('number_alone', { what: t(key), id }));

/** @param {Extract<ActActor, { kind: 'till' }>} by */
function tillWords({ name, store, till_id, approved_by }) {
  const till = name ? t('by_till', { store: store ?? '', till: name }) : numbered('till', null, String(till_id));
  return approved_by === null ? till : t('by_till_approved', { till, name: approved_by });
}

/** Who acted, in words. @param {ActActor} by */
export function actorWords(by) {
  switch (by.kind) {
    case 'customer': return numbered('by_customer', by.name, by.wallet_id);
    case 'operator': return by.name ? t('by_operator', { name: by.name }) : numbered('nav_operators', null, by.operator.slice(0, 8));
    case 'till': return tillWords(by);
    case 'key': return by.merchant ? t('by_key', { merchant: by.merchant, mark: by.mark }) : numbered('api_key', null, by.mark);
    default: return t('by_system', { reason: spoken('reason', by.reason) });
  }
}

/** An operator's id is long; its beginning tells one from another. @param {ActSubject} about */
function aboutWords(about) {
  if (about === null) return '';
  return numbered(`about_${about.kind}`, about.name, about.kind === 'operator' ? about.id.slice(0, 8) : about.id);
}

/** @param {RefusalWords} refusal */
const refusalWords = ({ message_ja, message_en }) => (language() === 'ja' ? message_ja : message_en);

/** @param {Act} act */
function whereWords({ from, browser, request }) {
  return [
    from !== null && t('from_network', { kind: from.prefix, hash: from.hash }),
    browser !== 'unknown' && spoken('browser', browser),
    request !== null && t('request_number', { id: request }),
  ].filter((words) => words !== false).join(language() === 'ja' ? '・' : ' · ');
}

/** @param {Act} act */
function row(act) {
  const where = whereWords(act);
  return h('li', { key: act.act, class: 'act-row' },
    drawing(PICTURES[act.by.kind] ?? 'receipt'),
    h('div', { class: 'act-words' },
      h('strong', {}, spoken('act', act.undoing ? `${act.what}_back` : act.what)),
      act.contact !== undefined && h('span', { class: 'number' }, act.contact),
      h('span', {}, act.by_letter ? t('by_letter', { who: actorWords(act.by) }) : actorWords(act.by)),
      act.about !== null && h('span', { class: 'soft' }, t('about', { whom: aboutWords(act.about) })),
      act.refusal !== null && h('span', { class: 'act-refused' },
        drawing('alert'), t('act_refused', { why: refusalWords(act.refusal) })),
      where !== '' && h('span', { class: 'small soft number act-where' }, where)),
    h('time', { class: 'small soft number', datetime: new Date(act.at_ms).toISOString() }, dateTime(act.at_ms)));
}

/** @param {string} by @param {Choices} choices */
function firstValue(by, { operators, tills, today }) {
  if (by === 'operator') return operators[0]?.operator ?? '';
  if (by === 'till') return tills.length > 0 ? String(tills[0].till_id) : '';
  return by === 'day' ? today : '';
}

/** @param {ActsState} state @param {Choices} choices @param {Send} send @returns {Child} */
function valueField({ by, value }, { operators, tills, today }, send) {
  if (by === 'all') return null;
  const label = h('label', { for: `acts-${by}` }, t(`search_${by}`));
  /** @param {Event & { target: HTMLInputElement }} event */
  const input = ({ target }) => send({ is: 'typed', value: target.value });
  if (by === 'wallet') {
    return h('div', { key: by, class: 'field' }, label, h('input', {
      id: `acts-${by}`, type: 'text', inputmode: 'numeric', autocomplete: 'off', required: true, maxlength: '20',
      value, on: { input },
    }));
  }
  if (by === 'day') {
    return h('div', { key: by, class: 'field' }, label, h('input', {
      id: `acts-${by}`, type: 'date', required: true, max: today, value, on: { input },
    }));
  }
  const options = by === 'operator'
    ? operators.map((one) => [one.operator, one.name])
    : tills.map((one) => [String(one.till_id), `${one.store} ${one.name}`]);
  /** @param {Event & { target: HTMLSelectElement }} event */
  const change = ({ target }) => send({ is: 'by', by, value: target.value });
  return h('div', { key: by, class: 'field' }, label,
    h('select', { id: `acts-${by}`, value, on: { change } },
      options.map(([id, name]) => h('option', { key: id, value: id }, name))));
}

/** @param {ActsState} state @param {Choices} choices @param {Send} send */
function searchForm(state, choices, send) {
  const { by, busy } = state;
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    send({ is: 'find' });
  };
  /** @param {Event & { target: HTMLSelectElement }} event */
  const change = ({ target }) => {
    const way = WAYS.find((one) => one === target.value) ?? 'all';
    send({ is: 'by', by: way, value: firstValue(way, choices) });
  };
  return h('form', { class: 'acts-form', on: { submit } },
    h('div', { class: 'field' },
      h('label', { for: 'acts-by' }, t('search_acts_by')),
      h('select', { id: 'acts-by', value: by, on: { change } },
        WAYS.map((way) => h('option', { key: way, value: way }, t(`search_${way}`))))),
    valueField(state, choices, send),
    h('button', { type: 'submit', class: 'button', 'aria-busy': busy && 'true' }, t('find')));
}

/** @param {ActsState} state */
function statusWords({ acts, problem }) {
  if (problem !== null) return '';
  if (acts === null) return t('loading');
  return acts.length === 0 ? t('no_acts') : counted('acts_shown', acts.length);
}

/** @param {{ query: string, more: boolean }} what @returns {Promise<ActsEvent>} */
async function read({ query, more }) {
  try {
    const { acts, next } = await get(`/api/acts${query === '' ? '' : `?${query}`}`);
    return { is: 'read', acts, next, more };
  } catch (error) {
    return { is: 'failed', error };
  }
}

/**
 * @param {{ operators: Operator[], tills: ConsoleTill[] }} answer @param {string | undefined} named @param {Tools} tools
 * @param {ActsState} [left] @returns {View}
 */
export function actsView(answer, named, tools, left) {
  const place = el('main', { class: 'dashboard narrow' });
  const choices = { ...answer, today: DAY.format(new Date()) };
  /** @type {Send} */
  const send = (event) => view.send(event);
  /** @type {Machine<ActsState, ActsEvent>} */
  const view = machine({
    begin: beginActs(named, left),
    update: updateActs,
    draw: (state) => patch(place, [card(t('acts'), 'receipt', 'acts',
      h('p', { class: 'small soft' }, t('acts_lead')),
      searchForm(state, choices, send),
      problemLine(state.problem),
      h('p', { class: 'small soft', role: 'status' }, statusWords(state)),
      h('ol', { class: 'acts' }, (state.acts ?? []).map(row)),
      state.next !== null && h('button', {
        type: 'button', class: 'button quiet wide', 'aria-busy': state.busy && 'true', on: { click: () => send({ is: 'more' }) },
      }, t('more_acts')))]),
    perform: { read },
  });
  return {
    element: [consoleHead('acts', t('nav_acts'), null, tools), place], ready: view.start, stop: view.stop, progress: view.state,
  };
}
