// What `mamori-lab dev --json FILE` wrote, and a scanned code, for every test that plays a register.

import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';

const file = process.env.MAMORI_DEV_JSON;
if (!file) throw new Error('MAMORI_DEV_JSON is not set: run `cargo xtask test --only sdk`');

/** {base_url, wallet_url, till_url, console_url, inbox_url, merchant, customers, token, ...} */
export const dev = JSON.parse(readFileSync(file, 'utf8'));

/** The seeded customer of this name, or the first one. */
export function customer(name) {
  const found = name === undefined ? dev.customers[0] : dev.customers.find((one) => one.name === name);
  if (!found) throw new Error(`no seeded customer ${name}`);
  return found;
}

/** A fresh payment code of a seeded customer, as their phone would show it. */
export function freshCode(name = customer().name) {
  const program = process.env.MAMORI_BIN;
  const code = execFileSync(program, ['dev', 'code', '--json-from', file, '--customer', name], { encoding: 'utf8' }).trim();
  return remember(code);
}

/** Notes a secret that no log may hold; the suite `secrets` looks for every one of them at the end. */
export function remember(secret) {
  if (process.env.MAMORI_SECRETS) appendFileSync(process.env.MAMORI_SECRETS, `${secret}\n`);
  return secret;
}

let count = 0;
/** An id that no other run has used. */
export function freshId(word) {
  count += 1;
  return `${word}-${process.pid}-${Date.now().toString(36)}-${count}`;
}
