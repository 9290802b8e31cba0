// Tables for the programs of an office: CSV in UTF-8 or in Shift_JIS, which older ones expect.

/** A spreadsheet takes a cell that begins so for a formula, and does what it says. In full width as well. */
const FORMULA = /^[=+\-@\t\r＝＋－＠]/;

/** @param {string} text */
function cell(text) {
  const harmless = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/** Lines of cells as one text; amounts are whole numbers and no formulas. @param {(string | number)[][]} lines */
export const csvOf = (lines) => lines
  .map((line) => `${line.map((one) => (typeof one === 'number' ? String(one) : cell(one))).join(',')}\r\n`).join('');

const BOM = '\u{feff}';

/** With the mark by which spreadsheets know it. @param {string} text */
export const inUtf8 = (text) => new TextEncoder().encode(BOM + text);

// Of the characters that stand twice in the code the first place counts, and rows 115 to 119 not at all: as browsers encode forms.
const [TWICE_FROM, TWICE_TO] = [8_272, 8_835];
const [LEAD_FIRST, LEAD_LAST, TRAIL_FIRST, TRAIL_LAST] = [0x81, 0xef, 0x40, 0xfc];
/** The mark for a character that is not there: 〓. */
const MISSING = [0x81, 0xac];
/** @type {Map<string, number[]> | null} */
let places = null;

/** @param {number} lead @param {number} trail */
const pointer = (lead, trail) => (lead - (lead < 0xa0 ? 0x81 : 0xc1)) * 188 + trail - (trail < 0x7f ? 0x40 : 0x41);

/** Every character with its bytes, learnt from the browser's own decoder. */
function shiftJisPlaces() {
  const decoder = new TextDecoder('shift_jis', { fatal: true });
  /** @type {Map<string, number[]>} */
  const found = new Map();
  /** @param {number[]} bytes */
  const learn = (bytes) => {
    try {
      const text = decoder.decode(new Uint8Array(bytes));
      if ([...text].length === 1 && !found.has(text)) found.set(text, bytes);
    } catch { /* nothing stands there */ }
  };
  for (let byte = 0; byte < 0xe0; byte += 1) if (byte < 0x80 || byte > 0xa0) learn([byte]);
  for (let lead = LEAD_FIRST; lead <= 0xfc; lead += 1) {
    // 0xa0 to 0xdf are single bytes, 0xf0 to 0xf9 are for private characters.
    const used = lead < 0xa0 || (lead >= 0xe0 && lead <= LEAD_LAST) || lead >= 0xfa;
    for (let trail = TRAIL_FIRST; used && trail <= TRAIL_LAST; trail += 1) {
      const at = pointer(lead, trail);
      if (trail !== 0x7f && (at < TWICE_FROM || at > TWICE_TO)) learn([lead, trail]);
    }
  }
  // Signs that other systems write with another character for the same thing.
  for (const [other, known] of [['¥', '\\'], ['‾', '~'], ['−', '－'], ['〜', '～'], ['—', '―'], ['‖', '∥']]) {
    const bytes = found.get(known);
    if (bytes !== undefined && !found.has(other)) found.set(other, bytes);
  }
  return found;
}

/** What Shift_JIS lacks becomes 〓. @param {string} text */
export function inShiftJis(text) {
  places ??= shiftJisPlaces();
  const bytes = [];
  for (const character of text) bytes.push(...(places.get(character) ?? MISSING));
  return new Uint8Array(bytes);
}
