// The table of miners: what the validator thinks of each, and why.
import { minerCharts } from './curves.js';
import { element, find, hideTip, setText, showTip } from './dom.js';
import { fixed, known, signed, whole } from './format.js';
import { ask } from './server.js';

const kMarks = 16;
const kSigns = { accepted: '✓', missing: '–', invalid: '×', too_late: 'L', too_early: 'E', no_key: 'K', wrong_key: '×' };
const kColumns = [
  ['uid', 'Miner', ''],
  ['weight', 'Weight', 'Share of the reward'],
  ['score', 'Score', 'Rating, indicator and sync together'],
  ['ordinal', 'Rating', 'OpenSkill: mu less three sigma'],
  ['indicator', 'Indicator', 'Average of better or worse on its own data, -1 to 1'],
  ['gradient', 'Gradient', 'How much its contribution lowered the loss'],
  ['sync', 'Sync', "1: its model is the network's"],
  ['loss', 'Loss', 'Mean train loss of its newest window'],
  ['verdict', 'Last verdicts', 'Newest at the right; point at one for its reason'],
];

let model = null;
let sortBy = 'weight';
let descending = true;
let openCharts = [];
const rows = new Map();
const place = find('#miners');
const dialog = find('#miner');

export const verdictName = (verdict) => (verdict || 'not judged').replace('_', ' ');

export function beginMiners(theModel) {
  model = theModel;
  find('thead', place).replaceChildren(
    element(
      'tr',
      {},
      ...kColumns.map(([key, label, title]) =>
        element(
          'th',
          { scope: 'col', class: key === 'verdict' ? 'left' : null, 'data-key': key },
          element('button', { type: 'button', title, onclick: () => sort(key) }, label),
        ),
      ),
    ),
  );
  find('#verdict-legend').replaceChildren(
    ...Object.keys(kSigns).map((verdict) =>
      element('span', {}, element('span', { class: `mark ${verdict}` }, kSigns[verdict]), verdictName(verdict)),
    ),
  );
  place.addEventListener('pointerover', explain);
  place.addEventListener('pointerout', hideTip);
  place.addEventListener('click', (event) => {
    if (event.target.closest('.mark')) return explain(event);
    const row = event.target.closest('tbody tr');
    if (row) open(Number(row.dataset.uid));
  });
  dialog.addEventListener('close', () => openCharts.splice(0).forEach((chart) => chart.destroy()));
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
}

function explain(event) {
  const mark = event.target.closest('[data-why]');
  if (mark) showTip(mark.dataset.why, event.clientX, event.clientY);
}

function sort(key) {
  descending = key === sortBy ? !descending : key !== 'uid';
  sortBy = key;
  showMiners();
}

function sorted() {
  const value = (miner) => (sortBy === 'verdict' ? miner.verdict : miner[sortBy]);
  const compare = (a, b) => {
    const [left, right] = [value(a), value(b)];
    if (typeof left === 'string') return left.localeCompare(right);
    if (!known(left) || !known(right)) return known(right) - known(left);
    return descending ? right - left : left - right;
  };
  const list = model.miners.slice().sort((a, b) => compare(a, b) || a.uid - b.uid);
  return sortBy === 'verdict' && descending ? list.reverse() : list;
}

export function showMiners() {
  if (!model?.status) return;
  find('.empty', place).hidden = model.miners.length > 0;
  find('.scroll', place).hidden = model.miners.length === 0;
  setText(
    find('#miners-count'),
    model.miners.length ? `${whole(model.miners.length)}, as the validator judges them` : '',
  );
  for (const head of place.querySelectorAll('th')) {
    if (head.dataset.key === sortBy) head.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
    else head.removeAttribute('aria-sort');
  }
  const most = Math.max(...model.miners.map(({ weight }) => weight ?? 0), 1e-9);
  const details = model.newestDetails(kMarks);
  const body = find('tbody', place);
  const list = sorted().map((miner) => rowOf(miner, most, details));
  if (list.length !== body.children.length || list.some((row, i) => body.children[i] !== row))
    body.replaceChildren(...list);
}

// The row of a miner stays the same element, so that focus and selection do not get lost.
function rowOf(miner, most, details) {
  if (!rows.has(miner.uid)) rows.set(miner.uid, makeRow(miner.uid));
  const row = rows.get(miner.uid);
  const [weightBar, weightText] = find('.weight', row).children;
  find('i', weightBar).style.width = `${((miner.weight ?? 0) / most) * 100}%`;
  setText(weightText, fixed(miner.weight, 4));
  const cells = row.children;
  [
    fixed(miner.score, 3),
    fixed(miner.ordinal, 2),
    signed(miner.indicator, 3),
    signed(miner.gradient, 5),
    fixed(miner.sync, 3),
    fixed(miner.loss, 4),
  ].forEach((text, i) => setText(cells[i + 2], text));
  cells[3].title = `mu ${fixed(miner.mu, 2)}, sigma ${fixed(miner.sigma, 2)}`;
  cells[4].className = miner.indicator < 0 ? 'down' : '';
  cells[5].className = miner.gradient < 0 ? 'down' : '';
  cells[6].className = miner.sync < 1 ? 'down' : '';
  showMarks(cells[8].firstChild, miner, details);
  return row;
}

function makeRow(uid) {
  const row = element(
    'tr',
    { 'data-uid': uid },
    element('td', {}, element('button', { type: 'button', class: 'link', title: 'Its whole history' }, `miner-${uid}`)),
    element('td', {}, element('span', { class: 'weight' }, element('div', {}, element('i')), element('span'))),
  );
  for (let i = 0; i < 6; ++i) row.append(element('td'));
  row.append(element('td', { class: 'left' }, element('span', { class: 'marks' })));
  return row;
}

function showMarks(marks, miner, details) {
  const list = details.map(({ window, verdicts }) => ({
    window,
    ...(verdicts.find(({ uid }) => uid === miner.uid) ?? {}),
  }));
  const key = list.map(({ window, verdict }) => `${window}${verdict}`).join();
  if (marks.dataset.key === key) return;
  marks.dataset.key = key;
  marks.setAttribute('role', 'img');
  marks.setAttribute(
    'aria-label',
    list
      .map(({ window, verdict }) => `window ${window}: ${verdictName(verdict)}`)
      .slice(-4)
      .join(', '),
  );
  marks.replaceChildren(
    ...list.map(({ window, verdict, reason }) =>
      element(
        'span',
        {
          class: `mark ${verdict ?? 'none'}`,
          'data-why': `window ${window}: ${verdictName(verdict)}${reason ? `\n${reason}` : ''}`,
        },
        verdict ? (kSigns[verdict] ?? '?') : '',
      ),
    ),
  );
}

async function open(uid) {
  const history = await ask(`/api/miner?uid=${uid}`);
  setText(find('#miner-name'), `miner-${uid}`);
  const places = [0, 1, 2, 3, 4, 5].map(() => element('div', { class: 'chart' }));
  find('.charts', dialog).replaceChildren(...places);
  find('tbody', dialog).replaceChildren(
    ...history.verdicts.map(([window, verdict, reason]) =>
      element(
        'tr',
        {},
        element('td', {}, `window ${window}`),
        element(
          'td',
          {},
          element('span', { class: `mark ${verdict}`, style: { display: 'inline-block' } }, kSigns[verdict] ?? '?'),
          ` ${verdictName(verdict)}`,
        ),
        element('td', {}, reason),
      ),
    ),
  );
  dialog.showModal();
  openCharts = minerCharts(places, history);
}
