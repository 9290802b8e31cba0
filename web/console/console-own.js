// Who is signed in: name, role, and the own passkeys. A key that is lost must lock nobody out, so there may be several.

import { post } from '/assets/api.js';
import { h } from '/assets/draw.js';
import { announce, el } from '/assets/elements.js';
import { agree, answerView, card, cardWith, consoleHead, drawing, postFresh, problemLine, smallButton } from '/assets/console-frame.js';
import { ownName, ownRole } from '/assets/console-may.js';
import { createPasskey } from '/assets/passkey.js';
import { hasText, shortDateTime, t } from '/assets/i18n.js';

/** @import { View } from '../types/pages.js' */
/** @import { OwnPasskey, OwnPasskeys } from '../types/answers.js' */
/** @import { Tools } from '/assets/console-frame.js' */

/** @typedef {() => Promise<void>} Reload */

/** @param {Reload} reload */
const add = (reload) => agree({
  title: t('own_add'), lead: [t('own_add_lead'), t('own_add_again')], action: t('own_add_now'),
  async run() {
    const { registration, creation } = await postFresh('/api/own-passkeys/add', {});
    // Once this sheet is gone.
    setTimeout(() => make(registration, creation, reload));
  },
});

/** Its own press: some browsers make a passkey for a press alone. @param {string} registration @param {unknown} creation @param {Reload} reload */
const make = (registration, creation, reload) => agree({
  title: t('own_make'), lead: t('own_make_lead'), action: t('own_make_now'),
  async run() {
    const credential = await createPasskey(creation);
    await post('/api/own-passkeys/finish', { registration, credential });
    announce(t('own_added'), 'assertive');
    await reload();
  },
});

/** @param {OwnPasskey} one @param {string} name @param {Reload} reload */
const remove = (one, name, reload) => agree({
  title: t('own_remove_title', { name }), lead: t(one.opened_this_session ? 'own_remove_this_lead' : 'own_remove_lead'),
  action: t('own_remove_now'), danger: true,
  async run() {
    await postFresh('/api/own-passkeys/remove', { passkey: one.passkey });
    announce(t('own_removed'), 'assertive');
    await reload();
  },
});

/** @param {OwnPasskey} one @param {number} place @param {Reload} reload */
function row(one, place, reload) {
  const browser = `browser_${one.browser}`;
  const name = t('own_passkey', { n: String(place + 1) });
  const used = one.used_at_ms === null ? t('own_never_used') : t('passkey_used', { time: shortDateTime(one.used_at_ms) });
  return h('li', { key: one.passkey, class: 'operator-row' },
    h('span', { class: 'merchant-words' },
      h('strong', {}, name, one.opened_this_session && h('span', { class: 'yourself' }, t('own_here'))),
      h('span', { class: 'small soft number' },
        [t('own_made', { time: shortDateTime(one.made_at_ms) }), hasText(browser) ? t(browser) : ''].filter(Boolean).join(' · ')),
      h('span', { class: 'small soft number' }, used)),
    one.may_remove && smallButton(t('remove'), 'danger-quiet', () => remove(one, name, reload), `${t('remove')}: ${name}`));
}

/** @param {OwnPasskeys} first @param {Tools} tools @returns {View} */
export function ownView(first, tools) {
  const place = el('main', { class: 'dashboard narrow' });
  const view = answerView({
    place, path: '/api/own-passkeys', first, in_hand: true,
    draw: ({ answer, problem }, { reload }) => [
      card(t('own'), 'person', 'own', h('dl', { class: 'rows' },
        h('div', {}, h('dt', {}, t('own_name')), h('dd', {}, ownName())),
        h('div', {}, h('dt', {}, t('role')), h('dd', {}, t(`role_${ownRole()}`)))),
      h('p', { class: 'small soft' }, t(`role_${ownRole()}_lead`))),
      cardWith(t('own_passkeys'), 'key', 'own-passkeys',
        answer.passkeys.length < answer.passkeys_max && smallButton([drawing('plus'), t('own_add_short')], 'soft-fill', () => add(reload)),
        problemLine(problem),
        h('p', { class: 'small soft' }, t(answer.passkeys.length === 1 ? 'own_one_lead' : 'own_lead')),
        h('ul', { class: 'operators' }, answer.passkeys.map((one, at) => row(one, at, reload)))),
    ],
  });
  return { element: [consoleHead('own', t('own'), null, tools), place], ready: view.start, stop: view.stop };
}
