// Asks for a code of the authenticator app in a sheet: what answers a step-up for a wallet without a passkey.

import { el } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { t } from '/assets/i18n.js';
import { openSheet } from '/assets/sheet.js';
import { codeField, readCode } from '/assets/wallet-password-parts.js';

/** The six digits; whoever closes the sheet instead aborts, as one aborts a passkey. @returns {Promise<string>} */
export async function askForCode() {
  const field = codeField('step-up-code');
  /** @type {string | null} */
  let code = null;
  const form = el('form', { class: 'form', novalidate: true, on: {
    /** @param {SubmitEvent} event */
    submit(event) {
      event.preventDefault();
      code = readCode(field);
      if (code !== null) sheet.close();
    },
  } },
  el('p', {}, t('codes_prompt_lead')), field.element,
  el('button', { type: 'submit', class: 'button wide' }, icon('key'), t('codes_confirm')));
  const sheet = openSheet(t('codes_prompt'), form, { focus: field.input });
  await sheet.closed;
  if (code === null) throw new DOMException('no code', 'AbortError');
  return code;
}
