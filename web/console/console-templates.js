// What notices say: every kind in both languages, other words with a preview of each way, and the built-in ones again.

import { get, post, sentenceOf } from '/assets/api.js';
import { announce, el, focusIn, whileBusy } from '/assets/elements.js';
import { ceremonyProblem, nameOf } from '/assets/passkey.js';
import { t } from '/assets/i18n.js';
import { consoleHead, postFresh } from '/assets/console-frame.js';

/** @import { View } from '../types/pages.js' */
/** @import { NoticeTemplates, NoticeTemplate } from '../types/answers.js' */
/** @import { Tools } from '/assets/console-frame.js' */

/** @param {NoticeTemplates} first @param {Tools} tools @returns {View} */
export function templatesView(first, tools) {
  let { kinds } = first;
  const place = el('main', { class: 'dashboard narrow' });

  /** @param {string} kind @param {'ja' | 'en'} locale */
  function form(kind, locale) {
    const found = kinds.find((one) => one.kind === kind);
    if (!found) return el('div', {});
    const { subject, text, version, own } = found[locale];
    const problem = el('p', { class: 'problem', role: 'alert' });
    const seen = el('div', { class: 'template-preview', role: 'status' });
    const id = `template-${kind}-${locale}`;
    const title = /** @type {HTMLInputElement} */ (el('input', { id: `${id}-subject`, type: 'text', value: subject, maxlength: 60, lang: locale }));
    const words = /** @type {HTMLTextAreaElement} */ (el('textarea', { id: `${id}-text`, rows: 5, maxlength: 320, lang: locale, 'aria-describedby': `${id}-hint` }));
    words.value = text;
    const entered = () => ({ kind, locale, subject: title.value, text: words.value });
    /** @param {HTMLElement} button @param {() => Promise<void>} action */
    const trying = (button, action) => whileBusy(button, async () => {
      problem.textContent = '';
      try {
        await action();
      } catch (error) {
        const key = ceremonyProblem(error);
        if (key !== null) problem.textContent = t(key);
        else problem.textContent = nameOf(error) === 'AbortError' ? '' : sentenceOf(error);
      }
    });
    const reload = async () => {
      ({ kinds } = await get('/api/templates'));
      draw(kind, locale);
    };
    const preview = el('button', { type: 'button', class: 'button quiet', on: { click: () => trying(preview, async () => {
      const shown = await post('/api/templates/preview', entered());
      seen.replaceChildren(
        el('h3', {}, t('template_push')), el('p', { lang: locale }, el('strong', {}, shown.subject), el('br', {}), shown.push_body),
        el('h3', {}, t('template_message', { n: shown.sms_parts })), el('p', { class: 'template-text', lang: locale }, shown.text));
    }) } }, t('template_preview'));
    const save = el('button', { type: 'submit', class: 'button' }, t('template_save'));
    const reset = el('button', { type: 'button', class: 'button quiet', on: { click: () => trying(reset, async () => {
      await postFresh('/api/templates/reset', { kind, locale });
      announce(t('template_reset_now'));
      await reload();
    }) } }, t('template_reset'));
    return el('form', { class: 'form', novalidate: true, on: {
      /** @param {SubmitEvent} event */
      submit(event) {
        event.preventDefault();
        trying(save, async () => {
          await postFresh('/api/templates/set', entered());
          announce(t('template_saved'));
          await reload();
        });
      },
    } },
    el('p', { class: 'small soft' }, own ? t('template_own', { n: version }) : t('template_built_in')),
    el('div', { class: 'field' }, el('label', { for: `${id}-subject` }, t('template_subject')), title),
    el('div', { class: 'field' }, el('label', { for: `${id}-text` }, t('template_text')), words,
      el('p', { class: 'hint', id: `${id}-hint` }, t('template_values', { values: found.values.map((value) => `{${value}}`).join(' ') }))),
    problem, el('div', { class: 'row-acts' }, preview, save, own ? reset : ''), seen);
  }

  /** @param {NoticeTemplate[]} group @param {string} kind */
  const options = (group, kind) => group.map((one) => el('option', { value: one.kind, selected: one.kind === kind },
    one.ja.own || one.en.own ? `${one.ja.subject} *` : one.ja.subject));

  /** @param {string} kind @param {'ja' | 'en'} locale */
  function draw(kind, locale) {
    const which = /** @type {HTMLSelectElement} */ (el('select', { id: 'template-kind', on: { change: () => { draw(which.value, locale); focusIn(place, '#template-kind'); } } },
      el('optgroup', { label: t('template_safety') }, ...options(kinds.filter((one) => one.group === 'safety'), kind)),
      el('optgroup', { label: t('template_money') }, ...options(kinds.filter((one) => one.group === 'money'), kind))));
    const language = /** @param {'ja' | 'en'} code @param {string} name */ (code, name) => el('button', {
      type: 'button', lang: code, id: `template-${code}`, 'aria-pressed': String(locale === code), on: { click: () => { draw(kind, code); focusIn(place, `#template-${code}`); } },
    }, name);
    place.replaceChildren(el('section', { class: 'card', 'aria-labelledby': 'templates-title' },
      el('div', { class: 'card-head' }, el('h2', { id: 'templates-title' }, t('templates'))),
      el('p', { class: 'small soft' }, t('templates_lead')),
      el('div', { class: 'field' }, el('label', { for: 'template-kind' }, t('template_kind')), which),
      el('div', { class: 'language-choice', role: 'group', 'aria-label': t('template_language') }, language('ja', '日本語'), language('en', 'English')),
      form(kind, locale)));
  }

  draw(kinds[0].kind, 'ja');
  return { element: [consoleHead('templates', t('nav_templates'), null, tools), place] };
}
