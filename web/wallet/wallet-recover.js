// The way back in for whoever lost every way to sign in: what is proven, what is missing, when it opens. Kept in this browser, which
// proves its device with each request; nobody is signed in before the end. Whether a contact is known this page never says.

import { Refused, post, sentenceOf } from '/assets/api.js';
import { announce, el, focusIn, whileBusy } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { language, shortDateTime, t } from '/assets/i18n.js';
import { languageChoice } from '/assets/language-choice.js';
import { ceremonyProblem, createPasskey, nameOf } from '/assets/passkey.js';
import { codeField, codesCard, passwordField, readCode, readPassword } from '/assets/wallet-password-parts.js';

/** @import { Content } from '../types/pages.js' */
/** @import { CodesToSetUp, RecoveryProgress } from '../types/answers.js' */
/** @import { App, WalletView } from '/assets/wallet.js' */

const KEPT = 'mamori.recovery';
// Somebody else's yes, and the end of the wait, are seen without a tap.
const LOOK_EVERY_MS = 5_000;

/** @returns {string | null} */
function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

/** @param {string | null} recovery */
function keep(recovery) {
  try {
    if (recovery === null) localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, recovery);
  } catch { /* then it lasts as long as this page */ }
}

/** @param {string} evidence */
const named = (evidence) => t(`evidence_${evidence}`);

/** @param {App} app @returns {WalletView} */
export function recoverView(app) {
  let recovery = kept();
  /** @type {RecoveryProgress | null} */
  let progress = null;
  let drawn = '';
  let looking = 0;
  const problem = el('p', { class: 'problem', role: 'alert' });
  const place = el('div', { class: 'recover' });

  /** @param {unknown} error */
  function tell(error) {
    const key = ceremonyProblem(error);
    const field = error instanceof Refused ? error.field : undefined;
    if (field === 'value') problem.textContent = t('recover_mistyped');
    else if (field === 'contact') problem.textContent = t('recover_no_contact');
    else if (key !== null) problem.textContent = t(key);
    else problem.textContent = nameOf(error) === 'AbortError' ? '' : sentenceOf(error);
  }

  /** @param {HTMLElement} button @param {() => Promise<unknown>} act */
  const trying = (button, act) => whileBusy(button, async () => {
    problem.textContent = '';
    try {
      await act();
    } catch (error) {
      tell(error);
      if (error instanceof Refused && error.code === 'recovery_over') startAgain();
    }
  });

  /** @param {string} look @param {string} words @param {() => Promise<unknown>} act */
  function button(look, words, act) {
    const made = el('button', { type: 'button', class: `button wide ${look}`, on: { click: () => trying(made, act) } }, words);
    return made;
  }

  /**
   * A form with one field.
   * @param {string} id @param {string} label @param {string} hint @param {Record<string, unknown>} attributes
   * @param {string} words @param {(value: string) => Promise<unknown>} act
   */
  function form(id, label, hint, attributes, words, act) {
    const input = el('input', { id, name: id, type: 'text', autocapitalize: 'none', spellcheck: 'false', 'aria-describedby': `${id}-hint`, ...attributes });
    const send = el('button', { type: 'submit', class: 'button wide quiet' }, words);
    return el('form', { class: 'form', novalidate: true, on: {
      /** @param {SubmitEvent} event */
      submit(event) {
        event.preventDefault();
        if (input.value.trim() === '') input.focus();
        else trying(send, () => act(input.value));
      },
    } }, el('div', { class: 'field' }, el('label', { for: id }, label), input, hint !== '' && el('p', { class: 'hint', id: `${id}-hint` }, hint)), send);
  }

  /** @param {string} kind @param {string} value */
  async function prove(kind, value) {
    try {
      take(await post('/api/recovery/prove', { recovery, kind, value }));
    } catch (error) {
      if (kind === 'code' && error instanceof Refused && error.code === 'recovery_elsewhere') offerInstead(value);
      throw error;
    }
  }

  /** A saved code is stronger than whatever the other one was begun with. @param {string} value */
  function offerInstead(value) {
    const instead = button('danger', t('recover_instead'), async () => take(await post('/api/recovery/prove', { recovery, kind: 'code', value, instead: true })));
    problem.after(instead);
    instead.focus();
  }

  const savedForm = () => form('saved', t('recover_saved'), t('recover_saved_hint'), { autocapitalize: 'characters', maxlength: '60', class: 'number' },
    t('recover_prove'), (value) => prove('code', value));
  const sentForm = () => form('sent', t('recover_sent'), t('recover_sent_hint'),
    { inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: '24', class: 'code-input number' }, t('recover_prove'), (value) => prove('sent', value));
  const sendForm = () => form('contact', t('recover_contact'), '', { inputmode: 'email', autocomplete: 'off', maxlength: '254' }, t('recover_send'), async (contact) => {
    await post('/api/recovery/send', { recovery, contact });
    announce(t('recover_send_done'));
    problem.textContent = t('recover_send_done');
  });

  /** A part that unfolds. @param {string} words @param {Content[]} content */
  const unfolding = (words, ...content) => el('details', { class: 'recover-part' }, el('summary', {}, words), content);

  function startAgain() {
    recovery = null;
    keep(null);
    progress = null;
    drawStart();
  }

  function drawStart() {
    drawn = 'start';
    place.replaceChildren(
      el('p', {}, t('recover_lead')),
      el('p', { class: 'small soft' }, t('recover_passkey')),
      form('recover-contact', t('recover_contact'), t('recover_contact_hint'),
        { inputmode: 'email', autocomplete: 'username', maxlength: '254', placeholder: '090-1234-5678' }, t('recover_begin'), async (contact) => {
          const begun = await post('/api/recovery/start', { contact, locale: language() });
          recovery = begun.recovery;
          keep(recovery);
          take(await post('/api/recovery/state', { recovery }));
        }),
      el('a', { class: 'text-button', href: '#' }, t('recover_to_sign_in')));
  }

  const giveUp = () => button('quiet', t('recover_give_up'), async () => {
    if (progress?.stage === 'open') await post('/api/recovery/stop', { recovery });
    startAgain();
  });

  function drawAsked() {
    place.replaceChildren(
      el('h2', { tabindex: '-1' }, t('recover_missing')),
      el('p', {}, t('recover_asked')),
      sentForm(), savedForm(),
      el('p', { class: 'small soft' }, t('recover_waiting_known')),
      giveUp());
  }

  /** @param {RecoveryProgress} state */
  function missing({ ways, proven, opens_at_ms, now_ms }) {
    const has = new Set(proven.map(({ evidence }) => evidence));
    const left = ways
      .map(({ evidence, wait_hours }) => ({ wait_hours, needed: evidence.filter((one) => !has.has(one)) }))
      // Of what opens by itself only that is told what would be faster.
      .filter(({ needed, wait_hours }) => needed.length > 0 && (opens_at_ms === null || wait_hours * 3_600_000 < opens_at_ms - now_ms))
      // A way that needs as much or more, and waits as long or longer, is none.
      .filter(({ needed, wait_hours }, at, all) => !all.some((other, place) => other.needed.every((one) => needed.includes(one))
        && (other.wait_hours < wait_hours || (other.wait_hours === wait_hours && (other.needed.length < needed.length || (other.needed.length === needed.length && place < at))))));
    return left.map(({ needed, wait_hours }) => {
      const what = needed.map(named).join(t('recover_and'));
      return el('li', {}, wait_hours === 0 ? t('recover_way_now', { what }) : t('recover_way', { what, hours: wait_hours }));
    });
  }

  /** @param {RecoveryProgress} state */
  function clock({ opens_at_ms, now_ms, ends_at_ms }) {
    if (opens_at_ms === null) return el('p', { class: 'small soft' }, t('recover_until', { when: shortDateTime(ends_at_ms) }));
    const minutes = Math.max(0, Math.ceil((opens_at_ms - now_ms) / 60_000));
    return el('div', { class: 'recover-clock', role: 'status' },
      el('p', {}, el('strong', {}, t('recover_opens', { when: shortDateTime(opens_at_ms) }))),
      el('p', { class: 'number' }, icon('clock'), ' ', t('recover_left', { hours: Math.floor(minutes / 60), minutes: minutes % 60 })),
      el('p', { class: 'small' }, t('recover_wait_lead')),
      el('p', { class: 'small soft' }, t('recover_until', { when: shortDateTime(ends_at_ms) })));
  }

  /** @param {RecoveryProgress} state */
  function proofs({ offers, proven }) {
    /** @type {Set<string>} */
    const has = new Set(proven.map(({ evidence }) => evidence));
    /** @param {string} one */
    const offered = (one) => offers.includes(one) && !has.has(one);
    const number = el('p', { class: 'device-number number' });
    const asked = el('div', { role: 'status' });
    return [
      offered('code') && unfolding(t('recover_saved'), savedForm()),
      ['mail', 'second_mail', 'sms'].some(offered) && unfolding(t('recover_send_other'), sendForm(), sentForm()),
      offered('totp') && unfolding(t('recover_totp'), form('totp', t('recover_totp'), t('recover_totp_hint'),
        { inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: '24', class: 'code-input number' }, t('recover_prove'), (value) => prove('totp', value))),
      offered('password') && unfolding(t('recover_password'), form('password', t('recover_password'), '',
        { type: 'password', autocomplete: 'current-password' }, t('recover_prove'), (value) => prove('password', value))),
      offered('trusted') && unfolding(t('recover_trusted'), el('p', { class: 'small' }, t('recover_trusted_lead')),
        button('quiet', t('recover_trusted_ask'), async () => {
          const answer = await post('/api/recovery/ask', { recovery });
          number.textContent = String(answer.number);
          asked.replaceChildren(el('p', {}, t('recover_trusted_number')), number, el('p', { class: 'small soft' }, t('recover_trusted_hint')));
        }), asked),
    ].filter((part) => part !== false);
  }

  /** @param {RecoveryProgress} state */
  const provenList = ({ proven }) => [
    el('h2', { tabindex: '-1' }, t('recover_proven')),
    el('ul', { class: 'setting-group' }, proven.map(({ evidence, contact }) => el('li', { class: 'setting' }, icon('check'),
      el('span', { class: 'setting-words' }, contact === null ? named(evidence) : t('evidence_at', { what: named(evidence), contact }))))),
  ];

  /** @param {RecoveryProgress} state */
  function drawOpen(state) {
    const left = missing(state);
    place.replaceChildren(
      ...provenList(state),
      clock(state),
      ...(left.length > 0 ? [el('h2', {}, t('recover_missing')), el('p', { class: 'small' }, t('recover_missing_lead')), el('ul', { class: 'recover-ways' }, left)] : []),
      ...proofs(state),
      giveUp());
  }

  async function back() {
    keep(null);
    announce(t('recover_done'), 'assertive');
    await app.enter();
  }

  function drawPassword(/** @type {CodesToSetUp} */ codes) {
    drawn = 'password';
    const password = passwordField('new-password', 'new');
    const code = codeField('new-code');
    const send = el('button', { type: 'submit', class: 'button wide' }, t('recover_finish'));
    place.replaceChildren(el('form', { class: 'form', novalidate: true, on: {
      /** @param {SubmitEvent} event */
      submit(event) {
        event.preventDefault();
        const typed = readPassword(password);
        const digits = typed === null ? null : readCode(code);
        if (typed === null || digits === null) return;
        trying(send, async () => {
          await post('/api/recovery/password/finish', { recovery, enrolment: codes.enrolment, password: typed, code: digits });
          await back();
        });
      },
    } }, el('p', {}, t('recover_password_lead')), password.element, codesCard(codes), code.element, send));
    focusIn(place, 'input');
  }

  /** @param {RecoveryProgress} state */
  function drawReady(state) {
    place.replaceChildren(
      el('h2', { tabindex: '-1' }, t('recover_ready')),
      el('p', {}, t('recover_ready_lead')),
      button('', t('recover_make_passkey'), async () => {
        const { registration, creation } = await post('/api/recovery/passkey/start', { recovery });
        const credential = await createPasskey(creation);
        await post('/api/recovery/passkey/finish', { recovery, registration, credential });
        await back();
      }),
      button('quiet', t('recover_make_password'), async () => drawPassword(await post('/api/recovery/password/start', { recovery }))),
      ...provenList(state),
      giveUp());
  }

  /** @param {string} stage */
  function drawOver(stage) {
    const key = ['stopped', 'overdue', 'undone'].includes(stage) ? stage : 'done';
    place.replaceChildren(el('p', { role: 'alert' }, t(`recover_over_${key}`)),
      button('', t('recover_again'), async () => startAgain()),
      el('a', { class: 'text-button', href: '#' }, t('recover_to_sign_in')));
  }

  /** Draws anew only what became different: nobody loses what they type. @param {RecoveryProgress} state */
  function take(state) {
    progress = state;
    const next = JSON.stringify([state.stage, state.ready, state.proven, state.opens_at_ms]);
    if (next === drawn || drawn === 'password') {
      const old = place.querySelector('.recover-clock');
      if (old !== null) old.replaceWith(clock(state));
      return;
    }
    const isFirst = drawn === '';
    drawn = next;
    if (state.stage === 'asked') drawAsked();
    else if (state.ready) drawReady(state);
    else if (state.stage === 'open') drawOpen(state);
    else drawOver(state.stage);
    if (!isFirst) focusIn(place, 'h2');
  }

  async function look() {
    if (recovery === null || document.visibilityState !== 'visible') return;
    try {
      take(await post('/api/recovery/state', { recovery }));
    } catch (error) {
      if (error instanceof Refused && error.code === 'recovery_over') startAgain();
      else if (drawn === '') tell(error);
    }
  }

  return {
    element: [el('main', { class: 'password-entry' },
      el('div', { class: 'page-head' }, el('h1', { tabindex: '-1' }, t('recover_title'))),
      problem, place, languageChoice())],
    ready() {
      if (recovery === null) drawStart();
      else look();
      looking = window.setInterval(look, LOOK_EVERY_MS);
    },
    stop() {
      clearInterval(looking);
    },
  };
}
