// The moving picture of the README: a phone shows a code, the till scans it, both say paid. `npm run picture` in tests/, with a `dev` that
// runs (MAMORI_DEV_JSON names what it wrote) and ImageMagick's `convert`.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { walletTexts } from './texts.mjs';
import { dev } from '../peers/dev.mjs';
import { atRest, enrol, giveAuthenticator, openBrowser, openDevice, signUp } from './stage.mjs';

const target = fileURLToPath(new URL('../../docs/pictures/payment.gif', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'mamori-picture-'));
const words = walletTexts.ja;
const HEIGHT = 844;
/** Hundredths of a second for which a frame stands. */
const frames = [];

const browser = await openBrowser();
try {
  const [phone, till] = [await openDevice(browser, { phone: true }), await openDevice(browser)];
  await phone.page.setViewportSize({ width: 390, height: HEIGHT });
  await till.page.setViewportSize({ width: 900, height: HEIGHT });
  await giveAuthenticator(phone);
  await signUp(phone.page, 'picture@example.jp', '山田 そら');
  await phone.page.getByRole('button', { name: words.top_up, exact: true }).click();
  await phone.page.getByRole('button', { name: '5,000円', exact: true }).click();
  await phone.page.getByRole('button', { name: words.top_up_go.replace('{amount}', '5,000円'), exact: true }).click();
  await phone.page.locator('input[name=number]').fill('4242 4242 4242 4242');
  await phone.page.locator('input[name=expiry]').fill('12/34');
  await phone.page.locator('input[name=cvc]').fill('123');
  await phone.page.locator('button.pay').click();
  await phone.page.getByRole('button', { name: words.to_home, exact: true }).click();
  await enrol(till.page, dev.merchant.tills[0].pairing_code);

  const shoot = async (hundredths) => {
    const parts = [];
    for (const [name, { page }] of Object.entries({ phone, till })) {
      await atRest(page);
      const path = join(folder, `${frames.length}-${name}.png`);
      await page.screenshot({ path, animations: 'disabled', scale: 'css' });
      parts.push(path);
    }
    const path = join(folder, `${frames.length}.png`);
    execFileSync('convert', [...parts, '-background', '#d9d5c8', '-bordercolor', '#d9d5c8', '-border', '12', '+append', '+repage', '-resize', '50%', path]);
    frames.push('-delay', String(hundredths), path);
  };

  await phone.page.locator('.code-qr img').waitFor();
  const code = (await phone.page.locator('.code-number').textContent()).replace(/\D/g, '');
  await shoot(150);
  await till.page.locator('#amount').fill('1200');
  await shoot(130);
  await till.page.keyboard.press('Enter');
  await till.page.keyboard.type(code);
  await till.page.keyboard.press('Enter');
  await till.page.locator('.answer-paid').waitFor();
  await phone.page.getByRole('dialog', { name: words.paid }).waitFor();
  await shoot(280);
  await phone.page.getByRole('dialog').getByRole('button').last().click();
  await phone.page.locator('.code-qr img').waitFor();
  await shoot(150);
  execFileSync('convert', [...frames, '-loop', '0', '-layers', 'optimize', '-colors', '96', target]);
  process.stdout.write(`${target}\n`);
} finally {
  await browser.close();
  rmSync(folder, { recursive: true });
}
