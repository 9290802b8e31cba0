// Operators: who may enter the console. They invite and remove each other, each time with a fresh passkey.

import { post } from '/assets/api.js';
import { h } from '/assets/draw.js';
import { announce, el } from '/assets/elements.js';
import {
  agree, answerView, cardWith, consoleHead, copyable, drawing, postFresh, problemLine, rename, smallButton, submitting, workSheet,
} from '/assets/console-frame.js';
import { ROLES, may } from '/assets/console-may.js';
import { shortDateTime, t } from '/assets/i18n.js';

/** @import { View } from '../types/pages.js' */
/** @import { Operator, Operators } from '../types/answers.js' */
/** @import { Tools } from '/assets/console-frame.js' */
/** @import { SheetEvent, SheetState } from '/assets/console-sheet-state.js' */

/** @typedef {() => Promise<void>} Reload */

/** @param {Reload} reload */
function invite(reload) {
  workSheet(t('invite'), async (name, { role }) => {
    const { link, ends_at_ms } = await postFresh('/api/operators/invite', { name, role });
    await reload();
    return [
      h('p', {}, h('strong', {}, t('invited_title', { name }))),
      h('p', {}, t('invited_lead')),
      copyable(t('invited_link'), `${location.origin}/#link=${link}`),
      h('p', { class: 'soft number' }, t('pairing_until', { time: shortDateTime(ends_at_ms) })),
    ];
  }, (state, send) => [h('form', { class: 'form', on: submitting(send) },
    h('div', { class: 'field' },
      h('label', { for: 'new-name' }, t('operator_name')),
      h('input', {
        id: 'new-name', name: 'name', type: 'text', required: true, maxlength: '40', autocomplete: 'off',
        'aria-describedby': 'new-name-hint', value: state.text,
        on: { input: (event) => send({ is: 'typed', text: event.target.value }) },
      }),
      h('span', { class: 'hint', id: 'new-name-hint' }, t('operator_name_hint'))),
    roleField(state, send),
    problemLine(state.problem),
    h('button', { type: 'submit', class: 'button wide', 'aria-busy': state.busy && 'true' }, drawing('key'), t('invite_now')))],
  '#new-name', { role: 'viewer' }, true);
}

/** Which role, and what it lets one do. @param {SheetState} state @param {(event: SheetEvent) => void} send */
const roleField = ({ fields }, send) => h('div', { class: 'field' },
  h('label', { for: 'operator-role' }, t('role')),
  h('select', {
    id: 'operator-role', value: fields.role, 'aria-describedby': 'operator-role-hint',
    on: { change: (event) => send({ is: 'field', name: 'role', value: event.target.value }) },
  }, ROLES.map((role) => h('option', { key: role, value: role }, t(`role_${role}`)))),
  h('span', { class: 'hint', id: 'operator-role-hint' }, t(`role_${fields.role}_lead`)));

/** @param {Operator} one @param {Reload} reload */
const changeRole = (one, reload) => workSheet(t('role_title', { name: one.name }), async (_, { role }) => {
  await postFresh('/api/operators/role', { operator: one.operator, role });
  announce(t('role_changed', { name: one.name, role: t(`role_${role}`) }));
  await reload();
}, (state, send) => [h('form', { class: 'form', on: submitting(send) },
  h('p', {}, t('role_lead')),
  roleField(state, send),
  problemLine(state.problem),
  h('button', { type: 'submit', class: 'button wide', 'aria-busy': state.busy && 'true' }, drawing('key'), t('role_now')))],
'#operator-role', { role: one.role });

/** @param {Operator} one @param {Reload} reload */
function remove(one, reload) {
  const words = one.active ? 'remove' : 'withdraw';
  agree({
    title: t(`${words}_title`, { name: one.name }), lead: t(one.yourself ? 'remove_yourself_lead' : `${words}_lead`),
    action: t(`${words}_now`), danger: true,
    async run() {
      await postFresh('/api/operators/remove', { operator: one.operator });
      announce(t('removed', { name: one.name }), 'assertive');
      await reload();
    },
  });
}

/** Came back with a restore: whoever was removed since then came back too. @param {Operator} one @param {Reload} reload */
function confirm(one, reload) {
  agree({
    title: t('confirm_operator_title', { name: one.name }), lead: t('confirm_operator_lead'), action: t('confirm_operator_now'),
    async run() {
      await postFresh('/api/operators/confirm', { operator: one.operator });
      announce(t('operator_confirmed', { name: one.name }), 'assertive');
      await reload();
    },
  });
}

/** @param {Operator} one @param {Reload} reload */
const renameOperator = ({ operator, name }, reload) => rename(
  t('operator_name_new'), name, (text) => post('/api/operators/name', { operator, name: text }), reload, t('operator_name_hint'));

/** @param {Operator} one @param {number} now_ms */
function stateOf({ active, confirmed, link_ends_at_ms }, now_ms) {
  if (active && !confirmed) return h('span', { class: 'state' }, drawing('clock'), t('waits_for_confirmation'));
  if (active) return h('span', { class: 'state state-good' }, drawing('check'), t('registered'));
  const ends_at_ms = link_ends_at_ms ?? 0;
  const late = ends_at_ms <= now_ms;
  return h('span', { class: 'state' }, drawing(late ? 'minus' : 'clock'),
    late ? t('invitation_over') : t('invited_until', { time: shortDateTime(ends_at_ms) }));
}

/** @param {Operator} one @param {number} now_ms @param {Reload} reload */
function row(one, now_ms, reload) {
  const words = t(one.active ? 'remove' : 'withdraw');
  const since = one.used_at_ms === null ? t('invited_at', { time: shortDateTime(one.made_at_ms) })
    : t('passkey_used', { time: shortDateTime(one.used_at_ms) });
  return h('li', { key: one.operator, class: 'operator-row' },
    h('span', { class: 'merchant-words' },
      h('strong', {}, one.name, one.yourself && h('span', { class: 'yourself' }, t('yourself'))),
      h('span', { class: 'small' }, t(`role_${one.role}`)),
      h('span', { class: 'small soft number' }, since)),
    stateOf(one, now_ms),
    may('manage_operators') && h('span', { class: 'row-acts' },
      one.active && !one.confirmed && smallButton(t('confirm_operator'), 'soft-fill', () => confirm(one, reload),
        `${t('confirm_operator')}: ${one.name}`),
      !one.yourself && smallButton(t('role_change'), 'quiet', () => changeRole(one, reload), `${t('role_change')}: ${one.name}`),
      smallButton(t('rename'), 'quiet', () => renameOperator(one, reload), `${t('rename')}: ${one.name}`),
      smallButton(words, 'danger-quiet', () => remove(one, reload), `${words}: ${one.name}`)));
}

/** @param {Operators} first @param {Tools} tools @returns {View} */
export function operatorsView(first, tools) {
  const place = el('main', { class: 'dashboard narrow' });
  const view = answerView({
    place, path: '/api/operators', first, in_hand: true,
    draw: ({ answer, problem }, { reload }) => [cardWith(t('operators'), 'key', 'operators',
      may('manage_operators') && smallButton([drawing('plus'), t('invite')], 'soft-fill', () => invite(reload)),
      problemLine(problem),
      h('p', { class: 'small soft' }, t('operators_lead')),
      h('ul', { class: 'operators' }, answer.operators.map((one) => row(one, answer.now_ms, reload))))],
  });
  const head = consoleHead('operators', t('nav_operators'), null, tools);
  return { element: [head, place], ready: view.start, stop: view.stop };
}
