// Building elements by hand. Text always becomes a text node and attributes are set one by one, so nothing that
// arrives from the server can turn into markup; the wallet additionally runs under Trusted Types.

/** @import { Content } from '../types/pages.js' */

/** @typedef {{ on?: Record<string, (event: any) => void>, [name: string]: unknown }} ElementAttributes */

/** Whether a child stands for nothing. @param {unknown} child */
const isAbsent = (child) => child === null || child === undefined || child === false;

/** @param {Content[]} children @returns {(Node | string)[]} */
const present = (children) => children.flatMap((child) => {
  if (Array.isArray(child)) return present(child);
  if (isAbsent(child)) return [];
  return [child instanceof Node ? child : String(child)];
});

/**
 * Makes one element at once (`h` in draw.js describes one for a view that is drawn from its state). `attributes` may
 * hold plain attributes, `class`, `on` ({event: listener}) and boolean attributes (true sets an empty attribute, false
 * and null leave it out). Children are elements, strings, numbers or (nested) lists.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name @param {ElementAttributes} attributes @param {Content[]} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  const { on = {}, ...plain } = attributes;
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  for (const [key, value] of Object.entries(plain)) {
    if (!isAbsent(value)) element.setAttribute(key, value === true ? '' : String(value));
  }
  element.append(...present(children));
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Makes one SVG element; same rules as `el`, without listeners.
 * @template {keyof SVGElementTagNameMap} Name
 * @param {Name} name @param {Record<string, string | number>} attributes @param {Node[]} children
 * @returns {SVGElementTagNameMap[Name]}
 */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** Where the shell of a page leaves room for its view. */
export function viewPlace() {
  const place = document.getElementById('view');
  if (place === null) throw new Error('the shell has no place for a view');
  return place;
}

/**
 * Moves the focus to the first element in `place` that `selector` finds.
 * @param {Element} place @param {string} selector
 */
export function focusIn(place, selector) {
  /** @type {HTMLElement | null} */
  const found = place.querySelector(selector);
  found?.focus({ preventScroll: true });
}

/** @typedef {'polite' | 'assertive'} Politeness */
/** @type {Map<Politeness, HTMLElement>} */
const regions = new Map();

/** @param {Politeness} politeness */
function region(politeness) {
  const known = regions.get(politeness);
  if (known) return known;
  const role = politeness === 'assertive' ? 'alert' : 'status';
  const element = el('div', { class: 'spoken-only', role, 'aria-live': politeness });
  document.body.append(element);
  regions.set(politeness, element);
  return element;
}

/**
 * Says a sentence to screen readers without moving the focus. `assertive` interrupts; keep it for money and errors.
 * @param {string} sentence @param {Politeness} politeness
 */
export function announce(sentence, politeness = 'polite') {
  const target = region(politeness);
  // Saying the same sentence twice must be heard twice, therefore the region is emptied first.
  target.textContent = '';
  setTimeout(() => { target.textContent = sentence; }, 60);
}

/** Prepares the live regions early: a region that is born together with its text is not read out everywhere. */
export function prepareAnnouncements() {
  region('polite');
  region('assertive');
}

/**
 * Runs `action` while `button` shows that it is busy; a second press meanwhile does nothing.
 * @template T
 * @param {HTMLElement} button @param {() => Promise<T>} action @returns {Promise<T | undefined>}
 */
export async function whileBusy(button, action) {
  if (button.getAttribute('aria-busy') === 'true') return undefined;
  button.setAttribute('aria-busy', 'true');
  try {
    return await action();
  } finally {
    button.removeAttribute('aria-busy');
  }
}

/** The address of a page to go to, if it is one. @param {string} text */
export function webAddress(text) {
  const url = new URL(text, location.href);
  return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
}
