// No mouse and no finger: a customer signs up and a cashier takes a payment with the keyboard alone.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { tillTexts } from '../../web/till/till-texts.js';
import { walletTexts } from './texts.mjs';
import { customer, dev, freshCode, remember } from '../peers/dev.mjs';
import { atRest, codeFromInbox, focusOn, giveAuthenticator, openBrowser, openDevice, until } from './stage.mjs';

const words = walletTexts.en;
const cashier = tillTexts.en;
const CONTACT = `keyboard-${Date.now()}@example.com`;

let browser;

before(async () => { browser = await openBrowser(); });
after(async () => { await browser?.close(); });

/** Presses Tab until the focus is on what `name` names; each stop must be visible and show its focus. */
async function tabTo(page, name) {
  const seen = [];
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press('Tab');
    const look = () => page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      const style = getComputedStyle(element);
      const label = element.labels?.[0]?.textContent ?? '';
      const box = element.getBoundingClientRect();
      return {
        name: (element.getAttribute('aria-label') ?? '') || label || element.textContent.trim(),
        visible: box.width > 0 && box.height > 0,
        ringed: element.matches(':focus-visible') && (style.outlineStyle !== 'none' || style.boxShadow !== 'none'),
      };
    });
    // A view that is being drawn moves in, and so does the ring: what counts is where both come to rest.
    await atRest(page);
    let stop = await look();
    if (stop !== null && !(stop.visible && stop.ringed)) {
      await until('a focus that shows', async () => {
        stop = await look();
        return stop === null || (stop.visible && stop.ringed);
      }).catch(() => {});
    }
    if (stop === null) continue;
    assert.ok(stop.visible, `the focus is on something invisible: ${stop.name}`);
    assert.ok(stop.ringed, `nothing shows that the focus is on: ${stop.name}`);
    seen.push(stop.name);
    if (stop.name.includes(name)) return;
  }
  assert.fail(`Tab never reaches «${name}»: ${seen.join(' | ')}`);
}

test('a customer signs up, opens history and comes back', async () => {
  const device = await openDevice(browser, { locale: 'en-GB' });
  const { page } = device;
  await giveAuthenticator(device);
  await page.goto(dev.wallet_url);
  await page.getByRole('heading', { name: words.welcome_title }).waitFor();
  await tabTo(page, words.contact_label);
  await page.keyboard.type(CONTACT);
  await page.keyboard.press('Enter');
  // The focus moves with the step.
  await focusOn(page.getByLabel(words.code_label));
  await page.keyboard.type(await codeFromInbox(CONTACT));
  await tabTo(page, words.name_label);
  await page.keyboard.type('Kei');
  await page.keyboard.press('Enter');
  await page.locator('.balance-figure').waitFor();
  await tabTo(page, words.nav_history);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: words.history_title }).waitFor();
  await tabTo(page, words.nav_home);
  await page.keyboard.press('Enter');
  await page.locator('.code-barcode img').waitFor();
  await tabTo(page, words.top_up);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  const back = await page.evaluate(() => document.activeElement.textContent.trim());
  assert.ok(back.includes(words.top_up), 'the focus is back where the sheet was opened');
  await device.context.close();
});

test('a cashier enrols, sells and refunds', async () => {
  const { page, context } = await openDevice(browser, { locale: 'en-GB' });
  await page.goto(dev.till_url);
  await focusOn(page.getByLabel(cashier.pairing_code));
  await page.keyboard.type(remember(dev.merchant.tills[1].pairing_code));
  await page.keyboard.press('Enter');
  await focusOn(page.getByLabel(cashier.amount, { exact: true }));
  await page.keyboard.type('110');
  await page.keyboard.press('Enter');
  await page.keyboard.type(freshCode(customer().name));
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: cashier.paid }).waitFor();
  // The scanner's second terminator comes right behind the first and dismisses nothing; a cashier's key does.
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: cashier.paid }).waitFor();
  await until('a deliberate key leads on', async () => {
    await page.keyboard.press('Enter');
    return page.getByLabel(cashier.amount, { exact: true }).isVisible();
  });
  // The store may have sold before: its older payments are in the list at once, this one a moment later.
  await page.locator('.payments button').filter({ hasText: '¥110' }).first().waitFor();
  await tabTo(page, '¥110');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await tabTo(page, cashier.refund);
  await page.keyboard.press('Enter');
  await page.getByLabel(cashier.refund_amount).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await until('the payment to read as refunded', async () => (await page.locator('.payments button').first().textContent()).includes(cashier.status_refunded));
  await context.close();
});
