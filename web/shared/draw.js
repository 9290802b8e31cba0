// What a view looks like, as a description (`h`), and the patching of the page until it looks so (`patch`). What stays
// the same stays the same element: focus, caret, an input method's unfinished word, live regions, running animations.
// A string becomes a text node and an attribute is set by its name, so nothing from the server can turn into markup.

/** @import { Attributes, Child, Description, Own } from '../types/pages.js' */

const SVG = 'http://www.w3.org/2000/svg';
// What the user or the browser changes as well: compared with the element itself and not with the last description.
const LIVE = ['value', 'checked', 'open'];

/**
 * Describes an element. A child that is null or false keeps its place, so what follows it is recognised; in a list of
 * changing length each needs a `key`.
 * @param {string} tag @param {Attributes} [attributes] @param {Child[]} children @returns {Description}
 */
export const h = (tag, attributes = {}, ...children) => ({ tag, attributes, children });

/**
 * An element that `make` builds when `name` first stands in this place, such as an icon or a chart.
 * @param {string} name @param {() => Element} make @returns {Own}
 */
export const own = (name, make) => ({ own: name, make });

/** @typedef {Description | Own | string | number} Present */
/** @type {WeakMap<Element, Map<string, { child: Present, node: any }>>} */
const drawn = new WeakMap();
/** @type {WeakMap<Element, { on: Record<string, (event: Event) => void>, handleEvent(event: Event): void }>} */
const listeners = new WeakMap();
/** @type {WeakSet<Element>} */
const composing = new WeakSet();

/** @param {Child[]} children @param {string} path @returns {Generator<[string, Present]>} */
function* places(children, path = '') {
  for (const [index, child] of children.entries()) {
    if (Array.isArray(child)) yield* places(child, `${path}${index}.`);
    else if (child !== null && child !== undefined && child !== false) {
      const key = typeof child === 'object' && 'tag' in child ? child.attributes.key : undefined;
      yield [key === undefined ? path + index : `#${key}`, child];
    }
  }
}

/** @param {Present} child What tells whether an element can become another. */
const kind = (child) => (typeof child !== 'object' ? '' : 'own' in child ? `own ${child.own}` : child.tag);

/** @param {Element} parent @param {Present} child */
function made(parent, child) {
  if (typeof child !== 'object') return new Text();
  if ('own' in child) return child.make();
  const element = document.createElementNS(child.tag === 'svg' ? SVG : parent.namespaceURI, child.tag);
  element.addEventListener('compositionstart', () => composing.add(element));
  element.addEventListener('compositionend', () => composing.delete(element));
  return element;
}

/** @param {Element} element @param {Record<string, (event: any) => void>} on */
function listen(element, on) {
  const holder = listeners.get(element) ?? { on, handleEvent(event) { this.on[event.type]?.(event); } };
  holder.on = on;
  listeners.set(element, holder);
  // The same holder for the same event is added once, however often this is said.
  for (const type of Object.keys(on)) element.addEventListener(type, holder);
}

/** @param {any} element @param {Record<string, string>} now @param {Record<string, string>} before */
function restyle(element, now, before) {
  // Property by property: the policy of the pages forbids the attribute.
  for (const name of Object.keys(now)) if (now[name] !== before[name]) element.style[name] = now[name];
}

/** @param {any} element @param {Attributes} now @param {Attributes} before */
function dress(element, now, before) {
  for (const name of Object.keys({ ...before, ...now })) {
    const value = now[name];
    if (name === 'on') listen(element, now.on ?? {});
    else if (name === 'style') restyle(element, now.style ?? {}, before.style ?? {});
    else if (LIVE.includes(name)) {
      if (element[name] !== value && !composing.has(element)) element[name] = value;
    } else if (name !== 'key' && value !== before[name]) {
      if (value === null || value === undefined || value === false) element.removeAttribute(name);
      else element.setAttribute(name, value === true ? '' : String(value));
    }
  }
}

/** Makes the children of `parent` what `children` describe. @param {Element} parent @param {Child[]} children */
export function patch(parent, children) {
  const before = drawn.get(parent) ?? new Map();
  const now = new Map();
  for (const [key, child] of places(children)) {
    const last = before.get(key);
    const kept = last !== undefined && kind(last.child) === kind(child);
    const node = kept ? last.node : made(parent, child);
    if (kept) before.delete(key);
    now.set(key, { child, node });
    if (typeof child !== 'object') {
      if (node.data !== String(child)) node.data = String(child);
    } else if ('tag' in child) {
      patch(node, child.children);
      dress(node, child.attributes, kept ? last.child.attributes : {});
    }
  }
  for (const { node } of before.values()) node.remove();
  drawn.set(parent, now);
  let place = parent.firstChild;
  for (const { node } of now.values()) {
    if (node === place) place = node.nextSibling;
    else parent.insertBefore(node, place);
  }
}
