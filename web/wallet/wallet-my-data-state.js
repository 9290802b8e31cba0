// What a customer's copy of their data is put together from: pages of two lists, one behind the other, and what is asked for once.

/**
 * Reads a list page by page. `told` hears how many rows there are so far.
 * @template T
 * @param {(before: string | null) => Promise<{ rows: T[], next: string | null }>} read @param {(count: number) => void} told
 * @returns {Promise<T[]>}
 */
export async function readWhole(read, told) {
  /** @type {T[]} */
  const all = [];
  let before = null;
  for (;;) {
    const { rows, next } = await read(before);
    all.push(...rows);
    told(all.length);
    // A page that leads to itself would never end.
    if (next === null || next === before) return all;
    before = next;
  }
}

/** What the file is called. @param {string} wallet @param {Date} day */
export const fileName = (wallet, day) => `mamori-${wallet}-${day.toISOString().slice(0, 10)}.json`;
