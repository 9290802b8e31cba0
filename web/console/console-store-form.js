// Where a store is and what it sells: the form for a new store and for one that is described anew, and the words for it.

import { h } from '/assets/draw.js';
import { problemLine, submitting, workSheet } from '/assets/console-frame.js';
import { hasText, language, t } from '/assets/i18n.js';

/** @import { Child } from '../types/pages.js' */
/** @import { Store, StoreDetails } from '../types/answers.js' */
/** @import { Run } from '/assets/console-frame.js' */
/** @import { SheetEvent, SheetState } from '/assets/console-sheet-state.js' */

const PREFECTURES = Array.from({ length: 47 }, (_, at) => String(at + 1));
const KINDS = [
  'convenience', 'supermarket', 'drugstore', 'restaurant', 'cafe', 'bakery', 'books', 'clothing', 'electronics', 'games',
  'tickets', 'transport', 'lodging', 'services', 'online', 'other',
];

/** Where and what, in a line; empty where nothing is said. @param {StoreDetails} details */
export function storeWords({ prefecture, town, kind }) {
  const region = prefecture === null ? '' : t(`prefecture_${prefecture}`);
  const order = language() === 'ja' ? [region, town] : [town, region];
  const where = order.filter(Boolean).join(language() === 'ja' ? '' : ', ');
  const what = kind === null ? '' : hasText(`store_${kind}`) ? t(`store_${kind}`) : kind;
  return [where, what].filter(Boolean).join(language() === 'ja' ? '・' : ' · ');
}

/** What the server is told. @param {Readonly<Record<string, string>>} fields @returns {StoreDetails} */
export const detailsOf = ({ prefecture, town, kind }) => ({
  prefecture: prefecture === '' ? null : Number(prefecture), town: town.trim() || null, kind: kind || null,
});

/** @param {string} label @param {string} name @param {string[]} values @param {string} key @param {SheetState} state @param {(event: SheetEvent) => void} send */
const choice = (label, name, values, key, { fields }, send) => h('div', { class: 'field' },
  h('label', { for: `store-${name}` }, label),
  h('select', {
    id: `store-${name}`, value: fields[name],
    on: { change: (event) => send({ is: 'field', name, value: event.target.value }) },
  },
  h('option', { key: '', value: '' }, t('not_said')),
  values.map((value) => h('option', { key: value, value }, t(`${key}_${value}`)))));

/** @param {SheetState} state @param {(event: SheetEvent) => void} send @returns {Child[]} */
const detailFields = (state, send) => [
  choice(t('prefecture'), 'prefecture', PREFECTURES, 'prefecture', state, send),
  h('div', { class: 'field' },
    h('label', { for: 'store-town' }, t('town')),
    h('input', {
      id: 'store-town', type: 'text', maxlength: '40', autocomplete: 'off', 'aria-describedby': 'store-town-hint',
      value: state.fields.town,
      on: { input: (event) => send({ is: 'field', name: 'town', value: event.target.value }) },
    }),
    h('span', { class: 'hint', id: 'store-town-hint' }, t('town_hint'))),
  choice(t('store_kind'), 'kind', KINDS, 'store', state, send),
];

/** @param {SheetState} state @param {Child} action */
const go = ({ busy, problem }, action) => [
  problemLine(problem),
  h('button', { type: 'submit', class: 'button wide', 'aria-busy': busy && 'true' }, action),
];

/** Asks for a new store. @param {Run} run */
export const askForStore = (run) => workSheet(t('add_store'), run, (state, send) => [
  h('form', { class: 'form', on: submitting(send) },
    h('div', { class: 'field' },
      h('label', { for: 'new-name' }, t('store_name')),
      h('input', {
        id: 'new-name', name: 'name', type: 'text', required: true, maxlength: '40', autocomplete: 'off', value: state.text,
        on: { input: (event) => send({ is: 'typed', text: event.target.value }) },
      })),
    detailFields(state, send), go(state, t('add'))),
], '#new-name', { prefecture: '', town: '', kind: '' });

/** Asks where a store is and what it sells. @param {Store} store @param {Run} run */
export const askForDetails = ({ name, prefecture, town, kind }, run) => workSheet(
  t('describe_store_title', { store: name }), run,
  (state, send) => [
    h('form', { class: 'form', on: submitting(send) }, detailFields(state, send), go(state, t('save')))],
  '#store-prefecture', { prefecture: String(prefecture ?? ''), town: town ?? '', kind: kind ?? '' });
