// A sale from the amount to the final answer, as the cashier meets it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { after, cancel } from '../shared/machine.js';
import {
  PARKED_RETRY_MS, RETRY_MS, WHOLE_CODE_MS, beginSale, mayPark, parked, updateSale,
} from '../till/till-sale-state.js';
import { play, those } from './play.mjs';

const CODE = '900012340112345678901234';
const OTHER = '900012340112345678905678';
const PAID = { amount: 1_200, customer: 'や＊＊', receipt_number: '00000007', at_ms: 0 };

const till = (pending = []) => play(beginSale(pending), updateSale);
const scanned = (text, at_ms = 0, new_key = 'sale-1') => ({ is: 'scanned', text, at_ms, new_key });
const refusal = (code, status = 409) => ({ status, code, sentence: () => code });
/** The amount's field reads so, at this instant. */
const amountReads = (text, at_ms = 0) => ({ is: 'amount_typed', text, at_ms, new_key: 'sale-1' });
const codeReads = (text, at_ms = 0) => ({ is: 'code_typed', text, at_ms, new_key: 'sale-1' });
const pad = (digits) => ({ is: 'pad', digits, at_ms: 0, new_key: 'sale-1' });
/** Characters that arrive one by one in the amount's field, whatever key makes them. */
const typeInto = (one, text, from_ms, every_ms) => [...text].map((character, index) => one.send(
  amountReads(one.state.amount + character, from_ms + index * every_ms))).at(-1);
const typeKeys = (one, text, from_ms, every_ms) => [...text]
  .map((key, index) => one.send({ is: 'page_key', key, at_ms: from_ms + index * every_ms })).at(-1);

/** A till on which 1,200 yen were typed and a code was scanned. */
function asking() {
  const one = till();
  one.sendAll(amountReads('1200'), scanned(CODE));
  return one;
}

/** The same after `times` questions without an answer. */
function unknown(times = 1) {
  const one = asking();
  one.send({ is: 'no_answer', key: 'sale-1' });
  for (let n = 1; n < times; n += 1) one.sendAll({ is: 'ask_again' }, { is: 'no_answer', key: 'sale-1' });
  return one;
}

test('the goods that a cashier says go with the sale, stay for a second try and not for the next sale', () => {
  const one = till();
  one.sendAll({ is: 'category', name: 'food' }, { is: 'category', name: 'alcohol' }, { is: 'category', name: 'food' });
  one.send(amountReads('500'));
  assert.deepEqual(those(one.send(scanned(CODE)), 'charge')[0].sale.categories, ['alcohol']);
  one.send({ is: 'refused', key: 'sale-1', refusal: refusal('code_spent'), at_ms: 0 });
  one.send({ is: 'same_amount' });
  assert.deepEqual(one.state.categories, ['alcohol']);
  one.send({ is: 'next' });
  assert.deepEqual(one.state.categories, []);
});

test('a till begins empty, with the cursor in the amount', () => {
  const one = till();
  assert.equal(one.state.phase.is, 'entry');
  assert.deepEqual(those(one.begun, 'focus'), [{ do: 'focus', on: 'amount' }]);
});

test('amount, scan, paid: one key from the scan to the answer, and then it is forgotten', () => {
  const one = till();
  one.send(amountReads('１,２００'));
  assert.equal(one.state.amount, '1200');
  const effects = one.send(scanned(`${CODE}\r`));
  assert.equal(one.state.phase.is, 'asking');
  const sale = { key: 'sale-1', amount: 1_200, code: CODE, categories: [], tries: 1 };
  assert.deepEqual(those(effects, 'charge'), [{ do: 'charge', sale }]);
  assert.equal(those(effects, 'store')[0].pending.length, 1, 'it survives a reload from before the question on');
  const answered = one.send({ is: 'paid', key: 'sale-1', paid: PAID, at_ms: 0 });
  assert.equal(one.state.phase.is, 'paid');
  assert.deepEqual(one.state.pending, []);
  assert.deepEqual(those(answered, 'store'), [{ do: 'store', pending: [] }]);
  assert.deepEqual(those(answered, 'chime'), [{ do: 'chime', paid: true }]);
  assert.equal(those(answered, 'done').length, 1);
  one.send({ is: 'next' });
  assert.equal(one.state.amount, '');
  assert.equal(one.state.phase.is, 'entry');
});

test('a refused sale keeps its amount for another scan, or to be mended', () => {
  for (const [choice, on] of [['same_amount', 'code'], ['change_amount', 'amount_all']]) {
    const one = asking();
    const effects = one.send({ is: 'refused', key: 'sale-1', refusal: refusal('balance_too_small'), at_ms: 0 });
    assert.equal(one.state.phase.is, 'refused');
    assert.deepEqual(one.state.pending, []);
    assert.deepEqual(those(effects, 'chime'), [{ do: 'chime', paid: false }]);
    assert.deepEqual(those(one.send({ is: choice }), 'focus'), [{ do: 'focus', on }]);
    assert.equal(one.state.amount, '1200');
  }
});

test('no answer: the same key is asked about again, ever more slowly, and the screen says that nobody knows', () => {
  const one = asking();
  for (const wait_ms of [...RETRY_MS, RETRY_MS.at(-1)]) {
    const effects = one.send({ is: 'no_answer', key: 'sale-1' });
    assert.equal(one.state.phase.is, 'unknown');
    assert.deepEqual(those(effects, 'after'), [after('retry', wait_ms, { is: 'ask_again' })]);
    assert.equal(those(one.send({ is: 'ask_again' }), 'charge')[0].sale.key, 'sale-1');
  }
});

test('the unknown outcome is told once, and each further question only counts', () => {
  const one = asking();
  assert.equal(those(one.send({ is: 'no_answer', key: 'sale-1' }), 'announce_phase').length, 1);
  for (const event of [{ is: 'ask_again' }, { is: 'no_answer', key: 'sale-1' }]) {
    const effects = one.send(event);
    assert.deepEqual([...those(effects, 'announce_phase'), ...those(effects, 'focus')], []);
  }
  assert.equal(one.state.phase.sale.tries, 2);
});

test('only after four questions may the cashier go on without the result', () => {
  assert.equal(mayPark(unknown(3).state.phase.sale), false);
  assert.equal(mayPark(unknown(4).state.phase.sale), true);
});

test('a parked sale is asked about behind the scenes, and its result is told', () => {
  const one = unknown(4);
  const left = one.send({ is: 'park' });
  assert.deepEqual(those(left, 'cancel').map((effect) => effect.name).sort(), ['result_run', 'retry']);
  assert.equal(one.state.amount, '');
  assert.deepEqual(parked(one.state).map((sale) => sale.amount), [1_200]);
  const due = one.send({ is: 'parked_due' });
  assert.equal(those(due, 'charge')[0].sale.key, 'sale-1');
  assert.equal(those(due, 'after')[0].ms, PARKED_RETRY_MS);
  assert.deepEqual(one.send({ is: 'no_answer', key: 'sale-1' }), []);
  const told = one.send({ is: 'paid', key: 'sale-1', paid: PAID, at_ms: 0 });
  assert.equal(one.state.phase.is, 'entry', 'the next sale is not disturbed');
  assert.deepEqual(one.state.status, { key: 'parked_paid', amount: 1_200 });
  assert.deepEqual(those(told, 'announce'), [{ do: 'announce', words: { key: 'parked_paid', amount: 1_200 } }]);
  assert.deepEqual(parked(one.state), []);
});

test('a parked sale that was refused is told, too, and a second answer to it says nothing', () => {
  const one = unknown(4);
  one.send({ is: 'park' });
  one.send({ is: 'refused', key: 'sale-1', refusal: refusal('code_expired'), at_ms: 0 });
  assert.deepEqual(one.state.status, { key: 'parked_refused', amount: 1_200 });
  assert.deepEqual(one.send({ is: 'refused', key: 'sale-1', refusal: refusal('code_expired'), at_ms: 0 }), []);
  assert.deepEqual(one.send({ is: 'paid', key: 'sale-1', paid: PAID, at_ms: 0 }), []);
});

test('a parked sale that was paid leaves the list at once: with the answer, and as soon as the server answers at all', () => {
  const one = unknown(4);
  one.sendAll({ is: 'park' }, amountReads('300', 9_000), scanned(OTHER, 9_500, 'sale-2'));
  const effects = one.send({ is: 'paid', key: 'sale-2', paid: { ...PAID, amount: 300 }, at_ms: 0 });
  assert.deepEqual(those(effects, 'after'), [after('parked', 0, { is: 'parked_due' })]);
  assert.equal(those(one.send({ is: 'parked_due' }), 'charge')[0].sale.key, 'sale-1');
  one.send({ is: 'paid', key: 'sale-1', paid: PAID, at_ms: 0 });
  assert.deepEqual(parked(one.state), []);
  assert.deepEqual(one.state.status, { key: 'parked_paid', amount: 1_200 });
});

test('when the network is back all that waits is asked about at once, and nothing twice', () => {
  const one = unknown(4);
  assert.equal(those(one.send({ is: 'reachable' }), 'charge').length, 1);
  one.send({ is: 'park' });
  assert.deepEqual(those(one.send({ is: 'reachable' }), 'after'), [after('parked', 0, { is: 'parked_due' })]);
  assert.deepEqual(asking().send({ is: 'reachable' }), []);
  const loaded = till([{ key: 'a', amount: 1, code: CODE, tries: 4 }, { key: 'b', amount: 2, code: OTHER, tries: 4 }]);
  assert.deepEqual(those(loaded.begun, 'after').map(({ ms }) => ms), [0]);
});

test('a sale that is given up is cancelled under its key and never charged again, not even after a reload', () => {
  const one = unknown();
  const effects = one.send({ is: 'give_up', key: 'sale-1' });
  assert.equal(one.state.phase.is, 'giving_up');
  assert.equal(those(effects, 'give_up')[0].sale.key, 'sale-1');
  const [{ pending }] = those(effects, 'store');
  const again = till(pending);
  assert.deepEqual(those(again.begun, 'charge'), []);
  assert.equal(those(again.begun, 'give_up')[0].sale.key, 'sale-1');
  one.send({ is: 'no_answer', key: 'sale-1' });
  assert.equal(one.state.phase.is, 'giving_up');
  const asked = one.send({ is: 'ask_again' });
  assert.deepEqual([those(asked, 'charge').length, those(asked, 'give_up').length], [0, 1]);
});

test('the page says what became of a sale that was given up', () => {
  for (const was_paid of [true, false]) {
    const one = unknown();
    one.send({ is: 'give_up', key: 'sale-1' });
    const effects = one.send({ is: 'given_up', key: 'sale-1', was_paid, at_ms: 0 });
    assert.deepEqual(one.state.phase, { is: 'given_up', amount: 1_200, was_paid });
    assert.deepEqual(those(effects, 'store'), [{ do: 'store', pending: [] }]);
    assert.equal(those(effects, 'announce_phase').length, 1);
    assert.equal(those(effects, 'done').length, was_paid ? 1 : 0);
    one.send({ is: 'next' });
    assert.equal(one.state.phase.is, 'entry');
  }
});

test('a charge that was under way when its sale was given up says nothing: the cancel has the last word', () => {
  const one = unknown();
  one.send({ is: 'give_up', key: 'sale-1' });
  assert.deepEqual(one.send({ is: 'paid', key: 'sale-1', paid: PAID, at_ms: 0 }), []);
  assert.deepEqual(one.send({ is: 'refused', key: 'sale-1', refusal: refusal('cancelled_before_payment'), at_ms: 0 }), []);
  assert.equal(one.state.phase.is, 'giving_up');
});

test('what was told of a parked sale is not told beside the next one', () => {
  const one = unknown(4);
  one.sendAll({ is: 'park' }, { is: 'paid', key: 'sale-1', paid: PAID, at_ms: 0 }, amountReads('300', 9_000), scanned(OTHER, 9_500, 'sale-2'));
  assert.equal(one.state.status, null);
});

test('a parked sale is given up where it waits, and what became of it is told', () => {
  for (const [was_paid, key] of [[true, 'parked_given_back'], [false, 'parked_never_paid']]) {
    const one = unknown(4);
    one.send({ is: 'park' });
    assert.equal(those(one.send({ is: 'give_up', key: 'sale-1' }), 'give_up').length, 1);
    assert.equal(one.state.phase.is, 'entry');
    assert.deepEqual(those(one.send({ is: 'parked_due' }), 'charge'), []);
    one.send({ is: 'given_up', key: 'sale-1', was_paid, at_ms: 0 });
    assert.deepEqual([one.state.status, parked(one.state)], [{ key, amount: 1_200 }, []]);
  }
});

test('a cancel that is refused for whatever else is asked for again, and nothing is charged', () => {
  for (const [code, status] of [['not_found', 404], ['till_unknown', 409], ['signed_out', 401]]) {
    const one = unknown();
    one.send({ is: 'give_up', key: 'sale-1' });
    const effects = one.send({ is: 'not_given_up', key: 'sale-1', refusal: refusal(code, status) });
    assert.deepEqual(those(effects, 'charge'), [], code);
    assert.equal(one.state.phase.is, 'giving_up');
    const [again] = those(effects, 'after');
    assert.deepEqual(those(one.send(again.event), 'give_up').length, 1, code);
  }
});

test('a sale that was refunded meanwhile cannot be given up: that is told, and it is asked about as it stands', () => {
  const one = unknown();
  one.send({ is: 'give_up', key: 'sale-1' });
  const effects = one.send({ is: 'not_given_up', key: 'sale-1', refusal: refusal('already_refunded') });
  assert.equal(those(effects, 'charge')[0].sale.given_up, false);
  assert.deepEqual(one.state.status, { key: 'give_up_refused', amount: 1_200 });
  one.send({ is: 'paid', key: 'sale-1', paid: PAID, at_ms: 0 });
  assert.equal(one.state.phase.is, 'paid');
});

test('a reload in the middle of a sale asks about it before anything new is sold', () => {
  const one = till([{ key: 'sale-1', amount: 1_200, code: CODE, categories: [], tries: 1 }]);
  assert.equal(one.state.phase.is, 'unknown');
  assert.equal(those(one.begun, 'charge')[0].sale.key, 'sale-1');
  one.send({ is: 'paid', key: 'sale-1', paid: PAID, at_ms: 0 });
  assert.equal(one.state.phase.is, 'paid');
});

test('a till that was signed out meanwhile keeps its open sale', () => {
  const one = asking();
  assert.deepEqual(one.send({ is: 'refused', key: 'sale-1', refusal: refusal('signed_out', 401), at_ms: 0 }), []);
  assert.equal(one.state.pending.length, 1);
});

test('one pull of the trigger that reads twice pays once', () => {
  const one = asking();
  assert.deepEqual(those(one.send(scanned(CODE, 40, 'sale-2')), 'charge'), []);
  one.sendAll({ is: 'paid', key: 'sale-1', paid: PAID, at_ms: 0 }, { is: 'next' }, amountReads('100'));
  assert.deepEqual(those(one.send(scanned(CODE, 1_999, 'sale-3')), 'charge'), []);
  assert.deepEqual(one.state.status, { key: 'scan_double' });
  assert.equal(those(one.send(scanned(CODE, 2_000, 'sale-4')), 'charge').length, 1);
});

test('another code while one is asked about starts no second sale', () => {
  const one = asking();
  assert.deepEqual(one.send(scanned(OTHER, 500, 'sale-2')), []);
  assert.equal(one.state.pending.length, 1);
});

test('what is no code, and a code without an amount, are told and ask nothing', () => {
  const one = till();
  one.send(scanned('4901234567894'));
  assert.deepEqual(one.state.status, { key: 'scan_not_a_code' });
  const effects = one.send(scanned(CODE));
  assert.deepEqual(one.state.status, { key: 'scan_needs_amount' });
  assert.deepEqual(effects, [{ do: 'chime', paid: false }, { do: 'focus', on: 'amount' }]);
  assert.deepEqual(one.send({ is: 'camera' }), [{ do: 'focus', on: 'amount' }]);
});

test('a scan into the amount is moved to the code, and the amount is what the cashier had typed', () => {
  const one = till();
  typeInto(one, '1200', 0, 120);
  const effects = typeInto(one, '90001234'.slice(0, 4), 900, 8);
  assert.equal(one.state.amount, '1200');
  assert.equal(one.state.code, '9000');
  assert.equal(one.state.field, 'code');
  // From here on the scanner types into the code's field.
  assert.deepEqual(effects, [{ do: 'focus', on: 'code' }, cancel('whole_code')]);
});

test('a scan into an amount that was entered on the screen leaves it as it was', () => {
  const one = till();
  for (const digits of ['1', '2', '00']) one.send(pad(digits));
  typeInto(one, '90001234', 5_000, 8);
  assert.equal(one.state.amount, '1200');
  assert.equal(one.state.code, '90001234');
});

test('a scan is a scan by whatever way it comes into the amount, and the amount never changes by it', () => {
  const wide = CODE.replace(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit)));
  const ways = {
    'inserted at once': CODE, 'by an input method': wide, 'with an identifier': `]C0${CODE}`, 'with a maker\u2019s letter': `j${CODE}`,
    'pasted in groups': CODE.replace(/(\d{4})/g, '$1 '), 'with its terminators': `${CODE}\r\n`,
  };
  for (const [way, text] of Object.entries(ways)) {
    const one = till();
    typeInto(one, '1200', 0, 120);
    const effects = one.send(amountReads(`1,200${text}`, 400));
    assert.equal(one.state.amount, '1200', way);
    assert.equal(one.state.code, CODE, way);
    const [goes] = those(effects, 'after');
    assert.equal(those(one.send(goes.event), 'charge')[0]?.sale.amount, 1_200, way);
  }
});

test('a scan over a marked amount leaves the amount', () => {
  const one = till();
  typeInto(one, '1200', 0, 120);
  one.send(amountReads(CODE, 3_000));
  assert.deepEqual([one.state.amount, one.state.code], ['1200', CODE]);
});

test('a whole code goes by itself, unless more follows it', () => {
  const one = till();
  one.send(amountReads('500'));
  const effects = one.send(codeReads('9000 1234 0112 3456 7890 1234'));
  assert.deepEqual(those(effects, 'after').map(({ ms }) => ms), [WHOLE_CODE_MS]);
  assert.deepEqual(those(one.send(codeReads(`${CODE}5`)), 'cancel').map(({ name }) => name), ['whole_code']);
  one.send(codeReads(CODE));
  const sale = those(one.send({ is: 'code_whole', new_key: 'sale-1', at_ms: 300 }), 'charge')[0].sale;
  assert.deepEqual([sale.amount, sale.code], [500, CODE]);
});

test('the keys on the screen write where the cashier is', () => {
  const one = till();
  one.send(pad('5'));
  one.send({ is: 'field', field: 'code' });
  for (const digits of ['9', '00', '0', '1']) one.send(pad(digits));
  one.send({ is: 'delete_digit' });
  assert.deepEqual([one.state.amount, one.state.code], ['5', '9000']);
});

test('a scan before the amount is none that counts: after the amount it pays', () => {
  const one = till();
  one.send(scanned(CODE, 0));
  one.send(amountReads('300', 500));
  assert.equal(those(one.send(scanned(CODE, 900)), 'charge').length, 1);
});

test('Enter in the amount leads to the code; without an amount it says what is missing', () => {
  const one = till();
  assert.deepEqual(one.send({ is: 'amount_entered' }), []);
  assert.deepEqual(one.state.status, { key: 'scan_needs_amount' });
  one.send(amountReads('500'));
  assert.deepEqual(one.send({ is: 'amount_entered' }), [{ do: 'focus', on: 'code' }]);
});

test('the keys on the screen add digits up to seven, take one back, and clear', () => {
  const one = till();
  for (const digits of ['00', '1', '2', '00', '00', '5', '00', '9']) one.send(pad(digits));
  assert.equal(one.state.amount, '1200005');
  one.send({ is: 'delete_digit' });
  assert.equal(one.state.amount, '120000');
  one.send({ is: 'clear' });
  assert.equal(one.state.amount, '');
});

test('a scanner works without anybody clicking first', () => {
  const one = till();
  assert.deepEqual(one.send({ is: 'page_key', key: '5', at_ms: 0 }), [{ do: 'focus', on: 'amount' }]);
  one.send(amountReads('5'));
  assert.deepEqual(one.send({ is: 'page_key', key: '9', at_ms: 900 }), [{ do: 'focus', on: 'code' }]);
});

test('an amount that is there is not asked for any more; what was said of a code stays', () => {
  const one = till();
  one.send({ is: 'amount_entered' });
  one.send({ is: 'pad', digits: '0', at_ms: 0, new_key: 'k' });
  assert.deepEqual(one.state.status, { key: 'scan_needs_amount' });
  one.send({ is: 'pad', digits: '5', at_ms: 0, new_key: 'k' });
  assert.equal(one.state.status, null);
  one.send(scanned('4901234567894'));
  one.send({ is: 'pad', digits: '5', at_ms: 0, new_key: 'k' });
  assert.deepEqual(one.state.status, { key: 'scan_not_a_code' });
});

test('beside an answer a short run of digits begins the next sale, a second read of the scanner does not', () => {
  const one = asking();
  one.send({ is: 'paid', key: 'sale-1', paid: PAID, at_ms: 0 });
  typeKeys(one, CODE, 0, 5);
  const effects = one.send({ is: 'page_key', key: 'Enter', at_ms: 130 });
  assert.deepEqual(effects, [{ do: 'announce', words: { key: 'scan_needs_amount' } }]);
  assert.equal(one.state.phase.is, 'paid');
  typeKeys(one, '350', 1_000, 100);
  one.send({ is: 'result_run_over' });
  assert.equal(one.state.phase.is, 'entry');
  assert.equal(one.state.amount, '350');
});
