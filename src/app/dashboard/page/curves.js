// The charts over windows and time: losses, tasks, sizes, throughput, processes.
import { Chart } from './charts.js';
import { choice, find } from './dom.js';
import { bytes, compact, known } from './format.js';
import { inOrder } from './model.js';

const kTaskColors = ['blue', 'orange', 'green', 'purple', 'sky', 'yellow', 'red'];
const kMostProcesses = 12;
const kSmoothing = 9; // windows that throughput is the mean of

let log = false;
const charts = new Map();

// Makes a chart again where what it consists of has changed.
function chart(id, key, options) {
  const there = charts.get(id);
  if (there?.key === key) return there.chart;
  there?.chart.destroy();
  const place = find(`#${id} .chart`);
  place.replaceChildren();
  const made = new Chart(place, options());
  charts.set(id, { key, chart: made });
  return made;
}

// One x axis for columns of their own windows each: [x, values...] with null where a column has nothing.
export function align(columns) {
  const x = [...new Set(columns.flatMap(({ window }) => window))].sort((a, b) => a - b);
  const place = new Map(x.map((window, i) => [window, i]));
  return [
    x,
    ...columns.flatMap(({ window, values }) =>
      values.map((column) => {
        if (window.length === x.length) return column;
        const out = new Array(x.length).fill(null);
        window.forEach((at, i) => {
          out[place.get(at)] = column[i];
        });
        return out;
      }),
    ),
  ];
}

function showLoss(model) {
  const heldout = model.curves.get('heldout') ?? { window: [], value: [] };
  const plain = model.curves.get('baseline_heldout') ?? { window: [], value: [] };
  const baseline = model.baseline_loss.some(known);
  const few = (curve) => curve.window.length < 60;
  const series = [
    { label: 'train', color: 'blue' },
    { label: 'highest miner', color: 'blue', hidden: true, band: true },
    { label: 'lowest miner', color: 'blue', hidden: true },
    { label: 'held-out', color: 'orange', width: 2.4, points: few(heldout) },
  ];
  const values = [
    { window: model.window, values: [model.loss, model.loss_high, model.loss_low] },
    { window: heldout.window, values: [heldout.value] },
  ];
  if (plain.window.length) {
    series.push({ label: 'plain AdamW held-out', color: 'purple', dash: [6, 4], width: 2, points: few(plain) });
    values.push({ window: plain.window, values: [plain.value] });
  }
  if (baseline) {
    series.push({ label: 'plain AdamW train', color: 'dim', dash: [2, 3], width: 1.2 });
    values.push({ window: model.window, values: [model.baseline_loss] });
  }
  const key = `${log} ${series.map(({ label, points }) => label + points)}`;
  chart('loss', key, () => ({ series, log })).show(align(values));
}

function showTasks(model) {
  const names = [...model.curves.keys()].filter((name) => name.startsWith('task '));
  find('#tasks').hidden = names.length === 0;
  if (names.length === 0) return;
  const curves = names.map((name) => model.curves.get(name));
  const series = names.map((name, i) => ({
    label: name.slice(5).replace(/,none$/, ''),
    color: kTaskColors[i % kTaskColors.length],
    digits: 3,
    points: curves[i].window.length < 60,
    dash: i >= kTaskColors.length ? [6, 3] : undefined,
  }));
  chart('tasks', names.join(), () => ({ series })).show(
    align(curves.map(({ window, value }) => ({ window, values: [value] }))),
  );
}

function showSizes(model) {
  const whole = 4 * (model.run.parameters ?? 0);
  const series = [{ label: 'kB', color: 'blue', digits: 1 }];
  const values = [model.bytes.map((size) => (known(size) ? size / 1000 : null))];
  if (whole) {
    series.push({ label: 'ratio', color: 'orange', scale: 'ratio', text: (value) => `1/${value.toFixed(1)}` });
    values.push(model.bytes.map((size) => (known(size) && size > 0 ? whole / size : null)));
  }
  chart('bytes', String(whole > 0), () => ({
    series,
    axes: { ratio: (value) => (value > 0 ? `1/${value.toFixed(0)}` : '') },
    low: 0,
  })).show(align([{ window: model.window, values }]));
}

// Over some windows each, because one window's end is as exact as its reports' times.
function throughput(model) {
  return model.window.map((_, i) => {
    const from = Math.max(0, i - kSmoothing);
    const seconds = (model.time_ms[i] - model.time_ms[from]) / 1000;
    if (!(seconds > 0) || !known(model.time_ms[from])) return null;
    let tokens = 0;
    for (let k = from + 1; k <= i; ++k) tokens += model.tokens[k] ?? 0;
    return tokens / seconds;
  });
}

function showProcesses(model) {
  const there = model.system.length > 0;
  find('#cpu').hidden = find('#memory').hidden = !there;
  if (!there) return;
  const nodes = inOrder(model, [...new Set(model.system.map(([node]) => node))]).slice(0, kMostProcesses);
  const series = (digits) =>
    nodes.map((node, i) => ({
      label: model.status.nodes[node],
      color: kTaskColors[i % kTaskColors.length],
      digits,
      dash: i >= kTaskColors.length ? [6, 3] : undefined,
    }));
  const columns = (field, scale) =>
    align(
      nodes.map((node) => {
        const samples = model.system.filter((sample) => sample[0] === node);
        return {
          window: samples.map(([, time]) => time / 1000),
          values: [samples.map((sample) => (known(sample[field]) ? sample[field] * scale : null))],
        };
      }),
    );
  chart('cpu', nodes.join(), () => ({ series: series(0), over: 'time', low: 0 })).show(columns(2, 1));
  chart('memory', nodes.join(), () => ({ series: series(2), over: 'time', low: 0 })).show(columns(3, 1e-9));
}

function showThroughput(model) {
  chart('tokens', '', () => ({
    series: [{ label: `mean of ${kSmoothing} windows`, color: 'green', text: compact }],
    axes: { y: compact },
    low: 0,
  })).show(align([{ window: model.window, values: [throughput(model)] }]));
}

// Each is drawn by itself, so that none of them holds the page up.
export const curveViews = [showLoss, showTasks, showSizes, showThroughput, showProcesses];

export function beginCurves(model) {
  choice(
    find('#loss-scale'),
    [
      [false, 'linear'],
      [true, 'log'],
    ],
    log,
    (chosen) => {
      log = chosen;
      if (model.status) showLoss(model);
    },
  );
}

// What the miners' dialog shows of one of them.
export function minerCharts(place, history) {
  const panels = [
    ['weight', [{ label: 'weight', color: 'blue' }], [history.weight], 0],
    ['rating', [{ label: 'rating', color: 'green', digits: 2 }], [history.ordinal]],
    [
      'scores',
      [
        { label: 'indicator', color: 'purple', digits: 3 },
        { label: 'sync', color: 'sky', digits: 3 },
        { label: 'final', color: 'orange', digits: 3 },
      ],
      [history.binary_average, history.sync_score, history.final_score],
    ],
    [
      'its effect',
      [
        { label: 'lowers loss on its samples by', color: 'blue', points: true, width: 0 },
        { label: 'on others by', color: 'orange', points: true, width: 0 },
      ],
      [history.own_gain, history.random_gain],
    ],
    ['loss', [{ label: 'train loss', color: 'blue' }], [history.loss]],
    ['bytes', [{ label: 'contribution', color: 'orange', text: bytes }], [history.bytes], 0],
  ];
  return panels.map(([name, series, values, low], i) => {
    const made = new Chart(place[i], { series, low, axes: name === 'bytes' ? { y: bytes } : {} });
    made.show(align([{ window: history.window, values }]));
    return made;
  });
}
