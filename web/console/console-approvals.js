// What takes two people: proposals that wait for a second operator, and what became of the others.

import { post } from '/assets/api.js';
import { h } from '/assets/draw.js';
import { announce, el } from '/assets/elements.js';
import { agree, answerView, card, consoleHead, drawing, postFresh, problemLine, smallButton } from '/assets/console-frame.js';
import { may } from '/assets/console-may.js';
import { dateTime, shortDateTime, t } from '/assets/i18n.js';

/** @import { Child, View } from '../types/pages.js' */
/** @import { Approval, Approvals } from '../types/answers.js' */
/** @import { Tools } from '/assets/console-frame.js' */

/** @typedef {() => Promise<void>} Reload */

/** Somebody else's press is seen by itself. */
const PACE = { good_ms: 5_000, bad_ms: 10_000 };

/** @param {Approval} one */
const title = ({ what, wallet_id }) => t(`approval_${what}`, { id: wallet_id });

/** Why it was proposed; null once its person is gone. @param {Approval} one @returns {Child[]} */
function reasonOf({ what, detail }) {
  if (detail === null) return [h('p', { class: 'soft' }, t('approval_detail_gone'))];
  return [h('p', { class: 'note-text' }, detail), h('p', { class: 'small soft' }, t(`approval_${what}_lead`))];
}

/** @param {Approval} one */
const despite = ({ despite_balance }) => despite_balance && h('p', { class: 'note' },
  drawing('alert'), h('span', {}, t('approval_despite_balance')));

/** @param {Approval} one @param {Reload} reload */
const approve = (one, reload) => agree({
  title: t('approve_title', { what: title(one) }),
  lead: [t('proposed_by', { name: one.by ?? t('nobody'), time: dateTime(one.made_at_ms) }), ...(one.detail === null ? [] : [one.detail]),
    t(`approve_${one.what}_lead`), ...(one.despite_balance ? [t('approval_despite_balance')] : [])],
  action: t('approve_now'), danger: one.what === 'erasure',
  async run() {
    const { stage } = await postFresh('/api/approvals/approve', { approval: one.approval });
    announce(t(stage === 'done' ? 'approved_and_done' : 'approved'), 'assertive');
    await reload();
  },
});

/** @param {Approval} one @param {Reload} reload */
const decline = (one, reload) => agree({
  title: t('decline_title', { what: title(one) }), lead: t('decline_lead'), action: t('decline_now'),
  async run() {
    await postFresh('/api/approvals/decline', { approval: one.approval });
    announce(t('declined'), 'assertive');
    await reload();
  },
});

/** @param {Approval} one @param {Reload} reload */
const withdraw = (one, reload) => agree({
  title: t('withdraw_proposal_title', { what: title(one) }), lead: t('withdraw_proposal_lead'), action: t('withdraw_proposal'),
  async run() {
    await post('/api/approvals/withdraw', { approval: one.approval });
    announce(t('withdrawn'), 'assertive');
    await reload();
  },
});

/** @param {Approval} one */
function stageOf({ stage, due_at_ms, expires_at_ms }) {
  const good = stage === 'done' || stage === 'approved';
  const waits = stage === 'open' || stage === 'approved';
  const when = stage === 'approved' ? due_at_ms : expires_at_ms;
  return h('span', { class: good ? 'state state-good' : 'state' },
    drawing(waits ? 'clock' : good ? 'check' : 'minus'),
    t(`stage_${stage}`, { time: when === null ? '' : shortDateTime(when) }));
}

/** @param {Approval} one @param {Reload} reload */
function row(one, reload) {
  const what = title(one);
  return h('li', { key: one.approval, class: 'approval-row' },
    h('div', { class: 'approval-words' },
      h('strong', {}, what, one.yours && h('span', { class: 'yourself' }, t('your_proposal'))),
      h('span', { class: 'small soft number' }, t('proposed_by', { name: one.by ?? t('nobody'), time: dateTime(one.made_at_ms) })),
      one.decided_at_ms !== null && h('span', { class: 'small soft number' },
        t(one.stage === 'declined' ? 'declined_by' : 'approved_by', { name: one.decided_by ?? t('nobody'), time: dateTime(one.decided_at_ms) }))),
    stageOf(one),
    h('div', { class: 'approval-why' }, reasonOf(one), despite(one),
      one.yours && one.stage === 'open' && h('p', { class: 'small soft' }, t('approval_needs_another'))),
    (one.may_approve || one.may_decline || one.may_withdraw) && h('div', { class: 'row-acts' },
      one.may_approve && smallButton([drawing('key'), t('approve')], '', () => approve(one, reload), `${t('approve')}: ${what}`),
      one.may_decline && smallButton(t('decline'), 'danger-quiet', () => decline(one, reload), `${t('decline')}: ${what}`),
      one.may_withdraw && smallButton(t('withdraw_proposal'), 'quiet', () => withdraw(one, reload), `${t('withdraw_proposal')}: ${what}`)),
    may('see_customers') && h('a', { class: 'text-button', href: `#customers/${one.wallet_id}` }, drawing('person'), t('approval_wallet')));
}

/** @param {Approvals} answer @param {unknown} problem @param {Reload} reload @returns {Child[]} */
function draw({ approvals }, problem, reload) {
  const waits = approvals.filter(({ stage }) => stage === 'open' || stage === 'approved');
  const ended = approvals.filter(({ stage }) => stage !== 'open' && stage !== 'approved');
  return [
    card(t('approvals'), 'people', 'approvals',
      problemLine(problem),
      h('p', { class: 'small soft' }, t('approvals_lead')),
      waits.length === 0 ? h('p', { class: 'soft' }, t('no_approvals'))
        : h('ul', { class: 'approvals' }, waits.map((one) => row(one, reload)))),
    ended.length > 0 && card(t('approvals_ended'), 'check', 'approvals-ended',
      h('ul', { class: 'approvals' }, ended.map((one) => row(one, reload)))),
  ];
}

/** @param {Approvals} first @param {Tools} tools @returns {View} */
export function approvalsView(first, tools) {
  const place = el('main', { class: 'dashboard narrow' });
  const view = answerView({
    place, path: '/api/approvals', first, in_hand: true, pace: PACE,
    draw: ({ answer, problem }, { reload }) => draw(answer, problem, reload),
  });
  return { element: [consoleHead('approvals', t('nav_approvals'), null, tools), place], ready: view.start, stop: view.stop };
}
