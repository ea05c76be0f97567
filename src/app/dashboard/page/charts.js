// Charts over windows or time, all with the same zoom.
import uPlot from 'uplot';
import { color } from './dom.js';
import { clock, kUnknown, known } from './format.js';

const charts = new Set();
const kWholeSteps = [1, 2, 5]
  .flatMap((step) => [0, 1, 2, 3, 4, 5, 6, 7].map((power) => step * 10 ** power))
  .sort((a, b) => a - b);
// What all charts over windows show: {last: n}, {min, max}, or everything.
let view = {};
let onZoom = () => {};

export function setView(next) {
  view = next;
  for (const chart of charts) if (chart.overWindows) chart.draw();
}
export const whenZoomed = (told) => {
  onZoom = told;
};
export const redrawCharts = () => charts.forEach((chart) => chart.rebuild());

function rangeOf(min, max) {
  if (min === null || max === null) return [0, 1];
  if (view.last) return [Math.max(min, max - view.last), Math.max(max, min + 1)];
  if (view.max !== undefined) return [view.min, view.max];
  return [min, Math.max(max, min + 1)];
}

// Values at which a logarithmic axis has lines: enough of them also within one decade.
function logSplits(low, high) {
  const steps =
    high / low > 30
      ? [1, 2, 5]
      : high / low > 4
        ? [1, 1.5, 2, 3, 4, 5, 6, 8]
        : [1, 1.2, 1.5, 1.8, 2, 2.2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 7, 8, 9];
  const splits = [];
  for (let decade = Math.floor(Math.log10(low)); decade <= Math.ceil(Math.log10(high)); ++decade) {
    for (const step of steps) {
      const value = step * 10 ** decade;
      if (value >= low && value <= high) splits.push(value);
    }
  }
  return splits;
}

// What is measured at some windows only is shown as of the last of them.
function nearestKnown(column, at) {
  for (let i = at; i >= 0 && i > at - 400; --i) if (known(column[i])) return i;
  return at;
}

// options: series [{label, color, dash, width, digits | text, scale, points, hidden, band}], over ('windows' or 'time'), log,
// axes {scale: text of a value}, low (a value that the axis reaches down to).
export class Chart {
  constructor(place, options) {
    this.place = place;
    this.options = options;
    this.overWindows = options.over !== 'time';
    this.data = null;
    this.plot = null;
    this.width = 0;
    this.near = false;
    this.stale = false;
    charts.add(this);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(place);
    // What nobody can see is drawn when somebody scrolls towards it.
    this.sight = new IntersectionObserver(
      ([entry]) => {
        this.near = entry.isIntersecting;
        if (this.near && this.stale) this.draw();
      },
      { rootMargin: '300px' },
    );
    this.sight.observe(place);
  }

  destroy() {
    charts.delete(this);
    this.observer.disconnect();
    this.sight.disconnect();
    this.plot?.destroy();
  }

  resize() {
    const width = this.place.clientWidth;
    if (width === 0 || width === this.width) return;
    this.width = width;
    if (this.plot) this.plot.setSize({ width, height: this.height() });
    else if (this.data) this.rebuild();
  }

  // The plot's alone: its legend has as many lines as it needs.
  height() {
    return Number.parseInt(getComputedStyle(this.place).getPropertyValue('--plot'), 10);
  }

  // data: [x, values of each series].
  show(data) {
    this.data = data;
    this.draw();
  }

  draw() {
    this.stale = !this.near;
    if (!this.data || this.stale) return;
    if (this.plot) {
      this.plot.setData(this.data);
      this.showNewest();
    } else if (this.place.clientWidth > 0) this.rebuild();
  }

  // While nobody points at the chart, its legend has the newest values.
  showNewest() {
    if (this.plot.cursor.left >= 0) return;
    this.plot.setLegend({ idxs: this.data.map((column) => Math.max(0, column.findLastIndex(known))) }, false);
  }

  rebuild() {
    this.stale = !this.near;
    if (!this.data || this.place.clientWidth === 0) return;
    this.plot?.destroy();
    this.plot = null;
    if (this.stale) return;
    this.width = this.place.clientWidth;
    this.plot = new uPlot(this.plotOptions(), this.data, this.place);
    this.plot.over.addEventListener('mouseleave', () => this.showNewest());
    // After the library's own first drawing, which is queued.
    queueMicrotask(() => this.showNewest());
  }

  plotOptions() {
    const { series, log, axes = {}, low } = this.options;
    const scales = {
      x: { time: !this.overWindows, range: this.overWindows ? (_, min, max) => rangeOf(min, max) : undefined },
    };
    const grid = { stroke: color('grid'), width: 1 };
    const axis = {
      stroke: color('dim'),
      grid,
      ticks: { show: false },
      font: '11px system-ui, "DejaVu Sans", sans-serif',
      gap: 6,
    };
    const times = (_, splits) =>
      splits.map((seconds) => clock(seconds * 1000).slice(0, splits[1] - splits[0] < 60 ? 8 : 5));
    const drawn = [
      { ...axis, size: 26, space: 70, ...(this.overWindows ? { incrs: kWholeSteps } : { values: times }) },
    ];
    const names = [...new Set(series.map((one) => one.scale ?? 'y'))];
    names.forEach((name, i) => {
      scales[name] = log
        ? { distr: 3, range: (_, min, max) => [min / 1.04, max * 1.04] }
        : { range: (_, min, max) => this.linearRange(min, max, low) };
      drawn.push({
        ...axis,
        scale: name,
        side: i === 0 ? 3 : 1,
        size: 52,
        grid: i === 0 ? grid : { show: false },
        space: 36,
        values: (_, splits) =>
          splits.map((value) =>
            value === null ? '' : axes[name] ? axes[name](value) : String(Number(value.toPrecision(6))),
          ),
        ...(log ? { splits: (_, __, min, max) => logSplits(min, max), filter: (_, splits) => splits } : {}),
      });
    });
    return {
      width: this.width,
      height: this.height(),
      scales,
      axes: drawn,
      padding: [10, names.length > 1 ? 0 : 14, 0, 0],
      series: [
        {
          label: this.overWindows ? 'window' : 'time',
          value: (_, value) => (!known(value) ? kUnknown : this.overWindows ? String(value) : clock(value * 1000)),
        },
        ...series.map((one) => this.seriesOptions(one)),
      ],
      bands: series.flatMap((one, i) => (one.band ? [{ series: [i + 2, i + 1], fill: color('band') }] : [])),
      legend: { live: true },
      cursor: {
        sync: this.overWindows ? { key: 'windows', setSeries: false } : undefined,
        drag: { x: true, y: false, setScale: !this.overWindows },
        points: { size: 7 },
        dataIdx: (plot, series, at) => nearestKnown(plot.data[series], at),
      },
      hooks: this.overWindows
        ? {
            setSelect: [(plot) => this.zoom(plot)],
            ready: [
              (plot) =>
                plot.over.addEventListener('dblclick', () => {
                  setView({});
                  onZoom(view);
                }),
            ],
          }
        : {},
    };
  }

  linearRange(min, max, low) {
    if (min === null || max === null) return [0, 1];
    const least = low === undefined ? min : Math.min(low, min);
    const margin = (max - least || Math.abs(max) || 1) * 0.06;
    return [low === undefined ? least - margin : least, max + margin];
  }

  seriesOptions({ label, color: name, dash, width = 1.6, digits = 4, text, scale = 'y', points = false, hidden }) {
    return {
      label,
      scale,
      dash,
      width: hidden ? 0 : width,
      spanGaps: true,
      stroke: hidden ? 'transparent' : color(name),
      points: { show: points, size: 5, fill: color(name) },
      value: (_, value) => (known(value) ? (text ? text(value) : value.toFixed(digits)) : kUnknown),
      class: hidden ? 'unlisted' : undefined,
    };
  }

  zoom(plot) {
    const { left, width } = plot.select;
    if (width < 4) return;
    setView({ min: Math.floor(plot.posToVal(left, 'x')), max: Math.ceil(plot.posToVal(left + width, 'x')) });
    onZoom(view);
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }
}

// A small line without axes. The newest value is at the right edge.
export function sparkline(canvas, values, name) {
  const ratio = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (width === 0) return;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const shown = values.filter(known);
  if (shown.length < 2) return;
  const pen = canvas.getContext('2d');
  pen.scale(ratio, ratio);
  const least = Math.min(...shown);
  const spread = Math.max(...shown) - least || 1;
  pen.strokeStyle = color(name);
  pen.lineWidth = 1.5;
  pen.lineJoin = 'round';
  pen.beginPath();
  shown.forEach((value, i) =>
    pen.lineTo(1 + (i / (shown.length - 1)) * (width - 2), height - 2 - ((value - least) / spread) * (height - 4)),
  );
  pen.stroke();
}
