// Payments per second over the last five minutes. uPlot draws it where the package is installed; otherwise a plain SVG
// drawing of ours does, and the card says what is missing.

import { el, svg } from '/assets/elements.js';
import { clockTimeSeconds, digits, t } from '/assets/i18n.js';

/** @import { Today } from '../types/answers.js' */

/** @typedef {[seconds: number[], counts: number[]]} Data */
/** @typedef {{ width: number, setData(data: Data): void, setSize(size: object): void, destroy(): void }} Plot */
/** @typedef {new (options: object, data: Data, place: Element) => Plot} PlotMaker */

const SECONDS = 300;
const HEIGHT = 240;
const WIDTH_MIN = 200;
const COLUMN_SECONDS = 5;

/** One bucket per second up to the last complete one, missing seconds as zero. @param {Today} today @returns {Data} */
function filled(today) {
  const end = Math.floor(today.now_ms / 1_000) - 1;
  const counts = new Map(today.payments_per_second.map((bucket) => [Math.floor(bucket.at_ms / 1_000), bucket.count]));
  const seconds = Array.from({ length: SECONDS }, (_, index) => end - SECONDS + 1 + index);
  return [seconds, seconds.map((second) => counts.get(second) ?? 0)];
}

/** @param {string} name */
function address(name) {
  const meta = document.querySelector(`meta[name="${name}"]`);
  return meta instanceof HTMLMetaElement ? meta.content : '';
}

/** The package's script, then its style; throws where the package is not installed. @returns {Promise<PlotMaker>} */
async function loadPlot() {
  const { default: plot } = await import(address('uplot'));
  if (!document.querySelector('link[data-uplot]')) {
    const style = el('link', { rel: 'stylesheet', href: address('uplot-style'), 'data-uplot': true });
    await new Promise((resolve) => {
      style.addEventListener('load', resolve);
      style.addEventListener('error', resolve);
      document.head.append(style);
    });
  }
  return plot;
}

/** @param {string} name */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** @param {number} width */
function plotOptions(width) {
  const font = `12px ${colour('--sans')}`;
  const grid = { stroke: colour('--line'), width: 1 };
  const axis = { stroke: colour('--ink-soft'), font, grid, ticks: { show: false } };
  const accent = colour('--accent');
  const fill = `color-mix(in srgb, ${accent} 16%, transparent)`;
  /** @param {unknown} _ @param {number[]} ticks */
  const times = (_, ticks) => ticks.map((second) => clockTimeSeconds(second * 1_000));
  /** @param {unknown} _ @param {number[]} ticks */
  const counts = (_, ticks) => ticks.map((count) => (Number.isInteger(count) ? digits(count) : ''));
  /** @param {unknown} _ @param {unknown} __ @param {number} largest */
  const range = (_, __, largest) => [0, Math.max(5, Math.ceil(largest * 1.15))];
  return {
    width: Math.max(WIDTH_MIN, width),
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { size: 8, fill: accent } },
    scales: { x: { time: true }, y: { range } },
    axes: [{ ...axis, space: 90, size: 32, values: times }, { ...axis, size: 44, values: counts }],
    series: [{}, { stroke: accent, width: 2, fill, points: { show: false } }],
  };
}

/** The simple drawing: one column per five seconds, no axes but the words beside it. @param {Data} data */
function simplePlot([, counts]) {
  const columns = Array.from({ length: SECONDS / COLUMN_SECONDS }, (_, index) => {
    const part = counts.slice(index * COLUMN_SECONDS, (index + 1) * COLUMN_SECONDS);
    return part.reduce((sum, count) => sum + count, 0) / COLUMN_SECONDS;
  });
  const largest = Math.max(0.4, ...columns);
  const bars = columns.map((value, index) => {
    const height = (96 * value) / largest;
    return svg('rect', { x: index + 0.12, y: 100 - height, width: 0.76, height });
  });
  return svg('svg', {
    viewBox: `0 0 ${columns.length} 100`, preserveAspectRatio: 'none', class: 'rate-simple', 'aria-hidden': 'true',
    focusable: 'false',
  }, ...bars);
}

/**
 * The drawing itself; `missing` is shown where the package is not installed.
 * @param {HTMLElement} canvas @param {HTMLElement} missing
 */
function plotIn(canvas, missing) {
  /** @type {PlotMaker | null} */
  let maker = null;
  /** @type {Plot | null} */
  let plot = null;
  /** @type {Data | null} */
  let data = null;
  const scheme = matchMedia('(prefers-color-scheme: dark)');

  function end() {
    plot?.destroy();
    plot = null;
  }

  function build() {
    end();
    canvas.replaceChildren();
    if (maker !== null && data !== null) plot = new maker(plotOptions(canvas.clientWidth), data, canvas);
  }

  function draw() {
    if (data === null) return;
    if (plot !== null) plot.setData(data);
    else if (maker === null && !missing.hidden) canvas.replaceChildren(simplePlot(data));
  }

  const resized = new ResizeObserver(() => {
    if (plot === null || Math.abs(plot.width - canvas.clientWidth) <= 1) return;
    plot.setSize({ width: Math.max(WIDTH_MIN, canvas.clientWidth), height: HEIGHT });
  });

  return {
    /** @param {Data} next */
    show(next) {
      data = next;
      draw();
    },
    async start() {
      resized.observe(canvas);
      scheme.addEventListener('change', build);
      try {
        maker = await loadPlot();
        if (canvas.isConnected) build();
      } catch {
        missing.hidden = false;
        draw();
      }
    },
    stop() {
      resized.disconnect();
      scheme.removeEventListener('change', build);
      end();
    },
  };
}

export function rateChart() {
  const canvas = el('div', { class: 'rate-canvas', role: 'img' });
  const missing = el('p', { class: 'note', hidden: true }, t('no_uplot'));
  const now = el('strong', { class: 'number' });
  const peak = el('strong', { class: 'number' });
  const total = el('strong', { class: 'number' });
  const plot = plotIn(canvas, missing);
  const element = el('div', { class: 'rate' },
    el('p', { class: 'soft small' }, t('per_second_lead')),
    el('dl', { class: 'rate-figures' },
      el('div', {}, el('dt', {}, t('now_rate')), el('dd', {}, now)),
      el('div', {}, el('dt', {}, t('peak_rate')), el('dd', {}, peak)),
      el('div', {}, el('dt', {}, t('total_5_min')), el('dd', {}, total))),
    canvas, missing);
  return {
    element,
    /** @param {Today} today */
    update(today) {
      const data = filled(today);
      const counts = data[1];
      const words = {
        now: digits(counts[counts.length - 1]), peak: digits(Math.max(...counts)),
        total: digits(counts.reduce((sum, count) => sum + count, 0)),
      };
      now.textContent = words.now;
      peak.textContent = words.peak;
      total.textContent = words.total;
      canvas.setAttribute('aria-label', t('per_second_spoken', words));
      plot.show(data);
    },
    start: plot.start,
    stop: plot.stop,
  };
}
