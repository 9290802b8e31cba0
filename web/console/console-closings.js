// Customers who want their wallet closed: how much is in it, and how they want it. Paid out, it ends with the erasure of the person.

import { h } from '/assets/draw.js';
import { answerView, cardElement, cardHead, problemLine, smallButton } from '/assets/console-frame.js';
import { shortDateTime, t, yen } from '/assets/i18n.js';

/** @import { ClosingRequest } from '../types/answers.js' */

const PACE = { good_ms: 30_000, bad_ms: 10_000 };

/** @param {ClosingRequest} one @param {(wallet: string) => void} open */
const line = ({ wallet_id, asked_at_ms, payout, balance, held }, open) => h('li', { key: wallet_id },
  h('strong', { class: 'number' }, t('number_alone', { what: t('nav_customers'), id: wallet_id })),
  h('span', { class: 'number' }, yen((balance ?? 0) + (held ?? 0))),
  h('span', {}, payout ?? t('erased_person')),
  h('span', { class: 'small soft number' }, t('closing_since', { when: shortDateTime(asked_at_ms) })),
  smallButton(t('closing_open'), 'quiet', async () => open(wallet_id), `${t('closing_open')}: ${wallet_id}`));

/** What is open; nothing while there is nothing. @param {(wallet: string) => void} open */
export function closingRequests(open) {
  const element = cardElement('closings');
  element.hidden = true;
  const view = answerView({
    place: element, path: '/api/closings', first: /** @type {{ closings: ClosingRequest[] }} */ ({ closings: [] }), in_hand: false, pace: PACE,
    draw({ answer: { closings }, problem }) {
      element.hidden = closings.length === 0 && problem === null;
      return [
        cardHead(t('closings'), 'leave', 'closings'), problemLine(problem),
        h('p', { class: 'small soft' }, t('closings_lead')),
        h('ul', { class: 'dead' }, closings.map((one) => line(one, open))),
      ];
    },
  });
  return { element, ...view };
}
