// What each node was busy with, window by window.
import { choice, color, element, find, hideTip, setText, showTip } from './dom.js';
import { clock, duration, percent } from './format.js';
import { inOrder } from './model.js';
import { ask } from './server.js';

export const kPhaseColors = {
  train: 'blue',
  publish: 'orange',
  gather: 'purple',
  apply: 'green',
  evaluate: 'sky',
  checkpoint: 'yellow',
  catch_up: 'red',
};
const kRow = 22;
const kNames = 92;
const kHead = 22;

let model = null;
let count = 6;
let upTo = Infinity; // the last window shown
let drawn = []; // rectangles with what they say
let shown = [];

const phaseName = (phase) => model.status.phases[phase].replace('_', ' ');
const place = find('#timeline');
const frame = find('.gantt', place);
const canvas = find('canvas', frame);

export function beginTimeline(theModel) {
  model = theModel;
  choice(
    find('#timeline-count'),
    [
      [3, '3'],
      [6, '6'],
      [12, '12'],
      [24, '24'],
      [48, '48'],
    ].map(([n, label]) => [n, label, `${n} windows`]),
    count,
    (chosen) => {
      count = chosen;
      load();
    },
  );
  find('#timeline-older').addEventListener('click', () => move(-count));
  find('#timeline-newest').addEventListener('click', () => move(Infinity));
  frame.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -count, PageDown: count, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    move(step);
  });
  frame.addEventListener('pointermove', point);
  frame.addEventListener('pointerdown', point);
  frame.addEventListener('pointerleave', hideTip);
  new ResizeObserver(showTimeline).observe(frame);
  find('#timeline-legend').replaceChildren(
    ...Object.entries(kPhaseColors).map(([phase, name]) =>
      element('span', {}, element('i', { style: { background: `var(--${name})` } }), phase.replace('_', ' ')),
    ),
  );
}

function move(windows) {
  const last = model.lastWindow;
  const to = (upTo === Infinity ? last : upTo) + windows;
  upTo = to >= last ? Infinity : Math.max(count - 1, to);
  load();
}

// Windows that are too old to have come with the news are asked for.
async function load() {
  const last = Math.min(upTo, model.lastWindow);
  if (!model.details.has(Math.max(0, last - count + 1)) && last >= 0) {
    try {
      model.mergeDetails(await ask(`/api/windows?first=${Math.max(0, last - count + 1)}&last=${last}`));
    } catch (error) {
      console.warn(error);
    }
  }
  showTimeline();
}

export function showTimeline() {
  if (!model?.status) return;
  const details = model.newestDetails(count, upTo);
  // While older windows are asked for, what was shown stays: a hidden frame would also lose the keyboard.
  if (details.length === 0 && shown.length > 0) return;
  shown = details;
  const any = drawn.length > 0 || shown.some(({ spans }) => spans.length > 0);
  find('.empty', place).hidden = any || model.rows === 0;
  frame.hidden = !any && model.rows > 0;
  setText(find('#timeline-span'), shown.length ? `windows ${shown[0].window}–${shown[shown.length - 1].window}` : '');
  if (any) draw();
}

function draw() {
  const nodes = inOrder(model, [...new Set(shown.flatMap((detail) => detail.spans.map((span) => span.node)))]);
  if (nodes.length === 0) return;
  const spans = shown.flatMap((detail) =>
    detail.spans.map((span) => ({ ...span, window: detail.window, end: span.start + span.seconds * 1000 })),
  );
  const from = spans.reduce((least, { start }) => Math.min(least, start), Infinity);
  const to = spans.reduce((most, { end }) => Math.max(most, end), from + 1);
  const width = frame.clientWidth;
  const height = kHead + nodes.length * kRow + 4;
  if (width === 0) return;
  const ratio = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    frame.style.minHeight = `${Math.min(height, 460)}px`;
  }
  const x = (time) => kNames + ((time - from) / (to - from)) * (width - kNames - 8);
  const pen = canvas.getContext('2d');
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = '11px system-ui, "DejaVu Sans", sans-serif';
  pen.textBaseline = 'middle';
  drawWindows(pen, spans, x, height);
  drawNodes(pen, nodes, width);
  drawSpans(pen, nodes, spans, x);
}

// A line where each window's first node begins, with the window's number where there is room.
function drawWindows(pen, spans, x, height) {
  let room = 0;
  for (const { window } of shown) {
    const begins = spans.reduce(
      (least, span) => (span.window === window ? Math.min(least, span.start) : least),
      Infinity,
    );
    if (begins === Infinity) continue;
    pen.fillStyle = color('strong-line');
    pen.fillRect(Math.round(x(begins)), 4, 1, height - 4);
    if (x(begins) < room) continue;
    pen.fillStyle = color('dim');
    pen.fillText(String(window), x(begins) + 4, kHead / 2);
    room = x(begins) + 44;
  }
}

function drawNodes(pen, nodes, width) {
  nodes.forEach((node, row) => {
    pen.fillStyle = color('grid');
    pen.fillRect(kNames, kHead + row * kRow + kRow - 1, width - kNames, 1);
    pen.fillStyle = color('text');
    pen.fillText(model.status.nodes[node], 2, kHead + row * kRow + kRow / 2);
  });
}

function drawSpans(pen, nodes, spans, x) {
  const rows = new Map(nodes.map((node, row) => [node, row]));
  const colors = model.status.phases.map((phase) => color(kPhaseColors[phase] ?? 'dim'));
  drawn = spans.map((span) => ({
    span,
    left: x(span.start),
    right: Math.max(x(span.end), x(span.start) + 1.5),
    top: kHead + rows.get(span.node) * kRow + 3,
    height: kRow - 7,
  }));
  for (const { span, left, right, top, height } of drawn) {
    pen.fillStyle = colors[span.phase];
    pen.fillRect(left, top, right - left, height);
  }
}

function point(event) {
  const box = canvas.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  const near = drawn.filter(
    ({ left, right, top, height }) => x >= left - 2 && x <= right + 2 && y >= top && y <= top + height,
  );
  if (near.length === 0) return hideTip();
  const { span } = near.reduce((a, b) =>
    Math.abs((a.left + a.right) / 2 - x) < Math.abs((b.left + b.right) / 2 - x) ? a : b,
  );
  showTip(
    `${model.status.nodes[span.node]}, window ${span.window}\n${phaseName(span.phase)}: ${duration(span.seconds)}, from ${clock(span.start)}`,
    event.clientX,
    event.clientY,
  );
}

// How each node's time was used over the newest windows.
export function showUtilisation(model) {
  const details = model.newestDetails(24);
  const [first, last] = [details[0], details[details.length - 1]];
  const wall = details.length > 1 ? (last.time - first.time) / 1000 : 0;
  setText(find('#utilisation-span'), wall > 0 ? `share of the newest ${details.length} windows' time` : '');
  const newestSample = new Map(model.system.map((sample) => [sample[0], sample]));
  const rows = inOrder(
    model,
    model.status.nodes.map((_, node) => node),
  )
    .map((node) => ({
      name: model.status.nodes[node],
      shares: sharesOf(model, details.slice(1), node, wall),
      sample: newestSample.get(node),
    }))
    .filter(({ shares, sample }) => shares.length || sample);
  find('#utilisation .rows').replaceChildren(
    ...rows.map(({ name, shares, sample }) => {
      const busy = shares.reduce((sum, { share }) => sum + share, 0);
      const facts = sample ? `${Math.round(sample[2] ?? 0)} % CPU, ${((sample[3] ?? 0) / 1e9).toFixed(2)} GB` : '';
      const says = shares.map(({ phase, share }) => `${phase.replace('_', ' ')} ${percent(share)}`).join(', ');
      const train = shares.find(({ phase }) => phase === 'train');
      return element(
        'div',
        { class: 'use', title: says },
        element('span', {}, name),
        element(
          'span',
          { class: 'bar', role: 'img', 'aria-label': says },
          ...shares.map(({ phase, share }) =>
            element('i', {
              style: {
                width: `${(share / Math.max(1, busy)) * 100}%`,
                background: `var(--${kPhaseColors[phase] ?? 'dim'})`,
              },
            }),
          ),
        ),
        element('span', {}, train ? percent(train.share) : percent(busy)),
        element('small', {}, facts),
      );
    }),
  );
}

function sharesOf(model, details, node, wall) {
  if (!(wall > 0)) return [];
  const seconds = new Map();
  for (const { spans, reports } of details) {
    const own = spans.filter((span) => span.node === node);
    for (const { phase, seconds: took } of own)
      seconds.set(model.status.phases[phase], (seconds.get(model.status.phases[phase]) ?? 0) + took);
    const report = own.length === 0 ? reports.find((one) => one.node === node) : undefined;
    if (report?.trainSeconds) seconds.set('train', (seconds.get('train') ?? 0) + report.trainSeconds);
  }
  return [...seconds].map(([phase, took]) => ({ phase, share: took / wall }));
}
