// The head of the page: who runs, how far it is, and the few numbers that say whether it is well.
import { find, setText } from './dom.js';
import { bytes, compact, duration, fixed, kUnknown, known, median, percent, whole } from './format.js';
import { sparkline } from './charts.js';
import { faultsInAll, inOrder, windowsApart } from './model.js';

const kTrendWindows = 20;
const kPaceWindows = 9;
const kSparkWindows = 60;
const kHealedWindows = 3; // that agree, and a divergence is history

// The newest value that is there, with its place.
function newest(values) {
  for (let i = values.length - 1; i >= 0; --i) if (known(values[i])) return i;
  return -1;
}

function mean(values) {
  const there = values.filter(known);
  return there.length ? there.reduce((sum, value) => sum + value, 0) / there.length : null;
}

// Seconds between the newest windows' ends: the median, so that a pause between two calls does not count.
export function windowSeconds(model, count = kPaceWindows) {
  const times = model.time_ms.slice(-count - 1).filter(known);
  return median(
    times
      .slice(1)
      .map((time, i) => (time - times[i]) / 1000)
      .filter((seconds) => seconds > 0),
  );
}

export function tokensPerSecond(model) {
  const seconds = windowSeconds(model);
  const tokens = mean(model.tokens.slice(-kPaceWindows));
  return known(seconds) && known(tokens) ? tokens / seconds : null;
}

export function runState(model) {
  const { state, newest_ms: newestMs, reading } = model.status;
  const quiet = (model.now() - newestMs) / 1000;
  if (reading.done < reading.total * 0.98) return ['reading', percent(reading.done / reading.total)];
  if (model.rows === 0) return ['waiting', 'for the first window'];
  if (state === 'finished') return ['finished', `${duration(quiet)} ago`];
  if (state === 'stopped') return ['stopped', `${duration(quiet)} ago`];
  const patience = Math.max(30, 12 * (windowSeconds(model) ?? 0));
  return quiet > patience
    ? ['stalled', `no news for ${duration(quiet)}`]
    : ['running', quiet < 2 ? 'now' : `${duration(quiet)} ago`];
}

export function showState([state, since]) {
  const place = find('#state');
  place.dataset.state = state;
  setText(find('b', place), state);
  setText(find('span', place), since);
}

function tile(id, value, note, { unit = '', mood = '', title = '' } = {}) {
  const place = find(`#tile-${id}`);
  place.className = `tile ${mood}`;
  place.title = title;
  setText(find('b', place), value);
  const aside = find('p span', place);
  if (aside) setText(aside, unit);
  setText(find('small', place), note || '\u00a0');
}

export function showRun(model) {
  const { run } = model;
  const folder = run.folder.replace(/\/$/, '').split('/').pop();
  setText(find('#run-name'), folder);
  document.title = `${folder} · templar`;
  const facts = [
    run.run_id && `run ${run.run_id.slice(0, 8)}`,
    run.name && `model ${run.name}`,
    run.parameters && `${compact(run.parameters)} parameters`,
    run.algorithm && `${run.algorithm}, ${run.inner_steps} inner ${run.inner_steps === 1 ? 'step' : 'steps'} a window`,
  ];
  setText(find('#run-facts'), facts.filter(Boolean).join(' · '));
  find('#run-name').title = run.folder;
}

// "▼ 0.012 in 20 windows"
function trend(windows, values, steps) {
  const last = newest(values);
  const from = newest(values.slice(0, Math.max(1, last - steps + 1)));
  if (from < 0 || last <= from) return '';
  const change = values[last] - values[from];
  const passed = windows[last] - windows[from];
  return `${change > 0 ? '▲' : '▼'} ${Math.abs(change).toFixed(3)} in ${whole(passed)} ${passed === 1 ? 'window' : 'windows'}`;
}

function showWindow(model) {
  const wanted = model.status.windows_wanted;
  const done = model.lastWindow + 1;
  const seconds = windowSeconds(model);
  const left = known(wanted) && known(seconds) && wanted > done ? `, ${duration((wanted - done) * seconds)} left` : '';
  tile('window', whole(done), known(seconds) ? `${duration(seconds)} each${left}` : '', {
    unit: known(wanted) ? `of ${whole(wanted)}` : '',
  });
  find('#progress').style.width = known(wanted) && wanted > 0 ? `${Math.min(100, (done / wanted) * 100)}%` : '0';
}

function showRoots(model) {
  if (model.rows === 0) return tile('roots', kUnknown, '');
  const apart = windowsApart(model);
  if (apart === 0) return tile('roots', '✓ agree', `all nodes, ${whole(model.rows)} windows`, { mood: 'good' });
  const last = model.differ.findLastIndex((nodes) => nodes);
  const names = inOrder(model, model.differ[last]).map((node) => model.status.nodes[node]);
  const who = `${names[0]}${names.length > 1 ? ` and ${names.length - 1} more` : ''}`;
  const title = `${apart} windows in which a node's state root differs; the newest is ${model.window[last]}: ${names.join(', ')}`;
  if (last < model.rows - kHealedWindows)
    return tile('roots', '✓ agree', `${who} differed in ${model.window[last]}`, { mood: 'warn', title });
  tile('roots', '✕ differ', `${who}, window ${model.window[last]}`, { mood: 'bad', title });
}

// Where the newest fault is to be looked for.
function newestFault(model, faults) {
  if (faults.length === 0) return windowsApart(model) ? 'state roots differed' : 'none';
  const { source, last } = faults.reduce((a, b) => ((b.last ?? -1) > (a.last ?? -1) ? b : a));
  return `last: ${source}, ${last === null ? 'see its log' : `window ${last}`}`;
}

function showFaults(model) {
  const faults = [...model.faults.values()];
  const recent = model.lastWindow - kTrendWindows;
  const grave =
    model.differ.slice(-kTrendWindows).some(Boolean) ||
    faults.some(({ kind, last }) => (kind === 'error' || kind === 'divergence') && (last === null || last > recent));
  const count = faultsInAll(model);
  tile('faults', whole(count), newestFault(model, faults), { mood: grave ? 'bad' : count ? 'warn' : '' });
}

export function showGlance(model) {
  showWindow(model);
  const loss = newest(model.loss);
  tile('loss', loss < 0 ? kUnknown : fixed(model.loss[loss], 4), trend(model.window, model.loss, kTrendWindows));
  sparkline(find('#tile-loss canvas'), model.loss.slice(-kSparkWindows), 'blue');
  const heldout = model.curves.get('heldout') ?? { window: [], value: [] };
  tile('heldout', fixed(heldout.value[heldout.value.length - 1], 4), trend(heldout.window, heldout.value, 5));
  sparkline(find('#tile-heldout canvas'), heldout.value.slice(-kSparkWindows), 'orange');
  const total = model.tokens.reduce((sum, value) => sum + (value ?? 0), 0);
  tile('tokens', compact(tokensPerSecond(model)), total ? `${compact(total)} in all` : '');
  const size = mean(model.bytes.slice(-kTrendWindows));
  const ratio = known(size) && size > 0 && model.run.parameters ? (4 * model.run.parameters) / size : null;
  tile('bytes', bytes(size), known(ratio) ? `1/${ratio.toFixed(ratio < 10 ? 1 : 0)} of f32` : '');
  showRoots(model);
  showFaults(model);
}
