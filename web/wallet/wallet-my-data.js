// A copy of everything that is known of the owner, to read and to keep: put together here, of what the other pages show too.

import { get, sentenceOf } from '/assets/api.js';
import { announce, el, focusIn, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { dateTime, t, yen } from '/assets/i18n.js';
import { fileName, readWhole } from '/assets/wallet-my-data-state.js';

/** @import { WalletView } from '/assets/wallet.js' */

/** Rows of a page: as many as the server gives. */
const PAGE = 100;

/** @param {(count: number) => void} told */
async function collect(told) {
  const counts = { entries: 0, acts: 0 };
  const sum = () => told(counts.entries + counts.acts);
  const from = (/** @type {string | null} */ before) => (before === null ? '' : `&before=${encodeURIComponent(before)}`);
  const [home, { contacts }, { passkeys }, password, freeze_code, { sessions }, { permissions }, notices, recovery, external, history, activity] = await Promise.all([
    get('/api/home'), get('/api/contacts'), get('/api/passkeys'), get('/api/password'), get('/api/freeze-code'), get('/api/sessions'), get('/api/permissions'), get('/api/notices'), get('/api/recovery'), get('/api/external-id'),
    readWhole(async (before) => {
      const { entries, next } = await get(`/api/history?limit=${PAGE}${from(before)}`);
      return { rows: entries, next };
    }, (count) => { counts.entries = count; sum(); }),
    readWhole(async (before) => {
      const { acts, next } = await get(`/api/activity?limit=${PAGE}${from(before)}`);
      return { rows: acts, next };
    }, (count) => { counts.acts = count; sum(); }),
  ]);
  const { wallet_id, display_name, locale, balance, held, status, pays_from } = home;
  return {
    made_at: new Date().toISOString(),
    person: { display_name, locale },
    wallet: { wallet_id, currency: 'JPY', balance, held, status, pays_from },
    contacts, passkeys, password, freeze_code, sessions, permissions, history, activity,
    recovery: { codes_left: recovery.codes_left, codes_made_at_ms: recovery.codes_made_at_ms, trusted: recovery.trusted, helping: recovery.helping },
    external_ids: external.linked,
    notices: { money: notices.money, safety: notices.safety, locale: notices.locale, browsers: notices.browsers },
  };
}

/** @typedef {Awaited<ReturnType<typeof collect>>} MyData */

/** @returns {WalletView} */
export function myDataView() {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const place = el('div', { class: 'my-data' });

  /** @param {string} term @param {string} words */
  const line = (term, words) => el('div', {}, el('dt', {}, term), el('dd', {}, words));

  /** @param {MyData} data */
  function drawData(data) {
    const { person, wallet, contacts, passkeys, sessions, permissions, history, activity } = data;
    const text = JSON.stringify(data, null, 2);
    const save = el('button', { type: 'button', class: 'button wide', on: { click() {
      const address = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
      const link = el('a', { href: address, download: fileName(wallet.wallet_id, new Date()) });
      link.click();
      URL.revokeObjectURL(address);
      announce(t('my_data_saved'));
    } } }, icon('copy'), t('my_data_save'));
    place.replaceChildren(
      el('h2', { tabindex: '-1' }, t('my_data_ready')),
      el('dl', { class: 'rows my-data-rows' },
        line(t('my_data_name'), person.display_name),
        line(t('wallet_number'), wallet.wallet_id),
        line(t('balance'), yen(wallet.balance)),
        line(t('contacts'), contacts.map((/** @type {{ contact: string }} */ one) => one.contact).join('\n')),
        line(t('passkeys'), t('my_data_count', { count: passkeys.length })),
        line(t('sessions'), t('my_data_count', { count: sessions.length })),
        line(t('permissions'), t('my_data_count', { count: permissions.length })),
        line(t('history_title'), t('my_data_count', { count: history.length })),
        line(t('activity_title'), t('my_data_count', { count: activity.length })),
        line(t('my_data_made'), dateTime(Date.parse(data.made_at)))),
      save,
      el('p', { class: 'small soft' }, t('my_data_keep')),
      el('details', { class: 'my-data-whole' }, el('summary', {}, t('my_data_whole')), el('pre', { class: 'my-data-text', tabindex: '0' }, text)));
    announce(t('my_data_ready'));
    focusIn(place, 'h2');
  }

  function drawBegin() {
    const count = el('p', { class: 'small soft number', role: 'status' });
    const bar = el('progress', { class: 'check-bar', hidden: true, 'aria-label': t('my_data_busy') });
    const go = el('button', { type: 'button', class: 'button wide', on: { click: () => whileBusy(go, async () => {
      problem.textContent = '';
      bar.hidden = false;
      try {
        drawData(await collect((rows) => { count.textContent = t('my_data_rows', { count: rows }); }));
      } catch (error) {
        bar.hidden = true;
        problem.textContent = sentenceOf(error);
      }
    }) } }, t('my_data_go'));
    place.replaceChildren(el('p', {}, t('my_data_lead')), el('p', { class: 'small soft' }, t('my_data_not')), go, bar, count);
  }

  drawBegin();
  return {
    element: [el('main', { class: 'settings' },
      el('div', { class: 'page-head' },
        el('a', { class: 'round-button', href: '#settings', 'aria-label': t('back') }, icon('back')),
        el('h1', { tabindex: '-1' }, t('my_data_title'))),
      problem, place)],
  };
}
