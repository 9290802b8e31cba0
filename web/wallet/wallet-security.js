// The check-up at the top of the settings: how safe the account is, in plain words, and what would make it safer. It asks what the pages
// below it ask, all at once.

import { get, sentenceOf } from '/assets/api.js';
import { el } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { t } from '/assets/i18n.js';
import { checkUp, goodOnes } from '/assets/wallet-security-state.js';

/** @import { App } from '/assets/wallet.js' */
/** @import { Check, Facts } from '/assets/wallet-security-state.js' */

const PICTURES = { good: 'check', todo: 'plus', look: 'alert' };

/** @param {App} app @returns {Promise<Facts>} */
async function askAll(app) {
  const [{ passkeys }, password, { contacts }, freeze_code, { sessions }, recovery] = await Promise.all([
    get('/api/passkeys'), get('/api/password'), get('/api/contacts'), get('/api/freeze-code'), get('/api/sessions'), get('/api/recovery'),
  ]);
  return { passkeys, password, contacts, freeze_code, recovery, sessions, pays_from: app.wallet.pays_from };
}

/** @param {Check} check */
function row({ standing, words, count, href }) {
  const content = [icon(PICTURES[standing]),
    el('span', { class: 'setting-words' }, el('span', {}, t(words, { count: count ?? 0 })),
      el('span', { class: 'small soft' }, t(`check_is_${standing}`)))];
  // The sessions stand on this page: a link to them must not change the address.
  if (standing === 'good') return el('li', { class: 'setting check-good' }, content);
  if (href === '#sessions-title') {
    return el('li', {}, el('button', { type: 'button', class: `setting setting-button check-${standing}`, on: { click() {
      const title = document.getElementById('sessions-title');
      title?.scrollIntoView({ block: 'center' });
      title?.focus({ preventScroll: true });
    } } }, content, icon('forward')));
  }
  return el('li', {}, el('a', { class: `setting setting-button check-${standing}`, href }, content, icon('forward')));
}

/** The card; it asks for its answers as soon as it is made. @param {App} app */
export function securityCard(app) {
  const place = el('div', {}, el('p', { class: 'setting small soft', role: 'status' }, t('loading')));

  /** @param {Check[]} checks */
  function draw(checks) {
    const good = goodOnes(checks);
    const sum = t(good === checks.length ? 'check_sum_all' : 'check_sum', { good, count: checks.length });
    const open = checks.filter((one) => one.standing !== 'good');
    const done = checks.filter((one) => one.standing === 'good');
    place.replaceChildren(
      el('div', { class: 'check-sum' },
        el('p', {}, el('strong', {}, sum)),
        el('progress', { class: 'check-bar', max: checks.length, value: good, 'aria-label': sum })),
      open.length > 0 ? el('ul', { class: 'checks' }, open.map(row)) : '',
      el('details', { class: 'checks-done' },
        el('summary', { class: 'setting' }, t('check_done', { count: done.length })),
        el('ul', { class: 'checks' }, done.map(row))));
  }

  async function load() {
    try {
      draw(checkUp(await askAll(app)));
    } catch (error) {
      place.replaceChildren(el('p', { class: 'problem', role: 'alert' }, sentenceOf(error)));
    }
  }

  load();
  return el('section', { class: 'setting-group', 'aria-labelledby': 'check-title' },
    el('h2', { id: 'check-title', class: 'setting-title', tabindex: '-1' }, t('check_title')), place);
}
