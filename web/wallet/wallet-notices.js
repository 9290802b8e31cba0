// How the owner is told what: the ways of money and of safety, the browsers that take push, the language, and one to try.

import { get, post, sentenceOf } from '/assets/api.js';
import { announce, el, focusIn, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { language, shortDateTime, t } from '/assets/i18n.js';
import { takesPush, turnPushOff, turnPushOn } from '/assets/wallet-push.js';

/** @import { NoticeState } from '../types/answers.js' */
/** @import { WalletView } from '/assets/wallet.js' */

/** @returns {WalletView} */
export function noticesView() {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const place = el('div', { class: 'notices' }, el('p', { class: 'soft nothing', role: 'status' }, t('loading')));
  const refuses = () => takesPush() && Notification.permission === 'denied';

  /** @param {HTMLElement} button @param {() => Promise<void>} action */
  const trying = (button, action) => whileBusy(button, async () => {
    problem.textContent = '';
    try {
      await action();
    } catch (error) {
      problem.textContent = sentenceOf(error);
    }
  });

  /** @param {NoticeState} state */
  const choose = (state) => post('/api/notices/choose', {
    money_push: state.money.push, money_mail: state.money.mail, money_sms: state.money.sms,
    safety_push: state.safety.push, locale: state.locale ?? language(),
  });

  /**
   * @param {{ id: string, drawing: string, name: string, hint: string, on: boolean }} row
   * @param {(on: boolean) => NoticeState} changed
   */
  function switchRow({ id, drawing, name, hint, on }, changed) {
    const button = el('button', {
      type: 'button', role: 'switch', class: 'switch', id, 'aria-checked': String(on), 'aria-labelledby': `${id}-name`, 'aria-describedby': `${id}-hint`,
      on: { click: () => trying(button, async () => {
        const state = changed(!on);
        await choose(state);
        announce(t('notices_kept'));
        draw(state, `#${id}`);
      }) },
    }, el('span', { class: 'switch-knob', 'aria-hidden': 'true' }));
    return el('div', { class: 'setting' }, icon(drawing), el('span', { class: 'setting-words' },
      el('span', { id: `${id}-name` }, name), el('span', { id: `${id}-hint`, class: 'small soft' }, hint)), button);
  }

  /** @param {string} drawing @param {string} name @param {string} hint */
  const fixedRow = (drawing, name, hint) => el('div', { class: 'setting' }, icon(drawing), el('span', { class: 'setting-words' },
    el('span', {}, name), el('span', { class: 'small soft' }, hint)), el('span', { class: 'small notices-always' }, icon('check'), t('notices_always')));

  /** @param {NoticeState} state */
  function pushCard(state) {
    const here = state.browsers.find((browser) => browser.here);
    const others = state.browsers.filter((browser) => !browser.here);
    /** @type {(Node | string)[]} */
    const parts = [];
    if (!takesPush()) parts.push(el('p', { class: 'small soft notices-words' }, t('push_cannot')));
    else if (refuses()) parts.push(el('p', { class: 'small notices-words', id: 'push-refused' }, t('push_refused')));
    else if (here) {
      const off = el('button', { type: 'button', class: 'button quiet wide', id: 'push-off', on: { click: () => trying(off, async () => {
        await post('/api/notices/push/remove', { push_id: here.push_id });
        await turnPushOff().catch(() => { /* nothing is sent to it any more */ });
        announce(t('push_off_now'));
        await load('#push-on');
      }) } }, t('push_off'));
      parts.push(el('p', { class: 'small notices-words' }, icon('check'), t('push_here', { when: shortDateTime(here.since_ms) })), off);
    } else {
      const on = el('button', { type: 'button', class: 'button wide', id: 'push-on', on: { click: () => trying(on, async () => {
        const granted = await turnPushOn(state.push_key).catch((error) => {
          // The browser's own errors say nothing that helps.
          if (error instanceof DOMException) return null;
          throw error;
        });
        if (granted === null) problem.textContent = t('push_failed');
        else {
          announce(t(granted ? 'push_on_now' : 'push_refused'));
          await load(granted ? '#push-off' : 'h1');
        }
      }) } }, icon('phone'), t('push_on'));
      parts.push(el('p', { class: 'small notices-words' }, t('push_words')), on);
    }
    const rows = others.map((browser) => {
      const off = el('button', { type: 'button', class: 'text-button', 'aria-label': `${t('push_remove')}: ${t(`browser_${browser.browser}`)}`, on: { click: () => trying(off, async () => {
        await post('/api/notices/push/remove', { push_id: browser.push_id });
        announce(t('push_off_now'));
        await load('h1');
      }) } }, t('push_remove'));
      return el('li', { class: 'setting' }, icon('phone'), el('span', { class: 'setting-words' },
        el('span', {}, t(`browser_${browser.browser}`)), el('span', { class: 'small soft' }, t('push_since', { when: shortDateTime(browser.since_ms) }))), off);
    });
    return el('section', { class: 'setting-group notices-push', 'aria-labelledby': 'notices-push' },
      el('h2', { id: 'notices-push', class: 'setting-title' }, t('push_title')), ...parts,
      rows.length > 0 ? el('ul', { class: 'contacts' }, ...rows) : '');
  }

  /** @param {NoticeState} state @param {string} [focus] */
  function draw(state, focus) {
    const { money, safety } = state;
    const pushHint = state.browsers.length > 0 ? t('notices_push_hint', { n: state.browsers.length }) : t('notices_push_none');
    const tryOut = el('button', { type: 'button', class: 'button quiet wide', on: { click: () => trying(tryOut, async () => {
      await post('/api/notices/try');
      announce(t('notices_tried'));
      tried.textContent = t('notices_tried');
    }) } }, icon('mail'), t('notices_try'));
    const tried = el('p', { class: 'small soft notices-words' });
    const inLanguage = /** @param {'ja' | 'en'} code @param {string} name */ (code, name) => {
      const button = el('button', { type: 'button', lang: code, id: `notices-${code}`, 'aria-pressed': String((state.locale ?? language()) === code), on: { click: () => trying(button, async () => {
        const next = { ...state, locale: code };
        await choose(next);
        announce(t('notices_kept'));
        draw(next, `#notices-${code}`);
      }) } }, name);
      return button;
    };
    place.replaceChildren(
      pushCard(state),
      el('section', { class: 'setting-group', 'aria-labelledby': 'notices-safety' },
        el('h2', { id: 'notices-safety', class: 'setting-title' }, t('notices_safety')),
        el('p', { class: 'small soft notices-words' }, t('notices_safety_lead')),
        state.mail_contacts > 0 ? fixedRow('mail', t('notices_mail'), t('notices_contacts_hint', { n: state.mail_contacts })) : '',
        state.phone_contacts > 0 ? fixedRow('phone', t('notices_sms'), t('notices_contacts_hint', { n: state.phone_contacts })) : '',
        switchRow({ id: 'safety-push', drawing: 'bell', name: t('notices_push'), hint: pushHint, on: safety.push },
          (on) => ({ ...state, safety: { push: on } }))),
      el('section', { class: 'setting-group', 'aria-labelledby': 'notices-money' },
        el('h2', { id: 'notices-money', class: 'setting-title' }, t('notices_money')),
        el('p', { class: 'small soft notices-words' }, t('notices_money_lead')),
        switchRow({ id: 'money-push', drawing: 'bell', name: t('notices_push'), hint: pushHint, on: money.push },
          (on) => ({ ...state, money: { ...money, push: on } })),
        state.mail_contacts > 0 ? switchRow({ id: 'money-mail', drawing: 'mail', name: t('notices_mail'), hint: t('notices_mail_hint'), on: money.mail },
          (on) => ({ ...state, money: { ...money, mail: on } })) : '',
        state.phone_contacts > 0 ? switchRow({ id: 'money-sms', drawing: 'phone', name: t('notices_sms'), hint: t('notices_sms_hint'), on: money.sms },
          (on) => ({ ...state, money: { ...money, sms: on } })) : ''),
      el('section', { class: 'setting-group' },
        el('div', { class: 'setting' }, icon('globe'), el('span', { class: 'setting-words' }, t('notices_language')),
          el('div', { class: 'language-choice', role: 'group', 'aria-label': t('notices_language') }, inLanguage('ja', '日本語'), inLanguage('en', 'English')))),
      el('p', { class: 'small soft notices-words' }, t('notices_not_me')),
      tryOut, tried);
    if (focus) focusIn(place.parentElement ?? place, focus);
  }

  /** @param {string} [focus] */
  async function load(focus) {
    try {
      draw(await get('/api/notices'), focus);
    } catch (error) {
      place.replaceChildren();
      problem.textContent = sentenceOf(error);
    }
  }

  return {
    element: [el('main', { class: 'settings' },
      el('div', { class: 'page-head' },
        el('a', { class: 'round-button', href: '#settings', 'aria-label': t('back') }, icon('back')),
        el('h1', { tabindex: '-1' }, t('notices_title'))),
      problem, place)],
    ready: () => { load(); },
  };
}
