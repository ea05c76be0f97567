// What must be true of the page for each kind of run.
import { appendFileSync, readFileSync, readdirSync } from 'node:fs';

const kNewsSeconds = 5;

// [file's node, measurement] of all files.
function measurements(run) {
  return readdirSync(`${run}/metrics`).flatMap((file) =>
    readFileSync(`${run}/metrics/${file}`, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => [file.replace('.jsonl', ''), JSON.parse(line)]),
  );
}

const named = (all, name) =>
  all.filter(([, { name: is }]) => is === name).map(([node, { fields, tags }]) => ({ node, tags, ...fields }));
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// What the tiles and the table must say, computed from the files without the server's help.
function expectations(run) {
  const all = measurements(run);
  const steps = named(all, 'training_step_v2');
  const window = Math.max(...steps.map((step) => step.window));
  const newest = steps.filter((step) => step.window === window);
  const heldout = named(all, 'benchmark_metrics').sort((a, b) => a.window - b.window);
  const scores = named(all, 'validator_scores').filter((score) => score.window === window);
  return {
    windows: window + 1,
    loss: mean(newest.map(({ loss }) => loss)).toFixed(4),
    heldout: heldout[heldout.length - 1].heldout_loss.toFixed(4),
    size: mean(newest.map((step) => step.contribution_bytes)),
    scores,
    root: newest[0].state_root,
  };
}

async function valuesAgree({ run, equal, text }, page) {
  const wanted = expectations(run);
  equal('windows', wanted.windows.toLocaleString('en'), await text(page, '#tile-window b'));
  equal('train loss', wanted.loss, await text(page, '#tile-loss b'));
  equal('held-out loss', wanted.heldout, await text(page, '#tile-heldout b'));
  equal('rows of miners', wanted.scores.length, await page.locator('#miners tbody tr').count());
  for (const score of wanted.scores) {
    const cells = await page.locator(`#miners tr[data-uid="${score.tags.eval_uid}"] td`).allInnerTexts();
    const signed = (value, digits) => (value < 0 ? '−' : '+') + Math.abs(value).toFixed(digits);
    const six = (value) => Number(value.toPrecision(6));
    equal(`weight of miner ${score.tags.eval_uid}`, six(score.weight).toFixed(4), cells[1].trim());
    equal(`score of miner ${score.tags.eval_uid}`, six(score.final_score).toFixed(3), cells[2]);
    equal(`rating of miner ${score.tags.eval_uid}`, six(score.ordinal).toFixed(2), cells[3]);
    equal(`indicator of miner ${score.tags.eval_uid}`, signed(six(score.binary_moving_avg), 3), cells[4]);
    equal(`sync of miner ${score.tags.eval_uid}`, six(score.sync_score).toFixed(3), cells[6]);
    const marks = page.locator(`#miners tr[data-uid="${score.tags.eval_uid}"] .mark`);
    equal(
      `last verdict of miner ${score.tags.eval_uid}`,
      `mark ${score.verdict}`,
      await marks.last().getAttribute('class'),
    );
  }
  equal('newest root', wanted.root.slice(0, 8), await text(page, '#roots tbody td.hash'));
  return wanted;
}

export async function finished(test) {
  const page = await test.open();
  const wanted = await valuesAgree(test, page);
  const summary = JSON.parse(readFileSync(`${test.run}/summary.json`, 'utf8'));
  test.equal('state', 'finished', await test.text(page, '#state b'));
  test.equal('windows wanted', `of ${summary.windows}`, await test.text(page, '#tile-window p span'));
  test.equal('held-out loss as in the summary', summary.heldout_loss_last.toFixed(4), wanted.heldout);
  test.equal('roots', '✓ agree', await test.text(page, '#tile-roots b'));
  const ratio = Number((await test.text(page, '#tile-bytes small')).match(/1\/([\d.]+)/)[1]);
  if (Math.abs(ratio / summary.ratio_to_f32 - 1) > 0.03)
    test.fail(`ratio ${ratio}, the summary has ${summary.ratio_to_f32}`);
  await page.waitForFunction(() => document.querySelector('#loss .u-legend')?.innerText.includes('held-out'));
  const legend = await test.text(page, '#loss .u-legend');
  if (!legend.includes(wanted.heldout)) test.fail(`the loss chart's legend has no ${wanted.heldout}: ${legend}`);
  console.log(`page ${await test.pageBytes()} bytes`);
}

// The lines that nodes write for one window more, made from those of the newest one.
function appendWindow(run) {
  const all = measurements(run);
  const last = Math.max(...named(all, 'training_step_v2').map((step) => step.window));
  for (const [node, line] of all) {
    if (line.fields.window !== last || line.name.startsWith('b')) continue;
    const fields = { ...line.fields, window: last + 1 };
    if (line.name === 'training_step_v2') fields.loss = 0.7654;
    if ('weight' in fields) Object.assign(fields, { verdict: 'invalid', reason: 'a reason of its own <b>' });
    appendFileSync(
      `${run}/metrics/${node}.jsonl`,
      `${JSON.stringify({ ...line, fields, time_ns: Date.now() * 1e6 })}\n`,
    );
  }
  return last + 1;
}

async function keyboard({ fail }, page) {
  await page.locator('#miners th button').nth(3).focus();
  await page.keyboard.press('Enter');
  const order = await page
    .locator('#miners tbody tr')
    .evaluateAll((rows) => rows.map((row) => Number(row.children[3].textContent)));
  if (order.some((value, i) => i > 0 && value > order[i - 1])) fail(`miners sorted by rating: ${order}`);
  await page.locator('#miners tbody .link').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('#miner[open] .uplot');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#miner:not([open])', { state: 'attached' });
  await page.locator('.gantt').focus();
  const before = await page.locator('#timeline-span').innerText();
  for (let i = 0; i < 90; ++i) await page.keyboard.press('ArrowLeft');
  await page.waitForFunction((was) => document.querySelector('#timeline-span').innerText !== was, before);
  await page.keyboard.press('End');
  await page.waitForFunction((was) => document.querySelector('#timeline-span').innerText === was, before);
}

export async function live(test) {
  const page = await test.open({ height: 2800 });
  await valuesAgree(test, page);
  test.equal('windows wanted', 'of 500', await test.text(page, '#tile-window p span'));
  test.equal('divergence', 'miner-2 differed in 395', await test.text(page, '#tile-roots small'));
  test.equal('the window that differs is marked', 2, await page.locator('#roots tr.bad').count());
  for (const kind of ['verdict', 'divergence', 'warning']) {
    if ((await page.locator(`#faults .kind.${kind}`).count()) === 0) test.fail(`no fault of kind ${kind}`);
  }
  await pictures(test, page, 'light', { height: 1080 });
  await keyboard(test, page);
  await page.evaluate(() => {
    window.isSamePage = true;
  });
  const window = appendWindow(test.run);
  const begun = Date.now();
  await page.waitForFunction(
    (count) => document.querySelector('#tile-window b').textContent === count,
    String(window + 1),
    { timeout: kNewsSeconds * 1000 },
  );
  console.log(`news after ${Date.now() - begun} ms`);
  await page.waitForFunction(() => document.querySelector('#tile-loss b').textContent === '0.7654');
  const mark = page.locator('#miners tbody tr .mark').last();
  await page.waitForFunction(() => [...document.querySelectorAll('#miners .mark.invalid')].length >= 8);
  await mark.hover();
  if (!(await page.locator('#tip').innerText()).includes('a reason of its own <b>'))
    test.fail("the verdict's reason is not shown");
  if (!(await page.evaluate(() => window.isSamePage))) test.fail('the page was loaded again');
  await looks(test);
}

// Pictures are taken of the whole page or of what fits a window.
async function pictures({ pictures: folder }, page, name, { height } = {}) {
  if (!folder) return;
  const size = page.viewportSize();
  if (height) await page.setViewportSize({ width: size.width, height });
  await page.mouse.move(2, 2);
  await page.waitForTimeout(600);
  await page.screenshot({ path: `${folder}/dashboard-${name}.png` });
  await page.setViewportSize(size);
}

async function looks(test) {
  const back = (page) =>
    page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number)[0]);
  const dark = await test.open({ colorScheme: 'dark' });
  if ((await back(dark)) > 60) test.fail('the dark page is not dark');
  await test.fits(dark, 'dark');
  await pictures(test, dark, 'dark', { height: 1080 });
  await dark.locator('#theme').click();
  if ((await back(dark)) < 200) test.fail('the switch does not make the page light');
  await dark.reload();
  await dark.waitForFunction(() => document.querySelector('#tile-loss b').textContent !== '–');
  if ((await back(dark)) < 200) test.fail('the switch is forgotten');
  const phone = await test.open({ width: 390, height: 844 });
  if ((await back(phone)) < 200) test.fail('the light page is not light');
  await test.fits(phone, 'phone');
  await phone.waitForTimeout(500);
  await pictures(test, phone, 'phone');
  const small = await phone
    .locator('button:visible')
    .evaluateAll((buttons) =>
      buttons.filter((button) => button.getBoundingClientRect().height < 24).map((button) => button.innerText),
    );
  if (small.length) test.fail(`too small for a finger: ${small}`);
}

// What a node says of an alarm, as it writes it.
function sayAlarm(run, uid, stands) {
  const line = {
    name: 'network_alarm',
    tags: { role: 'miner', uid: String(uid), run: '0123456789ab', kind: 'nobody_leads' },
    fields: { window: 12, stands, reason: '2 closed windows are undecided <b>; validator 0 should decide them' },
    time_ns: Date.now() * 1e6,
  };
  appendFileSync(`${run}/metrics/miner-${uid}.jsonl`, `${JSON.stringify(line)}\n`);
}

// A banner while an alarm stands, on a page that is open, and nothing of it before and afterwards.
export async function alarmed(test) {
  const { run, equal, text } = test;
  const page = await test.open({ height: 1080 });
  equal('no banner', false, await page.locator('#alarms').isVisible());
  const quiet = await page.title();
  for (const uid of [1, 2]) sayAlarm(run, uid, 1);
  await page.waitForFunction(() => document.querySelector('#alarms small')?.textContent.includes('miner-2'), null, {
    timeout: kNewsSeconds * 1000,
  });
  equal('banner', true, await page.locator('#alarms').isVisible());
  equal('one banner for both nodes', 1, await page.locator('#alarms li').count());
  equal('its title', 'nobody decides the windows nobody_leads', (await text(page, '#alarms h2')).replace(/\s+/g, ' '));
  equal('why', '2 closed windows are undecided <b>; validator 0 should decide them', await text(page, '#alarms p'));
  if (!(await text(page, '#alarms .advice')).includes('start the leader again')) test.fail('it does not say what to do');
  if (!/since window 12.* · said by miner-1, miner-2$/.test(await text(page, '#alarms small')))
    test.fail(`who and since when: ${await text(page, '#alarms small')}`);
  if (!(await page.title()).startsWith('⚠')) test.fail(`the page's title is ${await page.title()}`);
  const top = await page.locator('#alarms').evaluate((place) => place.getBoundingClientRect().top);
  test.atMost('the banner stands above all else', (await page.locator('.tiles').boundingBox()).y, top);
  await pictures(test, page, 'alarm');
  const dark = await test.open({ colorScheme: 'dark', height: 1080 });
  await dark.waitForSelector('#alarms li');
  await pictures(test, dark, 'alarm-dark');
  const phone = await test.open({ width: 390, height: 844 });
  await phone.waitForSelector('#alarms li');
  await test.fits(phone, 'phone');
  await pictures(test, phone, 'alarm-phone');
  for (const uid of [1, 2]) sayAlarm(run, uid, 0);
  await page.waitForFunction(() => document.querySelector('#alarms').hidden, null, { timeout: kNewsSeconds * 1000 });
  equal('title afterwards', quiet, await page.title());
}

export async function bare(test) {
  const page = await test.open();
  test.equal('windows', '12', await test.text(page, '#tile-window b'));
  test.equal('no timelines', true, await page.locator('#timeline .empty').isVisible());
  test.equal('no processes', false, await page.locator('#cpu').isVisible());
  test.equal('loss', expectations(test.run).loss, await test.text(page, '#tile-loss b'));
}

async function longestFrame(page, work) {
  await page.evaluate(() => {
    window.longTasks.length = 0;
    window.frames = [];
    let before = performance.now();
    const frame = (now) => {
      window.frames.push(now - before);
      before = now;
      window.watching = requestAnimationFrame(frame);
    };
    window.watching = requestAnimationFrame((now) => {
      before = now;
      frame(now);
    });
  });
  await work();
  return page.evaluate(() => {
    cancelAnimationFrame(window.watching);
    return { frame: Math.max(...window.frames), task: Math.max(0, ...window.longTasks) };
  });
}

export async function long(test) {
  const begun = Date.now();
  for (;;) {
    const { reading } = await (await fetch(`${test.address}api/news?since=0-999999999`)).json();
    if (reading.done === reading.total) break;
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
  }
  console.log(`read after ${Date.now() - begun} ms`);
  const page = await test.open();
  test.equal('windows', '10,000', await test.text(page, '#tile-window b'));
  const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime);
  const shown = await page.evaluate(() => performance.now());
  await page.waitForTimeout(2000);
  await valuesAgree(test, page);
  const first = await page.evaluate(() => Math.max(0, ...window.longTasks));
  const bytes = await page.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .concat(performance.getEntriesByType('navigation'))
      .reduce((sum, { transferSize }) => sum + transferSize, 0),
  );
  const moving = await longestFrame(page, async () => {
    const box = await page.locator('#loss .u-over').boundingBox();
    for (let i = 0; i < 60; ++i) await page.mouse.move(box.x + 10 + i * 18, box.y + 80 + (i % 20) * 4);
    await page.mouse.move(box.x + 200, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + 700, box.y + 60, { steps: 10 });
    await page.mouse.up();
    await page.waitForTimeout(200);
    await page.mouse.dblclick(box.x + 300, box.y + 50);
    await page.locator('#loss-scale button').last().click();
    await page.mouse.wheel(0, 3000);
    await page.waitForTimeout(500);
    appendWindow(test.run);
    await page.waitForFunction(() => document.querySelector('#tile-window b').textContent === '10,001', null, {
      timeout: kNewsSeconds * 1000,
    });
    await page.waitForTimeout(500);
  });
  console.log(
    `first paint ${Math.round(paint)} ms, data shown after ${Math.round(shown)} ms, ${bytes} bytes in all; longest task: loading ${Math.round(first)} ms, ` +
      `pointing, zooming, scrolling and news ${Math.round(moving.task)} ms; longest frame ${Math.round(moving.frame)} ms`,
  );
  test.atMost('milliseconds until the first paint', 1000, paint);
  test.atMost('bytes in all with ten thousand windows', 300_000, bytes);
  test.atMost('milliseconds of the longest task while loading', 500, first);
  test.atMost('milliseconds of the longest task afterwards', 300, moving.task);
}
