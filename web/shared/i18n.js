// Language, amounts and times in words. Japanese is the first language of every page; English says exactly the same.

const KEY = 'mamori.language';
/** @typedef {'ja' | 'en'} Language */
/** @typedef {Record<Language, Record<string, string>>} Texts */

/** @type {Texts} */
let dictionary = { ja: {}, en: {} };
/** @type {Language} */
let chosen = 'ja';
/** @type {Set<(next: Language) => void>} */
const listeners = new Set();

/** @returns {Language} */
function preferred() {
  try {
    const stored = localStorage.getItem(KEY);
    if (stored === 'ja' || stored === 'en') return stored;
  } catch { /* storage may be switched off; the browser's language still works */ }
  const first = (navigator.languages?.[0] ?? navigator.language ?? 'ja').toLowerCase();
  return first.startsWith('ja') ? 'ja' : 'en';
}

/** Starts with the surface's texts: `{ja: {key: text}, en: {key: text}}`. @param {Texts} texts */
export function useTexts(texts) {
  dictionary = texts;
  chosen = preferred();
  applyToDocument();
}

/** Adds the texts of a part that is fetched later. @param {Texts} texts */
export function addTexts(texts) {
  dictionary = { ja: { ...dictionary.ja, ...texts.ja }, en: { ...dictionary.en, ...texts.en } };
}

function applyToDocument() {
  document.documentElement.lang = chosen;
  if (dictionary[chosen].page_title) document.title = dictionary[chosen].page_title;
}

/** The language in force: `ja` or `en`. */
export function language() {
  return chosen;
}

/** Switches the language, remembers it on this device and redraws whoever asked to be told. @param {Language} next */
export function setLanguage(next) {
  if (next !== 'ja' && next !== 'en') return;
  chosen = next;
  try { localStorage.setItem(KEY, next); } catch { /* see preferred() */ }
  applyToDocument();
  for (const listener of listeners) listener(next);
}

/** @param {(next: Language) => void} listener */
export function onLanguageChange(listener) {
  listeners.add(listener);
}

// `{count}`, or `{count|device|devices}` where one is told by another word than several.
const PLACE = /\{(\w+)(?:\|([^|}]*)\|([^|}]*))?\}/g;

/**
 * The text of `key`, with its places filled from `values`: `{count}`, and `{count|device|devices}` for one and several.
 * @param {string} key @param {Record<string, string | number>} values
 */
export function t(key, values = {}) {
  const text = dictionary[chosen][key] ?? dictionary.ja[key] ?? key;
  return text.replace(PLACE, (place, name, one, several) => {
    if (!(name in values)) return place;
    if (one === undefined) return String(values[name]);
    return Number(values[name]) === 1 ? one : several;
  });
}

/**
 * A sentence with a number in it; English says one thing otherwise (`key_one`).
 * @param {string} key @param {number} n @param {Record<string, string | number>} values
 */
export const counted = (key, n, values = {}) => (
  t(chosen === 'en' && n === 1 && `${key}_one` in dictionary.en ? `${key}_one` : key, { n: digits(n), ...values }));

/** Whether the dictionary has this key, for keys that come from the server (states, kinds). @param {string} key */
export function hasText(key) {
  return key in dictionary.ja;
}

/** Whole yen with separators and no unit: `12,345`. @param {number} amount */
export function digits(amount) {
  return amount.toLocaleString('en-US');
}

/** Whole yen as people write them: `12,345円` or `¥12,345`; a leading minus where negative. @param {number} amount */
export function yen(amount) {
  const sign = amount < 0 ? '−' : '';
  const number = digits(Math.abs(amount));
  return chosen === 'ja' ? `${sign}${number}円` : `${sign}¥${number}`;
}

/** What was typed, as a server reads it: full-width letters and digits as plain ones. @param {string} text */
export const folded = (text) => text.replace(/[\p{Cf}\u{FE00}-\u{FE0F}\u{E0100}-\u{E01EF}]/gu, '').normalize('NFKC').trim();

/**
 * Digits as typed, full-width ones and separators included; NaN where something else is in between.
 * @param {string} text
 */
export function typedYen(text) {
  const plain = text.normalize('NFKC').replace(/[,\s円¥]/g, '');
  return /^\d{1,9}$/.test(plain) ? Number(plain) : NaN;
}

// Receipts are papers of a shop in Japan: they carry Japan's time wherever the phone is.
const zone = 'Asia/Tokyo';

/** @param {number} at_ms @param {Intl.DateTimeFormatOptions} options */
function format(at_ms, options) {
  const locale = chosen === 'ja' ? 'ja-JP' : 'en-GB';
  return new Intl.DateTimeFormat(locale, { timeZone: zone, ...options }).format(new Date(at_ms));
}

/** `14:05` @param {number} at_ms */
export function clockTime(at_ms) {
  return format(at_ms, { hour: '2-digit', minute: '2-digit', hour12: false });
}

/** `14:05:09` @param {number} at_ms */
export function clockTimeSeconds(at_ms) {
  return format(at_ms, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
}

const isoDate = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' });

/** `2026-11-28`, the date in Japan. @param {number} at_ms */
export const dayInJapan = (at_ms) => isoDate.format(new Date(at_ms));

/** A date in Japan as a number that can be counted with, and its year. @param {number} at_ms */
function dateInJapan(at_ms) {
  const [year, month, date] = isoDate.format(new Date(at_ms)).split('-').map(Number);
  return { days: Date.UTC(year, month - 1, date) / 86_400_000, year };
}

/**
 * `今日`, `昨日` or their English, with a capital where a line begins with it; null for any other day.
 * @param {number} at_ms @param {number} now_ms
 */
function recentDay(at_ms, now_ms) {
  const days = dateInJapan(at_ms).days - dateInJapan(now_ms).days;
  if (days !== 0 && days !== -1) return null;
  const word = new Intl.RelativeTimeFormat(chosen, { numeric: 'auto' }).format(days, 'day');
  return word[0].toUpperCase() + word.slice(1);
}

/** @param {number} at_ms @param {number} now_ms @returns {Intl.DateTimeFormatOptions} */
const yearUnlessThis = (at_ms, now_ms) => (
  dateInJapan(at_ms).year === dateInJapan(now_ms).year ? {} : { year: 'numeric' });

/** `今日 11月22日(日)` or `Today, Sun 22 Nov`; the year where it is another. @param {number} at_ms */
export function day(at_ms, now_ms = Date.now()) {
  const month = chosen === 'ja' ? 'long' : 'short';
  const date = format(at_ms, { ...yearUnlessThis(at_ms, now_ms), month, day: 'numeric', weekday: 'short' })
    .replace(',', '');
  const recent = recentDay(at_ms, now_ms);
  return recent === null ? date : `${recent}${chosen === 'ja' ? ' ' : ', '}${date}`;
}

/** `2026年11月` or `November 2026`. @param {number} at_ms */
export const month = (at_ms) => format(at_ms, { year: 'numeric', month: 'long' });

/** `今日 14:05`, `11/22 14:05` or `22 Nov 14:05`, for narrow lists. @param {number} at_ms */
export function shortDateTime(at_ms, now_ms = Date.now()) {
  const recent = recentDay(at_ms, now_ms);
  if (recent !== null) return `${recent} ${clockTime(at_ms)}`;
  const month = chosen === 'ja' ? 'numeric' : 'short';
  const minute = /** @type {const} */ ({ day: 'numeric', hour: '2-digit', minute: '2-digit', hour12: false });
  return format(at_ms, { ...yearUnlessThis(at_ms, now_ms), month, ...minute }).replace(',', '');
}

/** Date and time in full, for receipts. @param {number} at_ms */
export function dateTime(at_ms) {
  const month = chosen === 'ja' ? 'long' : 'short';
  const second = /** @type {const} */ ({ hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
  return format(at_ms, { year: 'numeric', month, day: 'numeric', ...second });
}
