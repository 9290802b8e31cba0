// How a day is named: by today and yesterday where people would, in Japan's days wherever the phone is.

import assert from 'node:assert/strict';
import { test } from 'node:test';

// The page's language switch speaks to a document and a storage; here nobody listens.
globalThis.document = { documentElement: {} };
globalThis.localStorage = { getItem: () => null, setItem() {} };
globalThis.navigator ??= { language: 'ja' };
const { day, setLanguage, shortDateTime, useTexts } = await import('../shared/i18n.js');
useTexts({ ja: {}, en: {} });

// 00:10 on Thursday the 26th in Japan, still the 25th in London.
const NOW_MS = Date.UTC(2026, 10, 25, 15, 10);
const MINUTE_MS = 60_000;

test('today and yesterday are said in words', () => {
  setLanguage('ja');
  assert.equal(day(NOW_MS - 5 * MINUTE_MS, NOW_MS), '今日 11月26日(木)');
  assert.equal(day(NOW_MS - 15 * MINUTE_MS, NOW_MS), '昨日 11月25日(水)');
  assert.equal(shortDateTime(NOW_MS - 5 * MINUTE_MS, NOW_MS), '今日 00:05');
  setLanguage('en');
  assert.equal(day(NOW_MS - 15 * MINUTE_MS, NOW_MS), 'Yesterday, Wed 25 Nov');
  assert.equal(shortDateTime(NOW_MS - 15 * MINUTE_MS, NOW_MS), 'Yesterday 23:55');
});

test('an older day is a date, with its year where that is another', () => {
  setLanguage('ja');
  const long_ago_ms = Date.UTC(2025, 10, 25, 3);
  assert.equal(day(NOW_MS - 3 * 24 * 60 * MINUTE_MS, NOW_MS), '11月23日(月)');
  assert.equal(day(long_ago_ms, NOW_MS), '2025年11月25日(火)');
  assert.equal(shortDateTime(long_ago_ms, NOW_MS), '2025/11/25 12:00');
  setLanguage('en');
  assert.equal(day(long_ago_ms, NOW_MS), 'Tue 25 Nov 2025');
});
