// Signing up and signing in: what is drawn for each step of `wallet-welcome-state.js`, and what its effects do. The
// server never says whether a contact is known, and neither does this page.

import { Refused, post, sentenceOf } from '/assets/api.js';
import { h, own, patch } from '/assets/draw.js';
import { el, focusIn } from '/assets/elements.js';
import { icon, mark } from '/assets/icons.js';
import { language, t } from '/assets/i18n.js';
import { languageChoice } from '/assets/language-choice.js';
import { machine } from '/assets/machine.js';
import {
  canWaitInAutofill, ceremonyProblem, createPasskey, nameOf, stopWaiting, usePasskey,
} from '/assets/passkey.js';
import { tellUnknown } from '/assets/passkey-signals.js';
import { externalWays, operatorLine } from '/assets/wallet-help.js';
import { keepSignUp, keptIn, knowsAWallet } from '/assets/wallet-memory.js';
import { beginWelcome, resendSeconds, takenUp, toKeep, updateWelcome } from '/assets/wallet-welcome-state.js';

/** @import { Attributes, Child, Machine, Performers } from '../types/pages.js' */
/** @import { App, WalletView } from '/assets/wallet.js' */
/** @import { WelcomeEffect, WelcomeEvent, WelcomeState } from '/assets/wallet-welcome-state.js' */

/** @typedef {(event: WelcomeEvent) => void} Send */

/** A contact as people write it: a Japanese mobile number in its three groups. @param {string} plain */
const shownContact = (plain) => plain.replace(/^(0[5-9]0)(\d{4})(\d{4})$/, '$1-$2-$3');

const key = () => own('key', () => icon('key'));

/** @param {WelcomeState} state */
function problemText({ problem }) {
  if (problem === null) return '';
  if ('sentence' in problem) return problem.sentence;
  if ('key' in problem) return t(problem.key);
  const words = ceremonyProblem(problem.error);
  if (words !== null) return t(words);
  return nameOf(problem.error) === 'AbortError' ? '' : sentenceOf(problem.error);
}

/** @param {WelcomeState} state */
const problemLine = (state) => h('p', { class: 'problem', role: 'alert' }, problemText(state));

/** @param {Attributes} attributes @param {string} label @param {Child} hint */
const field = (attributes, label, hint = null) => h('div', { class: 'field' },
  h('label', { for: attributes.id }, label),
  h('input', { type: 'text', name: attributes.id, ...attributes }), hint);

/** @param {() => void} send */
const submitting = (send) => ({
  /** @param {SubmitEvent} event */
  submit(event) {
    event.preventDefault();
    send();
  },
});

/** @param {Send} send @param {'contact' | 'code' | 'display_name'} name */
const typing = (send, name) => ({
  /** @param {Event & { target: HTMLInputElement }} event */
  input: (event) => send({ is: 'typed', field: name, text: event.target.value }),
});

/** @param {WelcomeState} state @param {Send} send @param {string} look */
const signInButton = (state, send, look) => h('button', {
  type: 'button', class: `button wide ${look}`, 'aria-busy': state.busy === 'sign_in' && 'true',
  on: { click: () => send({ is: 'sign_in' }) },
}, key(), t('sign_in'));

/** Another way: without passkeys, or without the phone. @param {string} href @param {string} words */
const otherWay = (href, words) => h('p', { class: 'second-way' }, h('a', { class: 'text-button', href }, t(words)));

/** Who comes back, often at the cash desk, is one press away from the code. @param {WelcomeState} state @param {Send} send @returns {Child[]} */
const returningStep = (state, send) => [
  h('h2', { tabindex: '-1' }, t('returning_title')),
  problemLine(state),
  signInButton(state, send, 'large'),
  h('p', { class: 'or' }, h('span', {}, t('returning_or'))),
  h('button', { type: 'button', class: 'button quiet wide', on: { click: () => send({ is: 'newcomer' }) } }, t('newcomer')),
  otherWay('#password-sign-in', 'sign_in_by_password'),
  otherWay('#recover', 'cannot_sign_in'),
  otherWay('/freeze', 'lost_phone'),
];

/** There from the beginning, so that a screen reader tells what comes into it. @param {WelcomeState} state */
const checkingLine = ({ checks }) => h('p', { class: 'small soft', role: 'status' }, checks > 0 && t('checking'));

/** @param {WelcomeState} state @param {Send} send @returns {Child[]} */
function contactStep(state, send) {
  return [
    problemLine(state),
    h('form', { class: 'form', novalidate: true, on: submitting(() => send({ is: 'start' })) },
      field({
        id: 'contact', inputmode: 'email', autocomplete: 'username webauthn', autocapitalize: 'none',
        spellcheck: 'false', maxlength: '254', 'aria-describedby': 'contact-hint',
        'aria-invalid': state.wrong === 'contact' && 'true',
        placeholder: '090-1234-5678', value: state.contact, on: typing(send, 'contact'),
      }, t('contact_label'), h('p', { class: 'hint', id: 'contact-hint' }, t('contact_hint'))),
      h('button', { type: 'submit', class: 'button wide', 'aria-busy': state.busy === 'start' && 'true' }, t('start')),
      checkingLine(state)),
    h('p', { class: 'or' }, h('span', {}, t('have_account'))),
    signInButton(state, send, 'quiet'),
    otherWay('#password-sign-in', 'sign_in_by_password'),
    otherWay('#recover', 'cannot_sign_in'),
    otherWay('/freeze', 'lost_phone'),
  ];
}

/** @param {WelcomeState} state @param {Send} send */
const proveFields = (state, send) => [
  field({
    id: 'code', inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: '24', class: 'code-input number',
    'aria-describedby': 'code-lead', 'aria-invalid': state.wrong === 'code' && 'true', value: state.code,
    on: typing(send, 'code'),
  }, t('code_label')),
  field({
    id: 'display-name', autocomplete: 'nickname', maxlength: '40', 'aria-describedby': 'name-hint',
    'aria-invalid': state.wrong === 'name' && 'true', value: state.display_name, on: typing(send, 'display_name'),
  }, t('name_label'), h('p', { class: 'hint', id: 'name-hint' }, t('name_hint'))),
];

/** @param {WelcomeState} state @param {Send} send @returns {Child[]} */
function proveStep(state, send) {
  const lead = t('prove_lead', { contact: shownContact(state.contact) });
  return [
    h('h2', { tabindex: '-1' }, t('prove_title')),
    h('p', { id: 'code-lead', class: 'panel-lead' }, lead),
    problemLine(state),
    h('form', { class: 'form', novalidate: true, on: submitting(() => send({ is: 'prove' })) },
      proveFields(state, send),
      h('button', { type: 'submit', class: 'button wide', 'aria-busy': state.busy === 'prove' && 'true' },
        key(), t('make_passkey')),
      h('p', { class: 'small soft' }, t('passkey_explained'))),
    h('p', { class: 'small soft', role: 'status', hidden: !state.resent }, state.resent && t('code_sent_again')),
    checkingLine(state),
    h('div', { class: 'welcome-ways' }, resendButton(state, send),
      h('button', { type: 'button', class: 'text-button', on: { click: () => send({ is: 'other_contact' }) } },
        own('back', () => icon('back')), t('other_contact'))),
  ];
}

/** @param {WelcomeState} state @param {Send} send */
function resendButton(state, send) {
  const seconds = resendSeconds(state);
  return h('button', {
    type: 'button', class: 'text-button', 'aria-disabled': seconds > 0 && 'true',
    'aria-busy': state.busy === 'start' && 'true', on: { click: () => send({ is: 'resend' }) },
  }, own('refresh', () => icon('refresh')), seconds > 0 ? t('resend_in', { seconds }) : t('resend'));
}

/** @param {WelcomeState} state @param {Send} send @returns {Child[]} */
const finishStep = (state, send) => [
  h('h2', { tabindex: '-1' }, t('finish_title')),
  h('p', { class: 'panel-lead' }, t('finish_lead')),
  problemLine(state),
  h('button', {
    type: 'button', class: 'button wide', 'aria-busy': state.busy === 'finish' && 'true',
    on: { click: () => send({ is: 'make_passkey' }) },
  }, key(), t('make_passkey')),
  h('p', { class: 'small soft' }, t('passkey_explained')),
  otherWay('#password-sign-up', 'no_passkeys_here'),
];

const STEPS = { returning: returningStep, contact: contactStep, prove: proveStep, finish: finishStep };

/** @param {WelcomeState} state */
const shownStep = ({ step, known }) => (step === 'contact' && known ? 'returning' : step);
const PLACES = { contact: '#contact', code: '#code', name: '#display-name', heading: 'h2' };

/** @param {() => Promise<WelcomeEvent | void>} ask @returns {Promise<WelcomeEvent | void>} */
async function answerOf(ask) {
  try {
    return await ask();
  } catch (error) {
    return { is: 'failed', error, refused: error instanceof Refused, wrong: wrongField(error) };
  }
}

/** The field that the server's refusal is about. @param {unknown} error */
function wrongField(error) {
  if (!(error instanceof Refused)) return null;
  if (error.code.startsWith('code_')) return 'code';
  if (error.field === 'display_name') return 'name';
  return error.field === 'contact' ? 'contact' : null;
}

/**
 * @param {App} app @param {{ inAutofill: boolean }} how
 * @param {() => boolean} wanted whether it still is, when the server answers
 */
async function signIn(app, how, wanted) {
  const { sign_in, request } = await post('/api/sign-in/start');
  if (!wanted()) return;
  const credential = await usePasskey(request, how);
  try {
    await post('/api/sign-in/finish', { sign_in, credential });
  } catch (error) {
    if (error instanceof Refused && error.code === 'passkey_unknown') tellUnknown(request.rpId, credential.id);
    throw error;
  }
  await app.enter();
}

/**
 * @param {App} app @param {() => boolean} offers whether a passkey may be offered in the autofill list now
 * @returns {Promise<WelcomeEvent | void>}
 */
async function offer(app, offers) {
  if (!(await canWaitInAutofill()) || !offers()) return undefined;
  try {
    return await signIn(app, { inAutofill: true }, offers);
  } catch (error) {
    // Aborted by another ceremony, or offline: the button beside it still works. A refusal must be heard.
    return error instanceof Refused ? { is: 'offer_failed', error } : undefined;
  }
}

/** The work that is asked of a browser while there is a crowd; fetched only then. @param {string} challenge @param {number} bits */
const solved = async (challenge, bits) => (await import('/assets/wallet-proof.js')).solve(challenge, bits);

/**
 * What the welcome page's effects do.
 * @param {App} app @param {HTMLElement} panel @param {() => boolean} isShown @param {() => boolean} offers
 * @returns {Performers<WelcomeEvent, WelcomeEffect>}
 */
const performers = (app, panel, isShown, offers) => ({
  start: ({ contact, challenge, bits = 0 }) => answerOf(async () => {
    const proof = challenge === undefined ? {} : { challenge, answer: await solved(challenge, bits) };
    try {
      const { sign_up } = await post('/api/sign-up/start', { contact, locale: language(), ...proof });
      return { is: 'started', contact, sign_up, now_ms: Date.now() };
    } catch (error) {
      if (!(error instanceof Refused) || error.code !== 'proof_wanted') throw error;
      const { challenge: next = '', bits: wanted = 0 } = error.body;
      return { is: 'proof_wanted', contact, challenge: next, bits: wanted, error };
    }
  }),
  prove: ({ sign_up, code, display_name }) => answerOf(async () => {
    const { creation } = await post('/api/sign-up/prove', { sign_up, code, display_name });
    return { is: 'proved', creation, display_name };
  }),
  make_passkey: ({ sign_up, creation }) => answerOf(async () => {
    const credential = await createPasskey(creation);
    await post('/api/sign-up/finish', { sign_up, credential });
    await app.enter();
  }),
  sign_in: () => answerOf(() => signIn(app, { inAutofill: false }, isShown)),
  offer: () => offer(app, offers),
  end_offer: stopWaiting,
  read_clock: () => ({ is: 'time', now_ms: Date.now() }),
  focus: ({ on }) => focusIn(panel, PLACES[on]),
});

/** @param {HTMLElement} panel */
function welcomeFrame(panel) {
  /** @param {string} drawing @param {string} words */
  const point = (drawing, words) => el('li', {},
    el('span', { class: 'point-picture', 'aria-hidden': 'true' }, icon(drawing)), el('p', {}, t(words)));
  return [
    el('header', { class: 'welcome-top on-deep' },
      el('div', { class: 'brand' }, mark(), el('span', {}, 'Mamori'), el('span', { class: 'kanji', lang: 'ja' }, '守り')),
      el('h1', { tabindex: '-1' }, t('welcome_title')),
      el('p', { class: 'lead' }, t('welcome_lead'))),
    el('main', { class: 'welcome' },
      panel,
      externalWays(),
      el('ul', { class: 'points' },
        point('key', 'point_passkey'), point('scan', 'point_code'), point('lock', 'point_freeze')),
      languageChoice(),
      operatorLine()),
  ];
}

/**
 * `left` is a half-done sign-up, taken over a change of language; without one, the tab may know of one.
 * @param {App} app @param {string} sentence @param {WelcomeState} [left] @returns {WalletView}
 */
export function welcomeView(app, sentence = '', left = undefined) {
  const panel = el('div', {});
  let stopped = false;
  const isShown = () => !stopped;
  const offers = () => !stopped && view.state().step === 'contact';
  /** @type {Machine<WelcomeState, WelcomeEvent>} */
  const view = machine({
    begin: beginWelcome(sentence === t('signed_out_now') ? '' : sentence, left ?? takenUp(keptIn('sessionStorage'), keptIn('localStorage'), Date.now()), knowsAWallet()),
    update: updateWelcome,
    draw(state) {
      keepSignUp(toKeep(state));
      const step = shownStep(state);
      patch(panel, [h('div', { key: step, class: 'welcome-panel' },
        STEPS[step](state, (event) => view.send(event)))]);
    },
    perform: performers(app, panel, isShown, offers),
  });
  return {
    progress: view.state,
    element: welcomeFrame(panel),
    ready: view.start,
    stop() {
      stopped = true;
      view.stop();
      stopWaiting();
    },
  };
}
