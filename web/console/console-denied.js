// Notices of which somebody said "this was not me": each has stopped its wallet, and waits until an operator has looked after its owner.

import { post } from '/assets/api.js';
import { h } from '/assets/draw.js';
import { announce } from '/assets/elements.js';
import { shortDateTime, t } from '/assets/i18n.js';
import { answerView, cardElement, cardHead, problemLine, smallButton } from '/assets/console-frame.js';

/** @import { DeniedNotice } from '../types/answers.js' */

const PACE = { good_ms: 10_000, bad_ms: 10_000 };

/** @param {DeniedNotice} one @param {() => Promise<void>} reload */
function deniedLine(one, reload) {
  const wallet = t('number_alone', { what: t('denied_wallet'), id: one.wallet_id });
  const close = async () => {
    await post('/api/denied-notices/close', { notice: one.notice });
    announce(t('alarm_seen_now'));
    await reload();
  };
  return h('li', { key: one.notice },
    h('strong', {}, wallet),
    h('span', {}, t(one.frozen ? 'denied_frozen' : 'denied_freezing')),
    h('span', { class: 'small number' }, t('denied_when', { told: shortDateTime(one.told_at_ms), denied: shortDateTime(one.denied_at_ms) })),
    smallButton(t('denied_close'), 'quiet', close, `${t('denied_close')}: ${wallet}`));
}

/** Nothing while there is nothing. */
export function deniedNotices() {
  const element = cardElement('denied-notices');
  element.hidden = true;
  const view = answerView({
    place: element, path: '/api/denied-notices', first: /** @type {{ denied: DeniedNotice[] }} */ ({ denied: [] }), in_hand: false, pace: PACE,
    draw({ answer: { denied }, problem }, { reload }) {
      element.hidden = denied.length === 0 && problem === null;
      return [
        cardHead(t('denied_notices'), 'alert', 'denied-notices'), problemLine(problem),
        h('ul', { class: 'dead' }, denied.map((one) => deniedLine(one, reload))),
      ];
    },
  });
  return { element, ...view };
}
