// All that the page knows of the run, brought up to date by what the server sends.
const kColumns = [
  'loss',
  'loss_low',
  'loss_high',
  'tokens',
  'bytes',
  'time_ms',
  'accepted',
  'rejected',
  'baseline_loss',
  'differ',
];
const kKeptSamples = 4000;

export class Model {
  constructor() {
    this.run = {};
    this.status = null;
    this.clear();
  }

  clear() {
    this.window = [];
    for (const name of kColumns) this[name] = [];
    this.curves = new Map();
    this.miners = [];
    this.details = new Map();
    this.system = [];
    this.faults = new Map();
    this.alarms = [];
  }

  get cursor() {
    return this.status ? `${this.status.life}-${this.status.revision}` : '';
  }
  get lastWindow() {
    return this.window.length ? this.window[this.window.length - 1] : -1;
  }
  get rows() {
    return this.window.length;
  }

  merge(news) {
    if (!this.status || this.status.life !== news.life || news.revision < this.status.revision) this.clear();
    this.status = { ...news, received: performance.now() };
    this.mergeWindows(news.windows);
    for (const [name, curve] of Object.entries(news.curves)) this.mergeCurve(name, curve);
    if (news.miners) this.miners = news.miners.map(minerOf);
    this.mergeDetails(news.details ?? []);
    this.system.push(...news.system);
    if (this.system.length > kKeptSamples) this.system.splice(0, this.system.length - kKeptSamples);
    for (const [id, kind, source, text, count, first, last, time] of news.faults) {
      this.faults.set(id, { id, kind, source, text, count, first, last, time });
    }
    this.faultsTotal = news.faults_total;
    this.alarms = news.alarms;
  }

  // Rows come in the windows' order; most of the time they are new ones at the end.
  mergeWindows(rows) {
    let time = 0;
    rows.time_ms = rows.time_step_ms.map((step) => (step === null ? null : (time += step)));
    for (let i = 0; i < rows.window.length; ++i) {
      const at = placeOf(this.window, rows.window[i]);
      const replaced = this.window[at] === rows.window[i] ? 1 : 0;
      if (at === this.window.length) {
        this.window.push(rows.window[i]);
        for (const name of kColumns) this[name].push(rows[name][i]);
      } else {
        this.window.splice(at, replaced, rows.window[i]);
        for (const name of kColumns) this[name].splice(at, replaced, rows[name][i]);
      }
    }
  }

  mergeCurve(name, news) {
    if (!this.curves.has(name)) this.curves.set(name, { window: [], value: [], error: [] });
    const curve = this.curves.get(name);
    for (let i = 0; i < news.window.length; ++i) {
      const at = placeOf(curve.window, news.window[i]);
      const replaced = curve.window[at] === news.window[i] ? 1 : 0;
      curve.window.splice(at, replaced, news.window[i]);
      curve.value.splice(at, replaced, news.value[i]);
      curve.error.splice(at, replaced, news.error[i]);
    }
  }

  mergeDetails(rows) {
    for (const row of rows) this.details.set(row[0], detailOf(row));
    if (this.details.size > 2000) this.details = new Map([...this.details].sort((a, b) => a[0] - b[0]).slice(-1000));
  }

  // The windows in detail that are known, the newest last.
  newestDetails(count, upTo = Infinity) {
    return [...this.details.values()]
      .filter((detail) => detail.window <= upTo)
      .sort((a, b) => a.window - b.window)
      .slice(-count);
  }

  // The server's time now.
  now() {
    return this.status.now_ms + (performance.now() - this.status.received);
  }
}

// Windows in which a node's state root is not the network's.
export const windowsApart = (model) => model.differ.reduce((count, nodes) => count + (nodes ? 1 : 0), 0);
export const faultsInAll = (model) => model.faultsTotal + windowsApart(model);

// Numbers of nodes as they are listed: validators, miners, evaluator, the rest.
export function inOrder(model, nodes) {
  const rank = (name) => ['validator', 'miner', 'evaluator'].findIndex((role) => name.startsWith(role)) + 1 || 4;
  const name = (node) => model.status.nodes[node];
  return nodes
    .slice()
    .sort((a, b) => rank(name(a)) - rank(name(b)) || name(a).localeCompare(name(b), 'en', { numeric: true }));
}

// Where a window stands or is to stand; the end is looked at first.
function placeOf(windows, window) {
  let low = 0;
  let high = windows.length;
  if (high === 0 || windows[high - 1] < window) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (windows[middle] < window) low = middle + 1;
    else high = middle;
  }
  return low;
}

function minerOf([
  uid,
  window,
  mu,
  sigma,
  ordinal,
  indicator,
  gradient,
  sync,
  score,
  weight,
  loss,
  size,
  verdict,
  reason,
]) {
  return { uid, window, mu, sigma, ordinal, indicator, gradient, sync, score, weight, loss, size, verdict, reason };
}

function detailOf([window, time, reports, verdicts, spans]) {
  return {
    window,
    time,
    reports: reports.map(([node, root, loss, trainSeconds, size]) => ({ node, root, loss, trainSeconds, size })),
    verdicts: verdicts.map(([uid, verdict, reason, weight]) => ({ uid, verdict, reason, weight })),
    spans: spans.map(([node, phase, start, seconds]) => ({ node, phase, start, seconds })),
  };
}
