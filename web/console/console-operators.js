// Operators: who may enter the console. They invite and remove each other, each time with a fresh passkey.

import { get } from '/assets/api.js';
import { announce, el } from '/assets/elements.js';
import { agree, askForName, cardWith, consoleHead, copyable, postFresh, problemPlace, smallButton } from '/assets/console-frame.js';
import { icon } from '/assets/icons.js';
import { shortDateTime, t } from '/assets/i18n.js';

export function operatorsView(first, tools) {
  const list = el('ul', { class: 'operators' });
  const problem = problemPlace();

  async function reload() {
    try {
      draw(await get('/api/operators'));
      problem.clear();
    } catch (error) {
      problem.complain(error);
    }
  }

  function invite() {
    askForName({
      title: t('invite'), label: t('operator_name'), hint: t('operator_name_hint'), action: [icon('key'), t('invite_now')],
      async run(name) {
        const { link, ends_at_ms } = await postFresh('/api/operators/invite', { name });
        await reload();
        return [el('p', {}, el('strong', {}, t('invited_title', { name }))), el('p', {}, t('invited_lead')),
          copyable(t('invited_link'), `${location.origin}/#link=${link}`), el('p', { class: 'soft number' }, t('pairing_until', { time: shortDateTime(ends_at_ms) }))];
      },
    });
  }

  function remove(one) {
    const words = one.active ? 'remove' : 'withdraw';
    agree({
      title: t(`${words}_title`, { name: one.name }), lead: t(one.yourself ? 'remove_yourself_lead' : `${words}_lead`), action: t(`${words}_now`), danger: true,
      async run() {
        await postFresh('/api/operators/remove', { operator: one.operator });
        announce(t('removed', { name: one.name }), 'assertive');
        await reload();
      },
    });
  }

  function draw({ now_ms, operators }) {
    list.replaceChildren(...operators.map((one) => {
      const late = !one.active && (one.link_ends_at_ms ?? 0) <= now_ms;
      const state = one.active ? el('span', { class: 'state state-good' }, icon('check'), t('registered'))
        : el('span', { class: 'state' }, icon(late ? 'minus' : 'clock'), late ? t('invitation_over') : t('invited_until', { time: shortDateTime(one.link_ends_at_ms) }));
      const words = t(one.active ? 'remove' : 'withdraw');
      const since = one.used_at_ms === null ? t('invited_at', { time: shortDateTime(one.made_at_ms) }) : t('passkey_used', { time: shortDateTime(one.used_at_ms) });
      return el('li', { class: 'operator-row' },
        el('span', { class: 'merchant-words' }, el('strong', {}, one.name, one.yourself && el('span', { class: 'yourself' }, t('yourself'))), el('span', { class: 'small soft number' }, since)),
        state, smallButton(words, 'danger-quiet', () => remove(one), `${words}: ${one.name}`));
    }));
  }

  draw(first);
  return { element: [consoleHead('operators', t('nav_operators'), null, tools),
    el('main', { class: 'dashboard narrow' },
      cardWith(t('operators'), 'key', 'operators', smallButton([icon('plus'), t('invite')], 'soft-fill', invite), problem.element, el('p', { class: 'small soft' }, t('operators_lead')), list))] };
}
