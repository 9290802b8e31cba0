// What leaves the till on paper, by the browser's own print: a sale's receipt and the close of a day. The rest of the page stays
// behind (`@media print` in till.css).

import { h } from '/assets/draw.js';
import { t } from '/assets/i18n.js';

/** @import { Child } from '../types/pages.js' */
/** @import { Till } from '../types/answers.js' */

/** @param {Till} till @param {string} title @param {Child[]} content */
export const paper = ({ merchant, store, invoice_number }, title, ...content) => h('article', { class: 'paper' },
  h('p', { class: 'paper-merchant' }, merchant), h('p', {}, store),
  invoice_number !== null && h('p', { class: 'number' }, t('invoice_number', { number: invoice_number })), h('h3', {}, title), content);

/** @param {string} word @param {Child} value @param {string | null} className */
export const paperLine = (word, value, className = null) => h('div', { class: className }, h('dt', {}, word), h('dd', { class: 'number' }, value));

export const printButton = () => h('button', { type: 'button', class: 'button wide', on: { click: () => print() } }, t('print'));
