// Both languages say everything: same keys, no empty text, same places to fill in; and every key a page asks for exists.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const surfaces = ['wallet', 'till', 'console'];
const folder = (name) => new URL(`../${name}/`, import.meta.url);
/** What stands in all files of a surface's texts; no key stands in two. */
async function textsOf(surface) {
  const all = { ja: {}, en: {} };
  for (const file of readdirSync(folder(surface)).filter((name) => name.endsWith('-texts.js'))) {
    const [texts] = Object.values(await import(new URL(file, folder(surface))));
    for (const language of ['ja', 'en']) {
      for (const key of Object.keys(texts[language])) assert.ok(!(key in all[language]), `${file}: ${key} stands in another file too`);
      Object.assign(all[language], texts[language]);
    }
  }
  return all;
}
const places = (text) => [...new Set([...text.matchAll(/\{(\w+)[|}]/g)].map((found) => found[1]))].sort();

test('till and console name the figures of a day in the same words', async () => {
  const [{ tillTexts }, { consoleTexts }] = await Promise.all([import('../till/till-texts.js'), import('../console/console-texts.js')]);
  const named = (texts) => Object.fromEntries(Object.entries(texts).filter(([key]) => key.startsWith('takings_')));
  for (const language of ['ja', 'en']) {
    assert.deepEqual(named(tillTexts[language]), named(consoleTexts[language]));
    assert.equal(Object.keys(named(tillTexts[language])).length, 5);
  }
});

test('one device is signed out, two devices are', async () => {
  const { setLanguage, t, useTexts } = await import('../shared/i18n.js');
  globalThis.document ??= { documentElement: {} };
  globalThis.navigator ??= { language: 'ja' };
  useTexts(await textsOf('wallet'));
  setLanguage('en');
  assert.equal(t('sessions_count', { count: 1 }), 'Signed in on 1 device');
  assert.equal(t('sessions_count', { count: 2 }), 'Signed in on 2 devices');
  setLanguage('ja');
  assert.equal(t('sessions_count', { count: 2 }), 'サインイン中の端末（2台）');
});

test('a way to reach the operator is a link where it is one', async () => {
  const { contactAddress } = await import('../wallet/wallet-help.js');
  for (const [contact, address] of [
    ['help@example.jp', 'mailto:help@example.jp'], ['03-1234-5678', 'tel:0312345678'], ['０３（１２３４）５６７８', 'tel:0312345678'],
    ['https://example.jp/contact', 'https://example.jp/contact'], ['店頭のカウンターへ', null], ['javascript:alert(1)', null],
  ]) assert.equal(contactAddress(contact), address, contact);
});

test('the wallet asks for a top-up in the words of a top-up, and for an amount as a least one', async () => {
  const { ja } = await textsOf('wallet');
  assert.equal(ja.top_up_go_on, 'チャージを続ける');
  assert.equal(ja.top_up_give_up, 'チャージを中止する');
  assert.equal(ja.top_up_too_small, '{min}以上で入力してください。');
  assert.equal(ja.session_end, 'この端末をサインアウト');
});

for (const surface of surfaces) {
  const texts = await textsOf(surface);

  test(`${surface}: Japanese and English have the same keys`, () => {
    // English says one thing otherwise than many (`counted`).
    const ofOne = (key) => key.endsWith('_one') && key.slice(0, -4) in texts.en;
    assert.deepEqual(Object.keys(texts.ja).sort(), Object.keys(texts.en).filter((key) => !ofOne(key)).sort());
    for (const key of Object.keys(texts.en).filter(ofOne)) assert.deepEqual(places(texts.en[key]), places(texts.en[key.slice(0, -4)]), key);
  });

  test(`${surface}: no text is empty and both languages fill in the same places`, () => {
    for (const key of Object.keys(texts.ja)) {
      assert.notEqual(texts.ja[key].trim(), '', key);
      assert.notEqual(texts.en[key].trim(), '', key);
      assert.deepEqual(places(texts.ja[key]), places(texts.en[key]), key);
    }
  });

  test(`${surface}: every text a script asks for exists`, () => {
    const scripts = [surface, 'shared'].flatMap((name) => readdirSync(folder(name))
      .filter((file) => file.endsWith('.js') && file !== 'sw.js')
      .map((file) => new URL(file, folder(name))));
    for (const script of scripts) {
      // The passkey problems are spoken only where passkeys are used.
      if (surface === 'till' && script.pathname.endsWith('passkey.js')) continue;
      // A view's state holds the key of a sentence (`key: '..'`, `saying(state, '..')`); what draws it asks `t` for it.
      const asked = script.pathname.endsWith('-state.js') ? /\bkey: '(\w+)'|saying\(\w+, '(\w+)'/g : /\b(?:t|counted)\('(\w+)'/g;
      for (const [, one, other] of readFileSync(script, 'utf8').matchAll(asked)) {
        const key = one ?? other;
        assert.ok(key in texts.ja, `${script.pathname}: ${key}`);
      }
    }
  });
}

test('console: English says one thing otherwise than many', async () => {
  const { consoleTexts: { en } } = await import('../console/console-texts.js');
  // More than a page of stores are never one.
  const many = Object.keys(en).filter((key) => /\{(n|found|attempts)\} [a-z]+s\b/.test(en[key]) && key !== 'stores_cut');
  assert.ok(many.length > 4);
  for (const key of many) if (!key.endsWith('_one')) assert.ok(`${key}_one` in en, key);
});

test('console: where nothing is there yet, the page says how it begins', async () => {
  const { consoleTexts } = await import('../console/console-texts.js');
  for (const [language, ends] of [['ja', '。'], ['en', '.']]) {
    const texts = consoleTexts[language];
    for (const key of ['no_sales', 'no_top_ups', 'no_tills', 'no_tills_here', 'no_merchants', 'no_stores', 'no_stores_found', 'no_keys',
      'no_notes', 'no_acts', 'no_payments_yet', 'no_payments_found']) {
      assert.ok(texts[key].split(ends).length > 2, `${language} ${key}: a sentence that it is empty, and one that helps`);
    }
  }
  for (const [key, button] of [['no_merchants', 'add_merchant'], ['no_stores', 'add_store'], ['no_tills_here', 'add_till_short']]) {
    for (const texts of Object.values(consoleTexts)) assert.ok(texts[key].includes(texts[button]), key);
  }
});

test('wallet: what a first code shows, and what loads with it, is said without the texts that come later', async () => {
  const { walletTexts } = await import('../wallet/wallet-texts.js');
  const found = (name) => ['wallet', 'shared'].map((one) => new URL(name, folder(one))).find((file) => existsSync(file));
  const seen = new Set(['wallet.js']);
  for (const name of seen) {
    const script = readFileSync(found(name), 'utf8').replaceAll(/^\s*(?:\/\*|\*|\/\/).*$/gm, '');
    for (const [, imported] of script.matchAll(/(?:from|import) '\/assets\/([\w-]+\.js)'/g)) seen.add(imported);
    const asked = name.endsWith('-state.js') ? /\bkey: '(\w+)'/g : /\b(?:t|counted)\('(\w+)'/g;
    for (const [, key] of script.matchAll(asked)) assert.ok(key in walletTexts.ja, `${name}: ${key}`);
  }
  assert.ok(seen.has('wallet-code.js') && !seen.has('wallet-later-texts.js') && seen.size < 24, [...seen].join(' '));
});
