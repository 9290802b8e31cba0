// What a merchant's tills may give back, who may stand beside them with a PIN, and what a till did that somebody ought to look at.

import { post } from '/assets/api.js';
import { h } from '/assets/draw.js';
import { announce } from '/assets/elements.js';
import {
  agree, answerView, askForName, cardElement, cardHead, copyable, drawing, postFresh, problemLine, smallButton, submitting, workSheet,
} from '/assets/console-frame.js';
import { may } from '/assets/console-may.js';
import { counted, digits, hasText, shortDateTime, t, typedYen, yen } from '/assets/i18n.js';

/** @import { Child } from '../types/pages.js' */
/** @import { Merchant, ReversalRule, Supervisor, TillAlarm } from '../types/answers.js' */
/** @import { SheetEvent, SheetState } from '/assets/console-sheet-state.js' */

const REACHES = ['store', 'merchant'];
const PACE = { good_ms: 10_000, bad_ms: 10_000 };

/** @param {ReversalRule} rule */
export const ruleWords = ({ reach, alone_up_to }) => [
  t(`reach_${reach}`), alone_up_to === 0 ? t('alone_never') : t('alone_up_to', { amount: yen(alone_up_to) }),
];

/** @param {SheetState} state @param {(event: SheetEvent) => void} send @returns {Child[]} */
const ruleForm = (state, send) => [h('form', { class: 'form', on: submitting(send) },
  h('fieldset', { class: 'field' },
    h('legend', { class: 'label' }, t('reach')),
    REACHES.map((reach) => h('label', { key: reach, class: 'choice' },
      h('input', {
        type: 'radio', name: 'reach', value: reach, checked: state.fields.reach === reach,
        on: { change: () => send({ is: 'field', name: 'reach', value: reach }) },
      }), t(`reach_${reach}`)))),
  h('div', { class: 'field' },
    h('label', { for: 'alone-up-to' }, t('alone_label')),
    h('input', {
      id: 'alone-up-to', class: 'number', type: 'text', inputmode: 'numeric', autocomplete: 'off', maxlength: '14',
      'aria-describedby': 'alone-up-to-hint', value: state.fields.alone_up_to,
      on: { input: (event) => send({ is: 'field', name: 'alone_up_to', value: event.target.value }) },
    }),
    h('span', { class: 'hint', id: 'alone-up-to-hint' }, t('alone_hint'))),
  problemLine(state.problem),
  h('button', { type: 'submit', class: 'button wide', 'aria-busy': state.busy && 'true' }, drawing('key'), t('save')))];

/** @param {Merchant} merchant @param {() => Promise<void>} reload */
export const changeRule = ({ merchant_id, name, reversals }, reload) => workSheet(t('rule_title', { name }), async (_, fields) => {
  // What is no amount goes to the server as it was typed, which names the field.
  const amount = typedYen(fields.alone_up_to);
  await postFresh(`/api/merchants/${merchant_id}/reversals`,
    { reach: fields.reach, alone_up_to: Number.isNaN(amount) ? fields.alone_up_to : amount });
  announce(t('saved'));
  await reload();
}, ruleForm, '#alone-up-to', { reach: reversals.reach, alone_up_to: digits(reversals.alone_up_to) });

/** @param {{ store_id: number, name: string }} store @param {() => Promise<void>} reload */
export const addSupervisor = ({ store_id, name: store }, reload) => askForName({
  title: t('add_supervisor_title', { store }), label: t('supervisor_name'), hint: t('supervisor_hint'), action: t('add_supervisor'), once: true,
  async run(name) {
    const { pin } = await postFresh('/api/supervisors', { store_id, name });
    await reload();
    return [
      h('p', { class: 'note' }, drawing('alert'), h('span', {}, t('pin_once', { name }))),
      copyable(t('supervisor_pin'), pin),
    ];
  },
});

/** @param {Supervisor} supervisor @param {() => Promise<void>} reload */
const removeSupervisor = ({ supervisor_id, name }, reload) => agree({
  title: t('remove_supervisor'), lead: t('remove_supervisor_lead', { name }), action: t('remove_supervisor_now'), danger: true,
  async run() {
    await postFresh('/api/supervisors/remove', { supervisor_id });
    announce(t('supervisor_removed', { name }), 'assertive');
    await reload();
  },
});

/** Who may approve in a store. @param {Supervisor[]} supervisors @param {() => Promise<void>} reload @returns {Child[]} */
export const supervisorList = (supervisors, reload) => [
  h('h4', { class: 'list-head' }, t('supervisors')),
  supervisors.length === 0 ? h('p', { class: 'soft small' }, t('no_supervisors')) : h('ul', { class: 'tills' },
    supervisors.map((one) => h('li', { key: one.supervisor_id, class: 'till-row' },
      h('span', { class: 'till-name' }, one.name),
      h('span', { class: 'small soft number' }, t('supervisor_since', { time: shortDateTime(one.made_at_ms) })),
      may('manage_shops') && smallButton(t('remove_supervisor_short'), 'danger-quiet', () => removeSupervisor(one, reload),
        `${t('remove_supervisor_short')}: ${one.name}`)))),
];

/** @param {TillAlarm} one @param {() => Promise<void>} reload */
function alarmLine(one, reload) {
  const what = `till_alarm_${one.what}`;
  const where = one.till === null ? t('number_alone', { what: t('till'), id: one.till_id }) : `${one.store ?? ''} ${one.till}`;
  const seen = async () => {
    await post('/api/till-alarms/seen', { alarm: one.alarm });
    announce(t('alarm_seen_now'));
    await reload();
  };
  return h('li', { key: one.alarm },
    h('strong', {}, where),
    h('span', {}, hasText(what) ? t(what) : one.what),
    h('span', { class: 'small number' }, counted('till_alarm_times', one.times, { time: shortDateTime(one.last_at_ms), n: digits(one.times) })),
    may('handle_alarms') && smallButton(t('alarm_seen'), 'quiet', seen, `${t('alarm_seen')}: ${where}`));
}

/** What tills did that nobody has looked at yet; nothing while there is nothing. */
export function tillAlarms() {
  const element = cardElement('till-alarms');
  element.hidden = true;
  const view = answerView({
    place: element, path: '/api/till-alarms', first: /** @type {{ alarms: TillAlarm[] }} */ ({ alarms: [] }), in_hand: false, pace: PACE,
    draw({ answer: { alarms }, problem }, { reload }) {
      element.hidden = alarms.length === 0 && problem === null;
      return [
        cardHead(t('till_alarms'), 'alert', 'till-alarms'), problemLine(problem),
        h('ul', { class: 'dead' }, alarms.map((one) => alarmLine(one, reload))),
      ];
    },
  });
  return { element, ...view };
}
