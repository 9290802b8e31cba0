// The owner's passkeys: which there are, one more, another name, one less. To add and to remove asks for a passkey of this very
// moment; every answer carries the list as it is now, and the browser is told what is left.

import { Refused, get, post, sentenceOf } from '/assets/api.js';
import { announce, el, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { hasText, shortDateTime, t } from '/assets/i18n.js';
import { ceremonyProblem, createPasskey, nameOf } from '/assets/passkey.js';
import { answerStepUp } from '/assets/wallet-later.js';
import { tellAccepted } from '/assets/passkey-signals.js';
import { openSheet } from '/assets/sheet.js';

/** @import { OwnPasskey, OwnPasskeys } from '../types/answers.js' */
/** @import { App, WalletView } from '/assets/wallet.js' */

/** Characters of a name. */
const NAME_MAX = 40;

// In the order in which they are recognised: an iPhone also calls itself like a Mac, an Android like a Linux.
/** @type {[string, RegExp][]} */
const DEVICES = [
  ['iphone', /iPhone|iPod/], ['ipad', /iPad/], ['android', /Android/], ['chromeos', /CrOS/], ['windows', /Windows/],
  ['mac', /Mac/], ['linux', /Linux/],
];

/** What a new passkey of this device may be called. @param {string} claimed the browser's own words for itself */
export function proposedName(claimed) {
  const found = DEVICES.find(([, pattern]) => pattern.test(claimed));
  if (found === undefined) return '';
  return found[0] === 'iphone' ? t('passkey_of_iphone') : t('passkey_of', { browser: t(`device_${found[0]}`) });
}

/** What a passkey is called: by its owner, or by the kind of browser it was made in. @param {Pick<OwnPasskey, 'name' | 'browser'>} passkey */
export function nameOfPasskey({ name, browser }) {
  if (name !== null) return name;
  if (browser === 'safari_phone') return t('passkey_of_iphone');
  const key = `browser_${browser}`;
  return browser !== 'unknown' && hasText(key) ? t('passkey_of', { browser: t(key) }) : t('passkey_unnamed');
}

/** When and where it was used last. @param {Pick<OwnPasskey, 'used_at_ms' | 'used_here'>} passkey */
export function lastUse({ used_at_ms, used_here }) {
  if (used_at_ms === null) return t('passkey_never_used');
  const key = used_here === null ? 'passkey_used' : used_here ? 'passkey_used_here' : 'passkey_used_elsewhere';
  return t(key, { when: shortDateTime(used_at_ms) });
}

/**
 * What a passkey's removal does, sentence by sentence.
 * @param {Pick<OwnPasskey, 'name' | 'browser' | 'sessions' | 'opened_this_session'>} passkey
 */
export function removalWords(passkey) {
  const { sessions, opened_this_session } = passkey;
  return [
    t('passkey_remove_question', { name: nameOfPasskey(passkey) }),
    sessions > 0 && t('passkey_remove_sessions', { count: sessions }),
    opened_this_session && t('passkey_remove_here'),
    t('passkey_remove_codes'),
  ].filter((sentence) => sentence !== false);
}

/** The sentence for whatever stopped an act with a passkey; empty for our own abort. @param {unknown} error */
function problemOf(error) {
  const key = ceremonyProblem(error);
  if (key === 'passkey_already_here') return t('passkey_is_there');
  if (key !== null) return t(key);
  if (nameOf(error) === 'AbortError') return '';
  return error instanceof Refused && error.field === 'name' ? t('passkey_name_wrong') : sentenceOf(error);
}

/** A field for a name, with its words. @param {string} value */
function nameField(value) {
  const input = el('input', {
    id: 'passkey-name', type: 'text', maxlength: NAME_MAX, autocomplete: 'off', 'aria-describedby': 'passkey-name-hint', value,
  });
  const field = el('div', { class: 'field' },
    el('label', { for: 'passkey-name' }, t('passkey_name')), input,
    el('p', { id: 'passkey-name-hint', class: 'hint' }, t('passkey_name_hint')));
  return { input, field };
}

/** @param {App} app @returns {WalletView} */
export function passkeysView(app) {
  const title = el('h1', { tabindex: '-1' }, t('passkeys'));
  const problem = el('p', { class: 'problem', role: 'alert' });
  const place = el('div', {}, el('p', { class: 'soft nothing', role: 'status' }, t('loading')));

  /**
   * A sheet with one form; `act` runs at its button and says what is wrong under it.
   * @param {string} heading
   */
  function form(heading) {
    const wrong = el('p', { class: 'problem', role: 'alert' });
    const body = el('form', { class: 'sign-in-notice', novalidate: true });
    const sheet = openSheet(heading, body);
    /** @param {HTMLElement} button @param {() => Promise<void>} act */
    const trying = (button, act) => whileBusy(button, async () => {
      wrong.textContent = '';
      try {
        await act();
      } catch (error) {
        // It was removed on another device meanwhile: the list says so.
        if (error instanceof Refused && error.status === 404) {
          sheet.close();
          await load();
          title.focus({ preventScroll: true });
          return;
        }
        wrong.textContent = problemOf(error);
      }
    });
    return { wrong, body, sheet, trying };
  }

  function add() {
    const { wrong, body, sheet, trying } = form(t('passkey_add'));
    const confirm = el('button', { type: 'submit', class: 'button wide' }, icon('key'), t('passkey_add_confirm'));
    body.append(el('p', {}, t('passkey_add_first')), wrong, confirm);
    body.onsubmit = (event) => {
      event.preventDefault();
      trying(confirm, async () => {
        const proof = await answerStepUp(await post('/api/passkeys/add', {}));
        const { registration, creation } = await app.renewing(() => post('/api/passkeys/add', proof));
        drawSecond(registration, creation);
      });
    };
    confirm.focus({ preventScroll: true });

    /** Its own press: some browsers make a passkey for a press alone. @param {string} registration @param {unknown} creation */
    function drawSecond(registration, creation) {
      const { input, field } = nameField(proposedName(navigator.userAgent));
      /** @type {Awaited<ReturnType<typeof createPasskey>> | null} */
      let made = null;
      const make = el('button', { type: 'submit', class: 'button wide' }, icon('key'), t('passkey_make'));
      body.replaceChildren(el('p', { role: 'status' }, t('passkey_add_then')), field, wrong, make);
      body.onsubmit = (event) => {
        event.preventDefault();
        const name = input.value.trim();
        if (name === '') {
          wrong.textContent = t('passkey_name_missing');
          input.focus();
          return;
        }
        trying(make, async () => {
          // Made once: a name that is not accepted is mended, and the same passkey goes with the next one.
          made ??= await createPasskey(creation);
          const answer = await post('/api/passkeys/finish', { registration, credential: made, name });
          sheet.close();
          changed(answer, t('passkey_added', { name }));
        });
      };
      input.focus({ preventScroll: true });
      input.select();
    }
  }

  /** @param {OwnPasskey} passkey */
  function rename(passkey) {
    const { wrong, body, sheet, trying } = form(t('passkey_rename'));
    const { input, field } = nameField(nameOfPasskey(passkey));
    const save = el('button', { type: 'submit', class: 'button wide' }, t('passkey_name_save'));
    body.append(field, wrong, save);
    body.onsubmit = (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (name === '') {
        wrong.textContent = t('passkey_name_missing');
        input.focus();
        return;
      }
      trying(save, async () => {
        const answer = await post('/api/passkeys/rename', { passkey: passkey.passkey, name });
        sheet.close();
        changed(answer, t('passkey_renamed', { name }));
      });
    };
    input.focus({ preventScroll: true });
    input.select();
  }

  /** @param {OwnPasskey} passkey */
  function remove(passkey) {
    const name = nameOfPasskey(passkey);
    const { wrong, body, sheet, trying } = form(t('passkey_remove_named', { name }));
    const yes = el('button', { type: 'submit', class: 'button wide danger' }, icon('key'), t('passkey_remove_yes'));
    const no = el('button', { type: 'button', class: 'button quiet wide', on: { click: () => sheet.close() } }, t('cancel'));
    body.append(...removalWords(passkey).map((sentence) => el('p', {}, sentence)),
      el('p', { class: 'small soft' }, t('passkey_remove_device')), wrong, yes, no);
    body.onsubmit = (event) => {
      event.preventDefault();
      trying(yes, async () => {
        const named = { passkey: passkey.passkey };
        const proof = await answerStepUp(await post('/api/passkeys/remove', named));
        const answer = await app.renewing(() => post('/api/passkeys/remove', { ...named, ...proof }));
        sheet.close();
        if (answer.signed_out) {
          tellAccepted(answer.signals);
          app.leave(t('passkeys_signed_out'));
          return;
        }
        changed(answer, answer.ended > 0 ? t('passkey_removed_sessions', { name, count: answer.ended }) : t('passkey_removed', { name }));
      });
    };
    no.focus({ preventScroll: true });
  }

  /** @param {OwnPasskey} passkey */
  function row(passkey) {
    const name = nameOfPasskey(passkey);
    /** @param {string} key @param {string} label @param {() => void} act */
    const button = (key, label, act) => el('button', {
      type: 'button', class: 'text-button', 'aria-label': label, on: { click: act },
    }, t(key));
    /** @param {string} words */
    const line = (words) => el('span', { class: 'small soft number' }, words);
    return el('li', { class: 'setting passkey' }, icon('key'),
      el('span', { class: 'setting-words' },
        el('span', { class: 'permission-name' }, name),
        passkey.opened_this_session && el('span', { class: 'small' }, t('passkey_this_session')),
        passkey.kept !== null && line(t(`passkey_${passkey.kept}`)),
        line(t('passkey_made', { when: shortDateTime(passkey.made_at_ms) })),
        (passkey.used_at_ms !== null || !passkey.opened_this_session) && line(lastUse(passkey)),
        !passkey.may_remove && line(t('passkey_last'))),
      el('div', { class: 'passkey-buttons' },
        button('passkey_rename', t('passkey_rename_named', { name }), () => rename(passkey)),
        passkey.may_remove && button('passkey_remove', t('passkey_remove_named', { name }), () => remove(passkey))));
  }

  /** @param {OwnPasskeys} answer */
  function draw({ passkeys, passkeys_max }) {
    const full = passkeys.length >= passkeys_max;
    place.replaceChildren(
      el('ul', { class: 'setting-group permissions' }, passkeys.map(row)),
      full ? el('p', { class: 'small soft permission-lead' }, t('passkey_add_full', { count: passkeys_max }))
        : el('div', { class: 'top-up-buttons' },
          el('button', { type: 'button', class: 'button wide', on: { click: add } }, icon('plus'), t('passkey_add'))));
  }

  /** @param {OwnPasskeys} answer @param {string} words */
  function changed(answer, words) {
    problem.textContent = '';
    draw(answer);
    announce(words);
    tellAccepted(answer.signals);
    title.focus({ preventScroll: true });
  }

  async function load() {
    try {
      draw(await get('/api/passkeys'));
    } catch (error) {
      place.replaceChildren();
      problem.textContent = sentenceOf(error);
    }
  }

  load();
  return {
    element: [el('main', { class: 'settings' },
      el('div', { class: 'page-head' },
        el('a', { class: 'text-button permission-back', href: '#settings' }, icon('back'), t('back')), title),
      el('p', { class: 'soft permission-lead' }, t('passkeys_lead')), problem, place)],
  };
}
