// Signing up and signing in. Sign-up is contact -> six digits and a name -> passkey; sign-in is one tap, or a choice in
// the autofill list of the contact field. The server never says whether a contact is known, and neither does this page.

import { Refused, post, sentenceOf } from '/assets/api.js';
import { el, whileBusy } from '/assets/elements.js';
import { icon, mark } from '/assets/icons.js';
import { language, t } from '/assets/i18n.js';
import { languageChoice } from '/assets/language-choice.js';
import { canWaitInAutofill, ceremonyProblem, createPasskey, stopWaiting, usePasskey } from '/assets/passkey.js';

/** Contact as typed: full-width characters become plain ones, separators of phone numbers go. */
function plainContact(text) {
  const plain = text.normalize('NFKC').trim();
  return plain.includes('@') ? plain : plain.replace(/[\s()\-‐‑–—ー−.]/g, '');
}

function looksLikeContact(plain) {
  return /^\+?\d{9,15}$/.test(plain) || /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(plain);
}

/** A contact as people write it: a Japanese mobile number in its three groups. */
const shownContact = (plain) => plain.replace(/^(0[5-9]0)(\d{4})(\d{4})$/, '$1-$2-$3');

/** `progress` carries a half-done sign-up over a change of language. */
export function welcomeView(app, sentence = '', progress = { step: 'contact' }) {
  const panel = el('div', { class: 'welcome-panel' });
  const problem = el('p', { class: 'problem', role: 'alert' });
  let stopped = false;

  const complain = (error) => {
    const key = ceremonyProblem(error);
    problem.textContent = key ? t(key) : error?.name === 'AbortError' ? '' : sentenceOf(error);
  };

  async function signIn({ inAutofill }) {
    const { sign_in, request } = await post('/api/sign-in/start');
    if (stopped) return;
    const credential = await usePasskey(request, { inAutofill });
    await post('/api/sign-in/finish', { sign_in, credential });
    await app.enter();
  }

  // The offer in the autofill list lasts as long as the challenge does; it is renewed quietly before that.
  let renewal = 0;
  async function offerInAutofill() {
    if (!(await canWaitInAutofill()) || stopped || progress.step !== 'contact') return;
    clearTimeout(renewal);
    renewal = setTimeout(offerInAutofill, 4 * 60_000);
    try {
      await signIn({ inAutofill: true });
    } catch (error) {
      // Aborted by another ceremony, or offline: the button beside it still works. A refusal must be heard.
      if (error instanceof Refused) complain(error);
    }
  }

  function drawContact() {
    progress.step = 'contact';
    const field = el('input', { id: 'contact', name: 'contact', type: 'text', inputmode: 'email', autocomplete: 'username webauthn', autocapitalize: 'none', spellcheck: 'false', maxlength: '254', 'aria-describedby': 'contact-hint', value: progress.contact ?? null, placeholder: '090-1234-5678' });
    const start = el('button', { type: 'submit', class: 'button wide' }, t('start'));
    const form = el('form', { class: 'form', novalidate: true, on: { submit: (event) => {
      event.preventDefault();
      problem.textContent = '';
      const contact = plainContact(field.value);
      if (contact === '' || !looksLikeContact(contact)) {
        problem.textContent = t(contact === '' ? 'contact_missing' : 'contact_wrong');
        field.setAttribute('aria-invalid', 'true');
        field.focus();
        return;
      }
      whileBusy(start, async () => {
        try {
          const { sign_up } = await post('/api/sign-up/start', { contact, locale: language() });
          Object.assign(progress, { contact, sign_up, creation: null });
          drawProve({ focus: true });
        } catch (error) {
          complain(error);
        }
      });
    } } },
    el('div', { class: 'field' }, el('label', { for: 'contact' }, t('contact_label')), field, el('p', { class: 'hint', id: 'contact-hint' }, t('contact_hint'))),
    start);
    const passkey = el('button', { type: 'button', class: 'button quiet wide', on: { click: () => whileBusy(passkey, async () => {
      problem.textContent = '';
      try {
        await signIn({ inAutofill: false });
      } catch (error) {
        complain(error);
        offerInAutofill();
      }
    }) } }, icon('key'), t('sign_in'));
    panel.replaceChildren(problem, form, el('p', { class: 'or' }, el('span', {}, t('have_account'))), passkey);
    offerInAutofill();
  }

  function drawProve({ focus = false } = {}) {
    stopWaiting();
    clearTimeout(renewal);
    progress.step = 'prove';
    const code = el('input', { id: 'code', name: 'code', type: 'text', inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: '12', class: 'code-input number', 'aria-describedby': 'code-lead' });
    const name = el('input', { id: 'display-name', name: 'display-name', type: 'text', autocomplete: 'nickname', maxlength: '40', 'aria-describedby': 'name-hint', value: progress.display_name ?? null });
    const submit = el('button', { type: 'submit', class: 'button wide' }, icon('key'), t('make_passkey'));
    const wrong = (field, key) => {
      problem.textContent = t(key);
      field.setAttribute('aria-invalid', 'true');
      field.focus();
    };
    const form = el('form', { class: 'form', novalidate: true, on: { submit: (event) => {
      event.preventDefault();
      problem.textContent = '';
      for (const field of [code, name]) field.removeAttribute('aria-invalid');
      const typed = code.value.normalize('NFKC').replace(/[\s-]/g, '');
      const display_name = name.value.normalize('NFC').trim();
      if (!/^\d{6}$/.test(typed)) return wrong(code, 'code_wrong');
      if (display_name === '') return wrong(name, 'name_missing');
      return whileBusy(submit, async () => {
        try {
          const { creation } = await post('/api/sign-up/prove', { sign_up: progress.sign_up, code: typed, display_name });
          Object.assign(progress, { creation, display_name });
        } catch (error) {
          complain(error);
          return;
        }
        // The number counts once. From here on only the passkey is missing, and it may be tried again.
        drawFinish();
        await createAndEnter();
      });
    } } },
    el('div', { class: 'field' }, el('label', { for: 'code' }, t('code_label')), code),
    el('div', { class: 'field' }, el('label', { for: 'display-name' }, t('name_label')), name, el('p', { class: 'hint', id: 'name-hint' }, t('name_hint'))),
    submit,
    el('p', { class: 'small soft' }, t('passkey_explained')));
    const again = el('button', { type: 'button', class: 'text-button', on: { click: () => { problem.textContent = ''; drawContact(); panel.querySelector('input').focus(); } } }, icon('back'), t('code_not_arrived'));
    panel.replaceChildren(el('h2', { tabindex: '-1' }, t('prove_title')), el('p', { id: 'code-lead', class: 'panel-lead' }, t('prove_lead', { contact: shownContact(progress.contact) })), problem, form, again);
    if (focus) code.focus();
  }

  async function createAndEnter() {
    problem.textContent = '';
    try {
      const credential = await createPasskey(progress.creation);
      await post('/api/sign-up/finish', { sign_up: progress.sign_up, credential });
      await app.enter();
    } catch (error) {
      complain(error);
      if (error instanceof Refused) Object.assign(progress, { step: 'contact', creation: null });
      if (error instanceof Refused) drawContact();
    }
  }

  function drawFinish() {
    progress.step = 'finish';
    const make = el('button', { type: 'button', class: 'button wide', on: { click: () => whileBusy(make, createAndEnter) } }, icon('key'), t('make_passkey'));
    panel.replaceChildren(el('h2', { tabindex: '-1' }, t('finish_title')), el('p', { class: 'panel-lead' }, t('finish_lead')), problem, make, el('p', { class: 'small soft' }, t('passkey_explained')));
    panel.querySelector('h2').focus();
  }

  if (progress.step === 'prove') drawProve();
  else if (progress.step === 'finish') drawFinish();
  else drawContact();
  problem.textContent = sentence === t('signed_out_now') ? '' : sentence;

  const point = (drawing, key) => el('li', {}, el('span', { class: 'point-picture', 'aria-hidden': 'true' }, icon(drawing)), el('p', {}, t(key)));

  return {
    progress,
    element: [
      el('header', { class: 'welcome-top on-deep' },
        el('div', { class: 'brand' }, mark(), el('span', {}, 'Mamori'), el('span', { class: 'kanji', lang: 'ja' }, '守り')),
        el('h1', { tabindex: '-1' }, t('welcome_title')),
        el('p', { class: 'lead' }, t('welcome_lead'))),
      el('main', { class: 'welcome' },
        panel,
        el('ul', { class: 'points' }, point('key', 'point_passkey'), point('scan', 'point_code'), point('lock', 'point_freeze')),
        languageChoice()),
    ],
    stop() {
      stopped = true;
      clearTimeout(renewal);
      stopWaiting();
    },
  };
}
