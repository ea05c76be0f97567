// Brings server, model and views together.
import { showAges, showAlarms } from './alarms.js';
import { redrawCharts, setView, whenZoomed } from './charts.js';
import { beginCurves, curveViews } from './curves.js';
import { choice, find } from './dom.js';
import { runState, showGlance, showRun, showState } from './glance.js';
import { beginLedger, showFaultList, showRoots } from './ledger.js';
import { beginMiners, showMiners } from './miners.js';
import { Model } from './model.js';
import { follow } from './server.js';
import { beginTheme } from './theme.js';
import { beginTimeline, showTimeline, showUtilisation } from './timeline.js';

const model = new Model();
let away = false;

// One view a frame, so that also the first drawing of a long run leaves the page responsive.
const views = [
  showAlarms,
  showGlance,
  curveViews[0],
  showTimeline,
  showUtilisation,
  showMiners,
  showRoots,
  showFaultList,
  ...curveViews.slice(1),
];
let due = [];
function drawNext() {
  const view = due.shift();
  if (view) view(model);
  if (due.length) requestAnimationFrame(drawNext);
}
function drawAll() {
  const idle = due.length === 0;
  due = views.slice();
  if (idle) requestAnimationFrame(drawNext);
}

function tick() {
  if (away) showState(['unreachable', 'templar dashboard has ended']);
  else if (model.status) {
    showState(runState(model));
    showAges(model);
  }
}

beginTheme(() => {
  redrawCharts();
  if (model.status) drawAll();
});
beginCurves(model);
beginTimeline(model);
beginMiners(model);
beginLedger(model);
const markRange = choice(
  find('#ranges'),
  [
    [0, 'all windows'],
    [1000, 'last 1,000'],
    [100, 'last 100'],
    [20, 'last 20'],
  ],
  0,
  (last) => setView(last ? { last } : {}),
);
whenZoomed((view) => markRange(view.max === undefined ? 0 : null));
addEventListener(
  'scroll',
  () => {
    find('#tip').hidden = true;
  },
  { passive: true },
);

setInterval(tick, 1000);
follow(
  model,
  (news) => {
    away = false;
    const first = model.status === null || model.status.life !== news.life;
    model.merge(news);
    if (first) showRun(model);
    tick();
    drawAll();
    window.templarRevision = news.revision;
  },
  () => {
    away = true;
    tick();
  },
);
