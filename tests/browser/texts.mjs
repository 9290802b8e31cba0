// Every text of the wallet, wherever it stands.

import { readdirSync } from 'node:fs';

const folder = new URL('../../web/wallet/', import.meta.url);
export const walletTexts = { ja: {}, en: {} };
for (const file of readdirSync(folder).filter((name) => name.endsWith('-texts.js'))) {
  const [texts] = Object.values(await import(new URL(file, folder)));
  for (const language of ['ja', 'en']) Object.assign(walletTexts[language], texts[language]);
}
