// What the owner prepares for the day when the phone is gone: ten codes on paper, and people who may help.

import { get, post, sentenceOf } from '/assets/api.js';
import { announce, el, focusIn, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { dateTime, shortDateTime, t } from '/assets/i18n.js';
import { ceremonyProblem, nameOf } from '/assets/passkey.js';
import { answerStepUp } from '/assets/wallet-later.js';

/** @import { OwnRecovery, RecoveryCodes, TrustedPerson } from '../types/answers.js' */
/** @import { App, WalletView } from '/assets/wallet.js' */

/** @param {App} app @returns {WalletView} */
export function recoveryView(app) {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const place = el('div', { class: 'paper-code' }, el('p', { class: 'soft nothing', role: 'status' }, t('loading')));

  /** @param {HTMLElement} button @param {() => Promise<void>} act */
  const trying = (button, act) => whileBusy(button, async () => {
    problem.textContent = '';
    try {
      await act();
    } catch (error) {
      const key = ceremonyProblem(error);
      if (key !== null) problem.textContent = t(key);
      else problem.textContent = nameOf(error) === 'AbortError' ? '' : sentenceOf(error);
    }
  });

  /** Asked twice, with the owner's proof between. @param {string} path */
  async function proven(path) {
    const answer = await answerStepUp(await post(path));
    return app.renewing(() => post(path, answer));
  }

  /** @param {string} look @param {string} drawing @param {string} words @param {() => unknown} act */
  function button(look, drawing, words, act) {
    const made = el('button', { type: 'button', class: `button wide ${look}`, on: { click: () => trying(made, async () => { await act(); }) } },
      icon(drawing), words);
    return made;
  }

  /** @param {RecoveryCodes} made */
  function drawCodes({ codes }) {
    const text = `Mamori\n${t('recovery_codes')}\n${location.origin}\n\n${codes.join('\n')}\n\n${t('recovery_codes_use')}\n`;
    const file = el('a', { class: 'button quiet wide', download: t('recovery_codes_file'), href: URL.createObjectURL(new Blob([text], { type: 'text/plain' })) },
      icon('receipt'), t('recovery_codes_save'));
    place.replaceChildren(
      el('h2', { tabindex: '-1' }, t('recovery_codes_ready')),
      el('p', {}, t('recovery_codes_once')),
      el('ol', { class: 'paper-codes number', translate: 'no' }, codes.map((code) => el('li', {}, code))),
      el('p', { class: 'small soft' }, t('recovery_codes_use')),
      el('p', { class: 'number paper-code-page', translate: 'no' }, location.origin),
      el('div', { class: 'top-up-buttons' },
        button('', 'receipt', t('recovery_codes_print'), () => window.print()),
        file,
        button('quiet', 'copy', t('recovery_codes_copy'), async () => {
          await navigator.clipboard.writeText(codes.join('\n'));
          announce(t('recovery_codes_copied'));
        }),
        button('quiet', 'check', t('recovery_codes_kept'), load)));
    announce(t('recovery_codes_ready'));
    focusIn(place, 'h2');
  }

  /** @param {string} link */
  function drawInvitation(link) {
    const share = 'share' in navigator
      ? button('', 'forward', t('recovery_trusted_share'), () => navigator.share({ title: 'Mamori', url: link })) : null;
    place.replaceChildren(
      el('h2', { tabindex: '-1' }, t('recovery_trusted_link')),
      el('p', {}, t('recovery_trusted_link_lead')),
      el('p', { class: 'number paper-code-page', translate: 'no' }, link),
      el('div', { class: 'top-up-buttons' },
        share,
        button(share === null ? '' : 'quiet', 'copy', t('recovery_trusted_copy'), async () => {
          await navigator.clipboard.writeText(link);
          announce(t('recovery_codes_copied'));
        }),
        button('quiet', 'check', t('done'), load)));
    focusIn(place, 'h2');
  }

  /** @param {TrustedPerson} one @param {string} words */
  function person(one, words) {
    const end = el('button', { type: 'button', class: 'text-button', 'aria-label': `${words}: ${one.name ?? ''}`, on: { click: () => trying(end, async () => {
      await post('/api/recovery/trusted/remove', { trusted: one.trusted });
      announce(t('recovery_trusted_removed'));
      await load();
    }) } }, words);
    const state = !one.accepted ? t('recovery_trusted_waits', { when: shortDateTime(one.ends_at_ms) })
      : one.settled ? t('recovery_trusted_settled') : t('recovery_trusted_settles', { when: shortDateTime(one.settles_at_ms ?? 0) });
    return el('li', { class: 'setting contact-row' }, icon('person'), el('span', { class: 'setting-words' },
      el('span', { class: 'contact-name' }, one.name ?? t('recovery_trusted_link')),
      el('span', { class: 'small soft number' }, state),
      el('span', { class: 'contact-buttons' }, end)));
  }

  /** @param {OwnRecovery} state */
  function drawOpen({ open }) {
    if (open === null || open.stage !== 'open') return null;
    return el('div', { class: 'setting-group recovery-open' }, el('div', { class: 'setting' }, icon('alert'), el('span', { class: 'setting-words' },
      el('strong', {}, t('recovery_open')),
      el('span', { class: 'small' }, t('recovery_open_lead', { when: dateTime(open.opened_at_ms) })),
      open.opens_at_ms !== null && el('span', { class: 'small' }, t('recovery_open_opens', { when: dateTime(open.opens_at_ms) })),
      button('danger', 'lock', t('recovery_stop'), async () => {
        await post('/api/recovery/stop-own');
        announce(t('recovery_stopped'), 'assertive');
        await load();
      }))));
  }

  /** @param {OwnRecovery} state */
  function draw(state) {
    const { codes_left, codes_made_at_ms, codes_max, trusted, trusted_max, helping } = state;
    const has = codes_left !== null && codes_made_at_ms !== null;
    place.replaceChildren(...[
      drawOpen(state),
      el('p', {}, t('recovery_lead')),
      el('h2', {}, t('recovery_codes')),
      el('p', { class: 'small soft' }, t('recovery_codes_lead')),
      el('div', { class: 'setting-group' }, el('div', { class: 'setting' }, icon(has && codes_left > 2 ? 'check' : 'alert'),
        el('span', { class: 'setting-words number' }, has
          ? t('recovery_codes_left', { left: codes_left, max: codes_max, when: shortDateTime(codes_made_at_ms) }) : t('recovery_codes_none')))),
      button(has ? 'quiet' : '', 'key', t(has ? 'recovery_codes_make_new' : 'recovery_codes_make'), async () => drawCodes(await proven('/api/recovery/codes'))),
      has ? el('p', { class: 'small soft' }, t('recovery_codes_replaces')) : null,
      el('h2', {}, t('recovery_trusted')),
      el('p', { class: 'small soft' }, t('recovery_trusted_lead')),
      el('ul', { class: 'setting-group' }, trusted.length === 0
        ? el('li', { class: 'setting' }, icon('person'), el('span', { class: 'setting-words' }, t('recovery_trusted_none')))
        : trusted.map((one) => person(one, t('recovery_trusted_remove')))),
      trusted.length < trusted_max
        ? button('quiet', 'plus', t('recovery_trusted_invite'), async () => drawInvitation((await proven('/api/recovery/trusted/invite')).link)) : null,
      helping.length > 0 ? el('h2', {}, t('recovery_helping')) : null,
      helping.length > 0 ? el('ul', { class: 'setting-group' }, helping.map((one) => person(one, t('recovery_helping_end')))) : null,
    ].filter((part) => part !== null));
  }

  async function load() {
    try {
      draw(await get('/api/recovery'));
    } catch (error) {
      place.replaceChildren();
      problem.textContent = sentenceOf(error);
    }
  }

  return {
    element: [el('main', { class: 'settings' },
      el('div', { class: 'page-head' },
        el('a', { class: 'round-button', href: '#settings', 'aria-label': t('back') }, icon('back')),
        el('h1', { tabindex: '-1' }, t('recovery_title'))),
      problem, place)],
    ready: () => { load(); },
  };
}
