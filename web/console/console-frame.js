// What every page of the console stands in: the head with the way to the other pages, cards, and the sheets in which
// something is opened or agreed to.

import { post, sentenceOf } from '/assets/api.js';
import { announce, el, whileBusy } from '/assets/elements.js';
import { icon, mark } from '/assets/icons.js';
import { t } from '/assets/i18n.js';
import { languageChoice } from '/assets/language-choice.js';
import { ceremonyProblem, usePasskey } from '/assets/passkey.js';
import { openSheet } from '/assets/sheet.js';

const PAGES = [['today', 'pulse'], ['merchants', 'shop'], ['operators', 'key'], ['customers', 'person']];
const COPIED_MS = 2_500;

/** The head of a page: who we are, where we are (`title`, `second`), where else to go. */
export function consoleHead(current, title, second, { signOut }) {
  const leave = el('button', { type: 'button', class: 'button quiet sign-out', on: { click: () => whileBusy(leave, signOut) } }, icon('leave'), t('sign_out'));
  return el('header', { class: 'console-head on-deep' },
    el('div', { class: 'brand' }, mark(), el('span', {}, 'Mamori'), el('span', { class: 'kanji', lang: 'ja' }, '守り')),
    el('div', { class: 'head-words' }, el('h1', { tabindex: '-1' }, title), second),
    languageChoice(), leave,
    el('nav', { class: 'console-nav', 'aria-label': t('nav') }, PAGES.map(([name, drawing]) => el('a', { href: `#${name}`, 'aria-current': current === name ? 'page' : null }, icon(drawing), t(`nav_${name}`)))));
}

/** A card with its heading; `action` is a button beside it. */
export function card(title, drawing, className, ...content) {
  return cardWith(title, drawing, className, null, ...content);
}

export function cardWith(title, drawing, className, action, ...content) {
  const id = `card-${className}`;
  return el('section', { class: `card card-${className}`, 'aria-labelledby': id }, el('div', { class: 'card-head' }, icon(drawing), el('h2', { id }, title), action), content);
}

/** A small button; `spoken` names it where the words alone would not say what it is about. */
export function smallButton(words, className, press, spoken = null) {
  const button = el('button', { type: 'button', class: `button small-button ${className}`, 'aria-label': spoken, on: { click: () => whileBusy(button, press) } }, words);
  return button;
}

/** A place for the one sentence that says what went wrong; `complain` fills it, `clear` empties it. */
export function problemPlace() {
  const element = el('p', { class: 'problem', role: 'alert' });
  return {
    element,
    clear() { element.textContent = ''; },
    complain(error) {
      const key = ceremonyProblem(error);
      element.textContent = key ? t(key) : sentenceOf(error);
    },
  };
}

/** An act that asks for a fresh passkey: the server names the challenge, the operator answers, the act happens. */
export async function postFresh(path, body) {
  const { step_up, request } = await post(path, body);
  const credential = await usePasskey(request);
  return post(path, { ...body, step_up, credential });
}

/** Runs what a sheet is for; what `run` returns is shown in its place, and if that is nothing the sheet closes. */
async function finish(sheet, place, problem, run) {
  problem.clear();
  try {
    const shown = await run();
    if (!shown) {
      sheet.close();
      return;
    }
    place.replaceChildren(...shown);
    sheet.dialog.querySelector('h2').focus({ preventScroll: true });
  } catch (error) {
    problem.complain(error);
  }
}

/** Asks for one text in a sheet; `run(text)` does the work. */
export function askForName({ title, label, hint, action, run }) {
  const problem = problemPlace();
  const input = el('input', { id: 'new-name', name: 'name', type: 'text', required: true, maxlength: '40', autocomplete: 'off', 'aria-describedby': hint ? 'new-name-hint' : null });
  const button = el('button', { type: 'submit', class: 'button wide' }, action);
  const place = el('div', { class: 'form' });
  place.append(el('form', { class: 'form', on: { submit: (event) => {
    event.preventDefault();
    whileBusy(button, () => finish(sheet, place, problem, () => run(input.value.trim())));
  } } },
  el('div', { class: 'field' }, el('label', { for: 'new-name' }, label), input, hint && el('span', { class: 'hint', id: 'new-name-hint' }, hint)), problem.element, button));
  const sheet = openSheet(title, place, { focus: input });
  return sheet;
}

/** Explains what is about to happen and does it after the passkey. */
export function agree({ title, lead, action, danger = false, run }) {
  const problem = problemPlace();
  const button = el('button', { type: 'button', class: `button wide ${danger ? 'danger' : ''}`.trim(), on: { click: () => whileBusy(button, () => finish(sheet, place, problem, run)) } }, icon('key'), action);
  const place = el('div', { class: 'form' }, [lead].flat().map((text) => el('p', {}, text)), problem.element, button);
  const sheet = openSheet(title, place);
  return sheet;
}

/** A text that is to be taken elsewhere: shown whole, selected by one press, copied by a button. */
export function copyable(label, text) {
  const button = el('button', { type: 'button', class: 'button soft-fill small-button', 'aria-label': `${t('copy')}: ${label}`, on: { click: async () => {
    try {
      await navigator.clipboard.writeText(text);
      announce(t('copied'));
      button.replaceChildren(icon('check'), t('copied'));
      setTimeout(() => button.replaceChildren(icon('copy'), t('copy')), COPIED_MS);
    } catch {
      // No right to the clipboard: the text is selected, and the keyboard copies it.
      getSelection().selectAllChildren(value);
    }
  } } }, icon('copy'), t('copy'));
  const value = el('code', { class: 'copyable-text' }, text);
  return el('div', { class: 'copyable' }, el('span', { class: 'label' }, label), value, button);
}
