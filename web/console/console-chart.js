// Payments per second over the last five minutes. uPlot draws it where the package is installed; otherwise a plain SVG
// drawing of ours does, and the card says what is missing.

import { el, svg } from '/assets/elements.js';
import { clockTimeSeconds, digits, t } from '/assets/i18n.js';

const SECONDS = 300;
const HEIGHT = 240;

/** One bucket per second up to the last complete one, missing seconds as zero: [seconds], [counts]. */
function filled(today) {
  const end = Math.floor(today.now_ms / 1_000) - 1;
  const counts = new Map(today.payments_per_second.map((bucket) => [Math.floor(bucket.at_ms / 1_000), bucket.count]));
  const seconds = Array.from({ length: SECONDS }, (_, index) => end - SECONDS + 1 + index);
  return [seconds, seconds.map((second) => counts.get(second) ?? 0)];
}

const address = (name) => document.querySelector(`meta[name="${name}"]`).content;

/** The package's script, then its style; throws where the package is not installed. */
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

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function rateChart() {
  const canvas = el('div', { class: 'rate-canvas', role: 'img' });
  const now = el('strong', { class: 'number' });
  const peak = el('strong', { class: 'number' });
  const total = el('strong', { class: 'number' });
  const missing = el('p', { class: 'note', hidden: true }, t('no_uplot'));
  const element = el('div', { class: 'rate' },
    el('p', { class: 'soft small' }, t('per_second_lead')),
    el('dl', { class: 'rate-figures' },
      el('div', {}, el('dt', {}, t('now_rate')), el('dd', {}, now)),
      el('div', {}, el('dt', {}, t('peak_rate')), el('dd', {}, peak)),
      el('div', {}, el('dt', {}, t('total_5_min')), el('dd', {}, total))),
    canvas, missing);

  let UPlot = null;
  let plot = null;
  let data = null;
  let latest = null;
  const scheme = matchMedia('(prefers-color-scheme: dark)');

  function options() {
    const font = `12px ${colour('--sans')}`;
    const axis = { stroke: colour('--ink-soft'), font, grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
    const accent = colour('--accent');
    return {
      width: Math.max(200, canvas.clientWidth),
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, points: { size: 8, fill: accent } },
      scales: { x: { time: true }, y: { range: (_, __, largest) => [0, Math.max(5, Math.ceil(largest * 1.15))] } },
      axes: [
        { ...axis, space: 90, size: 32, values: (_, ticks) => ticks.map((second) => clockTimeSeconds(second * 1_000)) },
        { ...axis, size: 44, values: (_, ticks) => ticks.map((count) => (Number.isInteger(count) ? digits(count) : '')) },
      ],
      series: [{}, { stroke: accent, width: 2, fill: `color-mix(in srgb, ${accent} 16%, transparent)`, points: { show: false } }],
    };
  }

  function build() {
    plot?.destroy();
    plot = null;
    canvas.replaceChildren();
    if (UPlot === null || data === null) return;
    plot = new UPlot(options(), data, canvas);
  }

  // The simple drawing: one column per five seconds, no axes but the words beside it.
  function drawSimply() {
    const step = 5;
    const columns = Array.from({ length: SECONDS / step }, (_, index) => data[1].slice(index * step, index * step + step).reduce((sum, count) => sum + count, 0) / step);
    const largest = Math.max(0.4, ...columns);
    const drawing = svg('svg', { viewBox: `0 0 ${columns.length} 100`, preserveAspectRatio: 'none', class: 'rate-simple', 'aria-hidden': 'true', focusable: 'false' });
    columns.forEach((value, index) => {
      const height = (96 * value) / largest;
      drawing.append(svg('rect', { x: index + 0.12, y: 100 - height, width: 0.76, height }));
    });
    canvas.replaceChildren(drawing);
  }

  function draw() {
    if (data === null) return;
    if (plot !== null) plot.setData(data);
    else if (UPlot === null && !missing.hidden) drawSimply();
  }

  const resized = new ResizeObserver(() => {
    if (plot !== null && Math.abs(plot.width - canvas.clientWidth) > 1) plot.setSize({ width: Math.max(200, canvas.clientWidth), height: HEIGHT });
  });

  return {
    element,
    update(today) {
      data = filled(today);
      const counts = data[1];
      latest = { now: counts.at(-1), peak: Math.max(...counts), total: counts.reduce((sum, count) => sum + count, 0) };
      now.textContent = digits(latest.now);
      peak.textContent = digits(latest.peak);
      total.textContent = digits(latest.total);
      canvas.setAttribute('aria-label', t('per_second_spoken', { now: digits(latest.now), peak: digits(latest.peak), total: digits(latest.total) }));
      draw();
    },
    async start() {
      resized.observe(canvas);
      scheme.addEventListener('change', build);
      try {
        UPlot = await loadPlot();
        if (canvas.isConnected) build();
      } catch {
        missing.hidden = false;
        draw();
      }
    },
    stop() {
      resized.disconnect();
      scheme.removeEventListener('change', build);
      plot?.destroy();
      plot = null;
    },
  };
}
