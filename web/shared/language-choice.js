// The switch between the two languages; each language is named in itself.

import { el } from '/assets/elements.js';
import { language, setLanguage, t } from '/assets/i18n.js';

export function languageChoice() {
  /** @param {'ja' | 'en'} code @param {string} name */
  const button = (code, name) => el('button', {
    type: 'button', lang: code, 'aria-pressed': String(language() === code), on: { click: () => setLanguage(code) },
  }, name);
  return el('div', { class: 'language-choice', role: 'group', 'aria-label': t('language') },
    button('ja', '日本語'), button('en', 'English'));
}
