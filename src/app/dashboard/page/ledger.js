// State roots, and what went wrong.
import { choice, element, find, setText } from './dom.js';
import { clock, kUnknown, whole } from './format.js';
import { faultsInAll, inOrder } from './model.js';

const kRootRows = 12;
const kFaultRows = 60;
const kKinds = [
  ['all', 'all'],
  ['verdict', 'verdicts'],
  ['slash', 'slashes'],
  ['log', 'logs'],
  ['divergence', 'divergence'],
];

let kind = 'all';
let rootsKey = '';
let faultsKey = '';

export function beginLedger(model) {
  choice(find('#faults-kind'), kKinds, kind, (chosen) => {
    kind = chosen;
    if (model.status) showFaultList(model);
  });
}

// The right root as the server sees it: that of the nodes which do not differ.
function rootCells({ reports }, nodes, apart) {
  return nodes.map(({ node, name }) => {
    const root = reports.find((report) => report.node === node)?.root;
    if (!root) return element('td', {}, element('span', { class: 'unsaid', title: `${name}: not reported` }, '·'));
    if (apart.includes(node))
      return element(
        'td',
        {},
        element('span', { class: 'differ', title: `${name}: ${root}` }, `✕ ${root.slice(0, 4)}`),
      );
    return element('td', {}, element('span', { class: 'agree', title: `${name}: ${root}` }, '✓'));
  });
}

export function showRoots(model) {
  const details = model.newestDetails(kRootRows).reverse();
  const places = new Map(model.window.slice(-80).map((window, i) => [window, Math.max(0, model.rows - 80) + i]));
  const apartIn = (window) => model.differ[places.get(window)] ?? [];
  const key = JSON.stringify(details.map(({ window, reports }) => [window, reports.map(({ root }) => root)]));
  if (key === rootsKey) return;
  rootsKey = key;
  const told = new Set(details.flatMap(({ reports }) => reports.filter(({ root }) => root).map(({ node }) => node)));
  const nodes = inOrder(model, [...told]).map((node) => ({ node, name: model.status.nodes[node] }));
  const short = (name) => name.replace('miner-', 'm').replace('validator-', 'v').replace('evaluator', 'ev');
  find('#roots thead').replaceChildren(
    element(
      'tr',
      {},
      element('th', {}, 'window'),
      element('th', { class: 'hash' }, 'root'),
      ...nodes.map(({ name }) => element('th', { title: name }, short(name))),
    ),
  );
  find('#roots tbody').replaceChildren(
    ...details.map((detail) => {
      const apart = apartIn(detail.window);
      const right = detail.reports.find(({ node, root }) => root && !apart.includes(node))?.root ?? kUnknown;
      return element(
        'tr',
        { class: apart.length ? 'bad' : null },
        element('td', {}, String(detail.window)),
        element('td', { class: 'hash', title: right }, right.slice(0, 8)),
        ...rootCells(detail, nodes, apart),
      );
    }),
  );
}

// Windows in which roots differ are faults as well.
function divergences(model) {
  const found = [];
  for (let i = model.rows - 1; i >= 0 && found.length < kFaultRows; --i) {
    if (!model.differ[i]) continue;
    const window = model.window[i];
    const source = inOrder(model, model.differ[i])
      .map((node) => model.status.nodes[node])
      .join(', ');
    const later = found[found.length - 1];
    if (later?.source === source && later.first === window + 1) {
      later.first = window;
      ++later.count;
    } else {
      found.push({
        id: `r${window}`,
        kind: 'divergence',
        source,
        text: "its state root is not the network's",
        count: 1,
        first: window,
        last: window,
        time: model.time_ms[i],
      });
    }
  }
  return found;
}

export function showFaultList(model) {
  const wanted = ({ kind: is }) =>
    kind === 'all' || kind === is || (kind === 'log' && (is === 'warning' || is === 'error'));
  const list = [...model.faults.values(), ...divergences(model)]
    .filter(wanted)
    .sort((a, b) => (b.last ?? 0) - (a.last ?? 0) || b.time - a.time);
  const key = kind + JSON.stringify(list.map(({ id, count }) => [id, count]));
  setText(
    find('#faults-count'),
    faultsInAll(model) ? `${whole(faultsInAll(model))} in all; the same thing again is counted` : '',
  );
  if (key === faultsKey) return;
  faultsKey = key;
  find('#faults .empty').hidden = list.length > 0;
  find('#faults ol').replaceChildren(
    ...list.slice(0, kFaultRows).map((fault) => {
      const windows =
        fault.last === null
          ? fault.time
            ? clock(fault.time)
            : ''
          : fault.first === fault.last
            ? `window ${fault.last}`
            : `windows ${fault.first}–${fault.last}`;
      return element(
        'li',
        {},
        element('span', { class: `kind ${fault.kind}` }, fault.kind),
        element('span', {}, fault.source),
        element('span', {}, fault.text),
        element('span', { class: 'dim' }, `${fault.count > 1 ? `${whole(fault.count)}× · ` : ''}${windows}`),
      );
    }),
  );
}
