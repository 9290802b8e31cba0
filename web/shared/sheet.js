// Sheets: modal dialogs that rise from the lower edge of a phone and stand in the middle of a wide screen. The native
// <dialog> gives the focus trap, Escape and the inert page behind it.

import { el } from '/assets/elements.js';
import { icon } from '/assets/icons.js';
import { t } from '/assets/i18n.js';

// A second tap of a double tap comes within this time.
const SECOND_TAP_MS = 500;

let count = 0;

/** @import { Content } from '../types/pages.js' */

/** Closes whatever sheet is open: what it shows may belong to somebody who is not signed in any more. */
export function closeSheets() {
  /** @type {NodeListOf<HTMLDialogElement>} */
  const open = document.querySelectorAll('dialog.sheet[open]');
  for (const dialog of open) gone(dialog);
}

/**
 * What a sheet shows may be a secret: it leaves the page in the same turn in which the sheet closes, not when the event comes.
 * @param {HTMLDialogElement} dialog
 */
function gone(dialog) {
  dialog.close();
  dialog.remove();
}

/**
 * Opens a sheet. Returns {dialog, close, closed}; `closed` resolves when it is gone, however that happened.
 * `className` adds a look; `closable: false` leaves the closing to the content (for a step that must be answered).
 * `leave` hears of Escape, the cross and a press beside, and closes the sheet or asks first.
 * @param {string} title @param {Content} content
 * @param {{ className?: string, closable?: boolean, focus?: HTMLElement | null, leave?: () => void }} options
 */
export function openSheet(title, content, { className = '', closable = true, focus = null, leave } = {}) {
  count += 1;
  const headingId = `sheet-title-${count}`;
  const close = () => gone(dialog);
  const go = leave ?? close;
  const dialog = el('dialog', { class: `sheet ${className}`.trim(), 'aria-labelledby': headingId },
    el('div', { class: 'sheet-head' },
      el('h2', { id: headingId, tabindex: '-1' }, title),
      closable && el('button', {
        type: 'button', class: 'round-button', 'aria-label': t('close'), on: { click: go },
      }, icon('close')),
    ),
    content,
  );
  const before = document.activeElement;
  /** @type {Promise<void>} */
  const closed = new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      // The event comes after the closing; who has moved on to something else meanwhile stays there.
      const lost = document.activeElement === null || document.activeElement === document.body;
      if (lost && before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
      resolve();
    }, { once: true });
  });
  // Browsers close a dialog at a second Escape without asking: the key is taken before they hear of it.
  dialog.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || event.isComposing || event.defaultPrevented) return;
    event.preventDefault();
    if (closable) go();
  });
  // A phone's way back comes here.
  dialog.addEventListener('cancel', (event) => {
    if (event.target !== dialog) return;
    event.preventDefault();
    if (closable) go();
  });
  // A press beside the sheet closes it, if it was meant so: not the second half of a double tap on what opened it, and
  // not the end of a stroke that began inside, such as marking a text.
  let pressedBeside = false;
  dialog.addEventListener('pointerdown', (event) => {
    pressedBeside = event.target === dialog && event.timeStamp - opened_ms > SECOND_TAP_MS;
  });
  dialog.addEventListener('click', (event) => {
    if (closable && pressedBeside && event.target === dialog) go();
  });
  document.body.append(dialog);
  dialog.showModal();
  const opened_ms = performance.now();
  (focus ?? dialog.querySelector('h2'))?.focus({ preventScroll: true });
  return { dialog, close, closed };
}
