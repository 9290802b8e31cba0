// Settings: name, language, sound, installing, where the owner is signed in, stopping, signing out.

import { sentenceOf } from '/assets/api.js';
import { el, whileBusy } from '/assets/elements.js';
import { chimePaid } from '/assets/chime.js';
import { icon, mark } from '/assets/icons.js';
import { t } from '/assets/i18n.js';
import { languageChoice } from '/assets/language-choice.js';
import { operatorLine } from '/assets/wallet-help.js';
import { permissionsSetting } from '/assets/wallet-permissions.js';
import { securityCard } from '/assets/wallet-security.js';
import { setSound, soundIsOn } from '/assets/wallet-result.js';
import { sessionsCard } from '/assets/wallet-sessions.js';

/** @import { App, WalletView } from '/assets/wallet.js' */

function onAppleTouch() {
  const installed = 'standalone' in navigator && navigator.standalone === true;
  return /iPhone|iPad|iPod/.test(navigator.userAgent) && !installed;
}

/** @param {App} app @returns {WalletView} */
export function settingsView(app) {
  const problem = el('p', { class: 'problem', role: 'alert' });
  /** @param {HTMLElement} button @param {() => Promise<void>} action */
  const trying = (button, action) => whileBusy(button, async () => {
    problem.textContent = '';
    try {
      await action();
    } catch (error) {
      problem.textContent = sentenceOf(error);
    }
  });

  const sound = el('button', { type: 'button', role: 'switch', class: 'switch', 'aria-checked': String(soundIsOn()), 'aria-labelledby': 'sound-name', 'aria-describedby': 'sound-hint', on: { click: () => {
    const on = !soundIsOn();
    setSound(on);
    sound.setAttribute('aria-checked', String(on));
    if (on) chimePaid();
  } } }, el('span', { class: 'switch-knob', 'aria-hidden': 'true' }));

  const installPlace = el('div', {});
  function drawInstall() {
    installPlace.replaceChildren();
    if (app.installPrompt) {
      installPlace.append(el('button', { type: 'button', class: 'setting setting-button', on: { click: () => app.installPrompt?.prompt() } },
        icon('phone'), el('span', { class: 'setting-words' }, el('span', {}, t('install')), el('span', { class: 'small soft' }, t('install_hint'))), icon('forward')));
    } else if (onAppleTouch()) {
      installPlace.append(el('div', { class: 'setting' }, icon('phone'), el('span', { class: 'setting-words' }, el('span', {}, t('install')), el('span', { class: 'small soft' }, t('install_ios')))));
    }
  }
  drawInstall();

  let sessions = sessionsCard();
  function readSessions() {
    const before = sessions;
    sessions = sessionsCard();
    before.replaceWith(sessions);
  }

  const stopPlace = el('div', {});
  function drawStop() {
    stopPlace.replaceChildren();
    if (app.wallet.status === 'frozen') {
      stopPlace.append(el('a', { class: 'setting setting-button', href: '#' }, icon('unlock'), el('span', { class: 'setting-words' }, el('span', {}, t('unfreeze'))), icon('forward')));
      return;
    }
    const button = el('button', { type: 'button', class: 'setting setting-button setting-danger', on: { click() {
      app.freeze();
      app.goHome();
    } } }, icon('lock'), el('span', { class: 'setting-words' }, el('span', {}, t('freeze')), el('span', { class: 'small soft' }, t('freeze_hint'))));
    stopPlace.append(button);
  }
  drawStop();

  const signOut = el('button', { type: 'button', class: 'setting setting-button', on: { click: () => trying(signOut, () => app.signOut()) } },
    icon('leave'), el('span', { class: 'setting-words' }, el('span', {}, t('sign_out'))));

  return {
    element: [
      el('main', { class: 'settings' },
        el('div', { class: 'page-head' }, el('h1', { tabindex: '-1' }, t('settings_title'))),
        el('div', { class: 'person' }, el('span', { class: 'person-picture', 'aria-hidden': 'true' }, [...app.wallet.display_name][0] ?? 'M'),
          el('div', {}, el('p', { class: 'person-name' }, app.wallet.display_name),
            el('p', { class: 'small soft number' }, `${t('wallet_number')} ${app.wallet.wallet_id}`))),
        problem,
        securityCard(app),
        el('div', { class: 'setting-group' },
          el('div', { class: 'setting' }, icon('globe'), el('span', { class: 'setting-words' }, t('language')), languageChoice()),
          el('div', { class: 'setting' }, icon('sound'), el('span', { class: 'setting-words' }, el('span', { id: 'sound-name' }, t('sound')), el('span', { id: 'sound-hint', class: 'small soft' }, t('sound_hint'))), sound),
          installPlace),
        el('div', { class: 'setting-group' },
          el('a', { class: 'setting setting-button', href: '#contacts' }, icon('mail'),
            el('span', { class: 'setting-words' }, el('span', {}, t('contacts')), el('span', { class: 'small soft' }, t('contacts_hint'))), icon('forward')),
          el('a', { class: 'setting setting-button', href: '#notices' }, icon('bell'),
            el('span', { class: 'setting-words' }, el('span', {}, t('notices')), el('span', { class: 'small soft' }, t('notices_hint'))), icon('forward')),
          el('a', { class: 'setting setting-button', href: '#passkeys' }, icon('key'),
            el('span', { class: 'setting-words' }, el('span', {}, t('passkeys')), el('span', { class: 'small soft' }, t('passkeys_hint'))), icon('forward')),
          el('a', { class: 'setting setting-button', href: '#password' }, icon('key'),
            el('span', { class: 'setting-words' }, el('span', {}, t('password_setting')), el('span', { class: 'small soft' }, t('password_setting_hint'))), icon('forward')),
          el('a', { class: 'setting setting-button', href: '#external-id' }, icon('person'),
            el('span', { class: 'setting-words' }, el('span', {}, t('external_setting')), el('span', { class: 'small soft' }, t('external_setting_hint'))), icon('forward')),
          el('a', { class: 'setting setting-button', href: '#recovery' }, icon('undo'),
            el('span', { class: 'setting-words' }, el('span', {}, t('recovery_setting')), el('span', { class: 'small soft' }, t('recovery_setting_hint'))), icon('forward')),
          el('a', { class: 'setting setting-button', href: '#freeze-code' }, icon('receipt'),
            el('span', { class: 'setting-words' }, el('span', {}, t('freeze_code')), el('span', { class: 'small soft' }, t('freeze_code_hint'))), icon('forward'))),
        el('div', { class: 'setting-group' }, permissionsSetting()),
        sessions,
        el('div', { class: 'setting-group' },
          el('a', { class: 'setting setting-button', href: '#activity' }, icon('receipt'),
            el('span', { class: 'setting-words' }, el('span', {}, t('activity_title')), el('span', { class: 'small soft' }, t('activity_hint'))), icon('forward')),
          el('a', { class: 'setting setting-button', href: '#my-data' }, icon('person'),
            el('span', { class: 'setting-words' }, el('span', {}, t('my_data_title')), el('span', { class: 'small soft' }, t('my_data_hint'))), icon('forward'))),
        el('div', { class: 'setting-group' },
          el('a', { class: 'setting setting-button', href: '#help' }, icon('question'),
            el('span', { class: 'setting-words' }, el('span', {}, t('help_title')), el('span', { class: 'small soft' }, t('help_hint'))), icon('forward'))),
        el('div', { class: 'setting-group' }, stopPlace, signOut,
          el('a', { class: 'setting setting-button', href: '#closing' }, icon('cross'), el('span', { class: 'setting-words' }, t('closing_title')), icon('forward'))),
        el('p', { class: 'about small soft' }, mark(), t('about')),
        operatorLine()),
    ],
    changed(what) {
      if (what === 'sessions') readSessions();
      if (what === 'install') drawInstall();
      if (what === 'status') drawStop();
    },
  };
}
