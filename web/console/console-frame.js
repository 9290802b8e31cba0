// What every page of the console stands in: the head with the way to the other pages, cards, an answer of the server
// that is shown and read again, and the sheets in which something is opened or agreed to.

import { get, post, sentenceOf } from '/assets/api.js';
import { h, own, patch } from '/assets/draw.js';
import { announce, el, focusIn, whileBusy } from '/assets/elements.js';
import { icon, mark } from '/assets/icons.js';
import { digits, folded, t } from '/assets/i18n.js';
import { languageChoice } from '/assets/language-choice.js';
import { machine } from '/assets/machine.js';
import { ceremonyProblem, usePasskey } from '/assets/passkey.js';
import { openSheet } from '/assets/sheet.js';
import { beginAnswer, updateAnswer } from '/assets/console-answer-state.js';
import { may, toDecide } from '/assets/console-may.js';
import { beginSheetWith, updateSheet } from '/assets/console-sheet-state.js';

/** @import { Child, Machine } from '../types/pages.js' */
/** @import { OperatorPermission } from '../types/answers.js' */
/** @import { AnswerEvent, AnswerState, Pace } from '/assets/console-answer-state.js' */
/** @import { SheetEvent, SheetState } from '/assets/console-sheet-state.js' */

/** @typedef {{ signOut(): Promise<void>, go(page: string): void }} Tools What a page may ask of the console. */

/** Name, picture, and what one must be let do to see it. @type {[string, string, OperatorPermission][]} */
const PAGES = [['today', 'pulse', 'see_house'], ['payments', 'coins', 'see_payments'], ['merchants', 'shop', 'see_house'],
  ['operators', 'key', 'see_acts'], ['customers', 'person', 'see_customers'], ['approvals', 'people', 'see_approvals'],
  ['templates', 'mail', 'see_house'], ['acts', 'receipt', 'see_acts']];
const COPIED_MS = 2_500;

/** @param {string} name */
export const drawing = (name) => own(name, () => icon(name));

/** Whether a page may be looked at. @param {string} page */
export const mayOpen = (page) => may(PAGES.find(([name]) => name === page)?.[2] ?? 'enter_console');

/** The title of the window: what is looked at, and in what. @param {string} heading */
export function titled(heading) {
  document.title = heading === '' || heading === t('page_title') ? t('page_title') : `${heading} – ${t('page_title')}`;
}

/** How many wait, for eyes and for ears. @param {number} count */
const waiting = (count) => el('span', { class: 'nav-count number' },
  el('span', { 'aria-hidden': 'true' }, digits(count)), el('span', { class: 'spoken-only' }, t('approvals_waiting', { n: digits(count) })));

/**
 * The head of a page: who we are, where we are (`title`, `second`), where else to go.
 * @param {string} current @param {string} title @param {Element | null} second @param {Tools} tools
 */
export function consoleHead(current, title, second, { signOut }) {
  const leave = el('button', {
    type: 'button', class: 'button quiet sign-out', on: { click: () => whileBusy(leave, signOut) },
  }, icon('leave'), t('sign_out'));
  const links = PAGES.filter(([, , permission]) => may(permission)).map(([name, picture]) => el('a', {
    href: `#${name}`, 'aria-current': current === name ? 'page' : null,
  }, icon(picture), t(`nav_${name}`), name === 'approvals' && toDecide() > 0 && waiting(toDecide())));
  return el('header', { class: 'console-head on-deep' },
    el('div', { class: 'brand' }, mark(), el('span', {}, 'Mamori'), el('span', { class: 'kanji', lang: 'ja' }, '守り')),
    el('div', { class: 'head-words' }, el('h1', { tabindex: '-1' }, title), second),
    languageChoice(),
    el('a', { class: 'button quiet sign-out own-link', href: '#own', 'aria-current': current === 'own' ? 'page' : null },
      icon('person'), el('span', {}, t('own_short'))),
    leave,
    el('nav', { class: 'console-nav', 'aria-label': t('nav') }, links));
}

/** @param {string} className */
const headingOf = (className) => `card-${className}`;

/** @param {string} className */
const cardLook = (className) => ({ class: `card card-${className}`, 'aria-labelledby': headingOf(className) });

/** @param {string} title @param {string} picture @param {string} className @param {Child} action a button beside it */
export const cardHead = (title, picture, className, action = null) => h('div', { class: 'card-head' },
  drawing(picture), h('h2', { id: headingOf(className) }, title), action);

/** A card that a view of its own draws into. @param {string} className */
export const cardElement = (className) => el('section', cardLook(className));

/**
 * A card with its heading.
 * @param {string} title @param {string} picture @param {string} className @param {Child[]} content
 */
export const card = (title, picture, className, ...content) => (
  h('section', cardLook(className), cardHead(title, picture, className), content));

/**
 * A card with a button beside its heading.
 * @param {string} title @param {string} picture @param {string} className
 * @param {Child} action @param {Child[]} content
 */
export const cardWith = (title, picture, className, action, ...content) => (
  h('section', cardLook(className), cardHead(title, picture, className, action), content));

/**
 * A small button; `spoken` names it where the words alone would not say what it is about.
 * @param {Child} words @param {string} className @param {() => unknown} press @param {string | null} spoken
 */
export const smallButton = (words, className, press, spoken = null) => h('button', {
  type: 'button', class: `button small-button ${className}`, 'aria-label': spoken,
  on: { click: (event) => whileBusy(event.currentTarget, async () => press()) },
}, words);

/** @param {unknown} error */
function problemText(error) {
  if (error === null) return '';
  const key = ceremonyProblem(error);
  return key ? t(key) : sentenceOf(error);
}

/** The one sentence that says what went wrong. @param {unknown} error */
export const problemLine = (error) => h('p', { class: 'problem', role: 'alert' }, problemText(error));

/**
 * @typedef {object} AnswerTools What the drawing of an answer may ask for.
 * @property {() => Promise<void>} reload
 * @property {(error: unknown) => void} complain
 * @property {() => void} forgive
 */

/**
 * Draws an answer of the server into `place` and reads it again: at its pace while somebody is looking, and by
 * `reload`. Where the server sends only what changed, `merge` makes one answer of it and the one before.
 * @template T
 * @param {{ place: Element, path: string, first: T, in_hand: boolean, pace?: Pace, timeout_ms?: number,
 *   merge?: { version(known: T): string, into(known: T, changed: any): T },
 *   draw: (state: AnswerState<T>, tools: AnswerTools) => Child[] }} view
 */
export function answerView({ place, path, first, in_hand, pace = { good_ms: null, bad_ms: null }, timeout_ms, merge, draw }) {
  /** @returns {Promise<AnswerEvent<T>>} */
  async function read() {
    try {
      const known = view.state().answer;
      const answer = await get(path, timeout_ms, merge?.version(known));
      return { is: 'answered', answer: merge === undefined ? answer : merge.into(known, answer) };
    } catch (error) {
      return { is: 'failed', error };
    }
  }
  /** @returns {Promise<AnswerEvent<T>>} */
  const readIfSeen = async () => (
    document.visibilityState === 'visible' ? read() : { is: 'unseen' });
  /** @type {AnswerTools} */
  const tools = {
    reload: async () => view.send(await read()),
    complain: (error) => view.send({ is: 'complain', error }),
    forgive: () => view.send({ is: 'forgive' }),
  };
  /** @type {Machine<AnswerState<T>, AnswerEvent<T>>} */
  const view = machine({
    begin: beginAnswer(first, pace, in_hand),
    update: updateAnswer(pace),
    draw: (state) => patch(place, draw(state, tools)),
    perform: { read: readIfSeen },
  });
  return { start: view.start, stop: view.stop };
}

/**
 * An act that asks for a fresh passkey: the server names the challenge, the operator answers, the act happens.
 * @param {string} path @param {object} body
 */
export async function postFresh(path, body) {
  const { step_up, request } = await post(path, body);
  const credential = await usePasskey(request);
  return post(path, { ...body, step_up, credential });
}

/** @typedef {(state: SheetState, send: (event: SheetEvent) => void) => Child[]} DrawSheet */
/** @typedef {Readonly<Record<string, string>>} Fields */
/** @typedef {(text: string, fields: Fields) => Promise<Child[] | void>} Run Does the work; what it returns is shown in the sheet. */

/**
 * A sheet that does a work: `draw` says what is entered, `focus` where that begins, `fields` what stands there already.
 * @param {string} title @param {Run} run @param {DrawSheet} draw @param {string | null} focus
 * `once`: what it answers with is shown this once, and the sheet does not close before that was said to be kept.
 * @param {Record<string, string>} fields @param {boolean} once @param {string} text
 */
export function workSheet(title, run, draw, focus, fields = {}, once = false, text = '') {
  const place = el('div', { class: 'form' });
  /** @type {Machine<SheetState, SheetEvent>} */
  const view = machine({
    begin: beginSheetWith(fields, once, text),
    update: updateSheet,
    draw: (state) => patch(place, state.result === null ? draw(state, (event) => view.send(event)) : [
      ...state.result, ...(once ? keptForm(state.asking, () => view.send({ is: 'kept' })) : [])]),
    perform: {
      async run({ text, fields: entered }) {
        try {
          return { is: 'done', result: await run(text, entered) ?? null };
        } catch (error) {
          return { is: 'failed', error };
        }
      },
      close: () => sheet.close(),
      focus: () => focusIn(sheet.dialog, 'h2'),
    },
  });
  const sheet = openSheet(title, place, { leave: () => view.send({ is: 'leave' }) });
  sheet.closed.then(view.stop);
  if (focus !== null) focusIn(place, focus);
}

/** @param {boolean} asking @param {() => void} kept @returns {Child[]} */
const keptForm = (asking, kept) => [
  h('p', { class: 'problem', role: 'alert' }, asking && t('secret_ask')),
  h('button', { type: 'button', class: 'button wide secret-kept', on: { click: kept } }, t('secret_kept')),
];

/** @param {(event: SheetEvent) => void} send */
export const submitting = (send) => ({
  /** @param {SubmitEvent} event */
  submit(event) {
    event.preventDefault();
    send({ is: 'go' });
  },
});

/**
 * Asks for one text in a sheet; `run(text)` does the work.
 * @param {{ title: string, label: string, hint?: string, action: Child, chars?: number, once?: boolean, danger?: boolean,
 *   value?: string, optional?: boolean, run: Run }} sheet
 */
export function askForName({ title, label, hint, action, chars = 40, once = false, danger = false, value = '', optional = false, run }) {
  workSheet(title, run, (state, send) => [h('form', {
    class: 'form', on: submitting(send),
  },
  h('div', { class: 'field' },
    h('label', { for: 'new-name' }, label),
    h('input', {
      id: 'new-name', name: 'name', type: 'text', required: !optional, maxlength: String(chars), autocomplete: 'off',
      'aria-describedby': hint ? 'new-name-hint' : null, value: state.text,
      on: { input: (event) => send({ is: 'typed', text: event.target.value }) },
    }),
    hint !== undefined && h('span', { class: 'hint', id: 'new-name-hint' }, hint)),
  problemLine(state.problem),
  h('button', {
    type: 'submit', class: `button wide ${danger ? 'danger' : ''}`.trim(), 'aria-busy': state.busy && 'true',
  }, action))], '#new-name', {}, once, value);
}

/**
 * Gives something another name.
 * @param {string} label @param {string} name @param {(name: string) => Promise<unknown>} give @param {() => Promise<void>} reload
 * @param {string | undefined} hint
 */
export const rename = (label, name, give, reload, hint = undefined) => askForName({
  title: t('rename_title', { name: name || label }), label, value: name, action: t('save'), hint,
  async run(text) {
    await give(text);
    announce(t('saved'));
    await reload();
  },
});

/**
 * Explains what is about to happen and does it after the passkey; with `word`, only once that was typed.
 * @param {{ title: string, lead: Child, action: string, danger?: boolean, once?: boolean, word?: string | null, run: Run }} sheet
 */
export function agree({ title, lead, action, danger = false, once = false, word = null, run }) {
  /** @param {string} text */
  const typed = (text) => word === null || folded(text).toLowerCase() === word.toLowerCase();
  workSheet(title, run, (state, send) => [
    [lead].flat().map((text) => h('p', {}, text)),
    word !== null && h('div', { class: 'field' },
      h('label', { for: 'confirm-word' }, t('type_to_confirm', { word })),
      h('input', {
        id: 'confirm-word', type: 'text', autocomplete: 'off', value: state.text,
        on: { input: (event) => send({ is: 'typed', text: event.target.value }) },
      })),
    problemLine(state.problem),
    h('button', {
      type: 'button', class: `button wide ${danger ? 'danger' : ''}`.trim(), 'aria-busy': state.busy && 'true',
      disabled: !typed(state.text), on: { click: () => send({ is: 'go' }) },
    }, drawing('key'), action),
    danger && h('button', { type: 'button', class: 'button quiet wide', on: { click: () => send({ is: 'leave' }) } }, t('do_not')),
  ], word === null ? null : '#confirm-word', {}, once);
}

/** @param {string} label @param {string} text */
function copyableElement(label, text) {
  const value = el('code', { class: 'copyable-text' }, text);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      announce(t('copied'));
      button.replaceChildren(icon('check'), t('copied'));
      setTimeout(() => button.replaceChildren(icon('copy'), t('copy')), COPIED_MS);
    } catch {
      // No right to the clipboard: the text is selected, and the keyboard copies it.
      getSelection()?.selectAllChildren(value);
    }
  };
  const button = el('button', {
    type: 'button', class: 'button soft-fill small-button', 'aria-label': `${t('copy')}: ${label}`, on: { click: copy },
  }, icon('copy'), t('copy'));
  return el('div', { class: 'copyable' }, el('span', { class: 'label' }, label), value, button);
}

/**
 * A text that is to be taken elsewhere: shown whole, selected by one press, copied by a button.
 * @param {string} label @param {string} text
 */
export const copyable = (label, text) => own(`copyable ${label}`, () => copyableElement(label, text));
