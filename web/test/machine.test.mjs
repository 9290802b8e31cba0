// What runs a view: events in order, effects by name, and an end after which nothing is heard.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { after, cancel, machine } from '../shared/machine.js';

/** A machine that notes every event; an event carries the effects it leads to. */
function noting(perform = {}) {
  const drawn = [];
  const one = machine({
    begin: [[]],
    update: (state, { is, effects = [] }) => [[...state, is], ...effects],
    draw: (state) => drawn.push(state.join(' ')),
    perform,
  });
  return { ...one, drawn };
}

test('the state is drawn at once and after every change', () => {
  const one = noting();
  one.send({ is: 'a' });
  one.send({ is: 'b' });
  assert.deepEqual(one.drawn, ['', 'a', 'a b']);
});

test('an event that an effect sends is taken after the step that asked for it', () => {
  const seen = [];
  const one = noting({ echo: () => ({ is: 'echo' }), look: () => { seen.push(one.state().join(' ')); } });
  one.send({ is: 'a', effects: [{ do: 'echo' }, { do: 'look' }] });
  assert.deepEqual(seen, ['a']);
  assert.deepEqual(one.state(), ['a', 'echo']);
});

test('a timer that is set again runs once, and one that is cancelled never', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const one = noting();
    one.send({ is: 'a', effects: [after('t', 100, { is: 'early' }), after('t', 200, { is: 'late' })] });
    one.send({ is: 'b', effects: [after('u', 100, { is: 'never' })] });
    one.send({ is: 'c', effects: [cancel('u')] });
    mock.timers.tick(1_000);
    assert.deepEqual(one.state(), ['a', 'b', 'c', 'late']);
  } finally {
    mock.timers.reset();
  }
});

/** Questions whose answers come when the test says so. */
function questions() {
  const answers = [];
  const ask = () => new Promise((resolve) => { answers.push((is) => resolve({ is })); });
  const settle = () => new Promise((resolve) => { setImmediate(resolve); });
  return { answers, perform: { ask }, settle };
}

test('an answer is heard unless its question was asked again or called off', async () => {
  const { answers, perform, settle } = questions();
  const one = noting(perform);
  const ask = { do: 'ask', name: 'ask' };
  one.send({ is: 'a', effects: [ask] });
  one.send({ is: 'b', effects: [ask] });
  answers[1]('new');
  answers[0]('old');
  await settle();
  assert.deepEqual(one.state(), ['a', 'b', 'new']);
  one.send({ is: 'c', effects: [ask] });
  one.send({ is: 'd', effects: [cancel('ask')] });
  answers[2]('called off');
  await settle();
  assert.deepEqual(one.state(), ['a', 'b', 'new', 'c', 'd']);
});

test('questions without a name are all answered', async () => {
  const { answers, perform, settle } = questions();
  const one = noting(perform);
  one.send({ is: 'a', effects: [{ do: 'ask' }, { do: 'ask' }] });
  for (const answer of answers) answer('answered');
  await settle();
  assert.deepEqual(one.state(), ['a', 'answered', 'answered']);
});

test('a view that has ended hears nothing and does nothing', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const { answers, perform, settle } = questions();
  try {
    const one = noting(perform);
    one.send({ is: 'a', effects: [{ do: 'ask' }, after('t', 10, { is: 'timer' })] });
    one.stop();
    answers[0]('answer');
    mock.timers.tick(100);
    await settle();
    one.send({ is: 'b' });
    assert.deepEqual(one.state(), ['a']);
  } finally {
    mock.timers.reset();
  }
});
