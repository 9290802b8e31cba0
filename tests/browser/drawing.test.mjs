// What a view that is drawn anew leaves alone: the typing hand, the ear of a screen reader, what moves.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { dev } from '../peers/dev.mjs';
import { openBrowser, openDevice } from './stage.mjs';

let browser;
let page;

before(async () => {
  browser = await openBrowser();
  ({ page } = await openDevice(browser));
  await page.goto(dev.till_url);
  await page.locator('#pairing-code').waitFor();
  // The page's own drawing, on a place of its own: `draw(children)` is what each test calls with other descriptions.
  await page.evaluate(async () => {
    const { name } = performance.getEntriesByType('resource').find((one) => /\/assets\/draw\.[^/]+\.js$/.test(one.name));
    Object.assign(globalThis, await import(name));
  });
});
after(async () => { await browser?.close(); });

/** Runs `what` in the page with an empty place to draw into. */
const inPage = (what) => page.evaluate(`(async () => {
  globalThis.place?.remove();
  globalThis.place = document.createElement('div');
  document.body.append(place);
  return (${what})();
})()`);

test('focus and caret stay while everything around the field comes and goes', async () => {
  const seen = await inPage(() => {
    const draw = (note) => patch(place, [note && h('p', {}, note), h('input', { value: '1200' }), h('ul', {}, note && h('li', {}, note))]);
    draw(null);
    const field = place.querySelector('input');
    field.focus();
    field.setSelectionRange(2, 2);
    for (const note of ['a', null, 'b']) draw(note);
    return { same: document.activeElement === field, caret: field.selectionStart, text: place.textContent };
  });
  assert.deepEqual(seen, { same: true, caret: 2, text: 'bb' });
});

test('a row keeps its element and the focus when rows are added above, taken away and put in another order', async () => {
  const seen = await inPage(() => {
    const draw = (...keys) => patch(place, [keys.map((key) => h('button', { key }, key)), h('p', {}, String(keys.length))]);
    draw('a', 'b', 'c');
    const [, b] = place.children;
    b.focus();
    const texts = [['x', 'a', 'b', 'c'], ['a', 'b'], ['b'], ['a', 'c', 'b']].map((keys) => {
      draw(...keys);
      return `${place.textContent} ${b.isConnected}`;
    });
    draw('b', 'z');
    return { texts, focused: document.activeElement === b };
  });
  assert.deepEqual(seen, { texts: ['xabc4 true', 'ab2 true', 'b1 true', 'acb3 true'], focused: true });
});

test('a word that an input method has not finished is not written over', async () => {
  await inPage(() => {
    globalThis.draw = (value) => patch(place, [h('input', { value })]);
    draw('');
    place.querySelector('input').focus();
  });
  const value = () => page.evaluate(() => place.querySelector('input').value);
  const session = await page.context().newCDPSession(page);
  await session.send('Input.imeSetComposition', { text: 'じゅう', selectionStart: 3, selectionEnd: 3 });
  await page.evaluate(() => draw('10'));
  assert.equal(await value(), 'じゅう');
  await session.send('Input.insertText', { text: '十' });
  assert.equal(await value(), '十');
  await page.evaluate(() => draw('11'));
  assert.equal(await value(), '11');
});

test('what did not change is not touched: nothing is read out twice, and nothing that moves begins again', async () => {
  const seen = await inPage(async () => {
    let pressed = '';
    const draw = (name) => patch(place, [
      h('p', { role: 'status', class: 'a', style: { width: '10px' } }, 'same'),
      own('chart', () => document.createElement('canvas')),
      h('svg', { viewBox: '0 0 1 1' }, h('path', { d: 'M0 0' })),
      h('button', { on: { click: () => { pressed += name; } } }, 'press'),
    ]);
    draw('first');
    const moving = place.querySelector('p').animate([{ opacity: 0 }, { opacity: 1 }], 60_000);
    const touched = [];
    const watch = new MutationObserver((all) => touched.push(...all));
    watch.observe(place, { subtree: true, childList: true, characterData: true, attributes: true });
    draw('second');
    touched.push(...watch.takeRecords());
    place.querySelector('button').click();
    return {
      touched: touched.length, pressed, moving: moving.playState,
      svg: place.querySelector('path') instanceof SVGPathElement,
    };
  });
  assert.deepEqual(seen, { touched: 0, pressed: 'second', moving: 'running', svg: true });
});

test('an attribute that is described no more is gone, and markup in a text stays a text', async () => {
  const seen = await inPage(() => {
    patch(place, [h('button', { disabled: true, title: 'a' }, '<b>x</b>')]);
    patch(place, [h('button', { disabled: false }, '<b>x</b>')]);
    return place.innerHTML;
  });
  assert.equal(seen, '<button>&lt;b&gt;x&lt;/b&gt;</button>');
});
