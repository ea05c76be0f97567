// Looks at a dashboard with headless Chromium: node look.mjs CLIENT WHAT ADDRESS RUN [PICTURES]. Ends with 1 and says what is wrong.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { alarmed, bare, finished, live, long } from './cases.mjs';

const [client, what, address, run, pictures] = process.argv.slice(2);
const { chromium } = createRequire(join(client, '/'))('playwright-core');
const kMostPageBytes = 300_000;

const failures = [];
const fail = (message) => failures.push(message);
const equal = (name, expected, actual) => {
  if (expected !== actual) fail(`${name}: expected '${expected}', the page says '${actual}'`);
};
const atMost = (name, most, actual) => {
  if (!(actual <= most)) fail(`${name}: ${actual}, at most ${most} is wanted`);
};

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: process.getuid() === 0 ? ['--no-sandbox'] : [],
});

// A page of its own, watched: what it asks for, what its console says, how long its tasks take.
async function open({ width = 1440, height = 900, colorScheme = 'light', path = '/' } = {}) {
  const page = await browser.newPage({
    viewport: { width, height },
    colorScheme,
    deviceScaleFactor: width < 500 ? 2 : 1,
  });
  page.asked = [];
  page.on('request', (request) => {
    page.asked.push(request.url());
    if (!request.url().startsWith(address) && !request.url().startsWith('data:'))
      fail(`the page asks for ${request.url()}`);
  });
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) fail(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => fail(`the page's script: ${error.message}`));
  await page.addInitScript(() => {
    window.longTasks = [];
    new PerformanceObserver((list) =>
      list.getEntries().forEach(({ duration }) => window.longTasks.push(duration)),
    ).observe({ type: 'longtask', buffered: true });
  });
  await page.goto(address + path.slice(1));
  await page.waitForFunction(() => document.querySelector('#tile-loss b').textContent !== '–');
  return page;
}

async function pageBytes() {
  const answer = await fetch(address, { headers: { 'Accept-Encoding': 'identity' } });
  const size = (await answer.arrayBuffer()).byteLength;
  atMost('bytes of the page, not packed', kMostPageBytes, size);
  return size;
}

// No part of the page sticks out at the side.
async function fits(page, name) {
  const [wide, room] = await page.evaluate(() => [
    document.scrollingElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  atMost(`${name}: width of the page`, room, wide);
}

try {
  await { alarmed, finished, live, bare, long }[what]({
    open,
    address,
    run,
    pictures,
    fail,
    equal,
    atMost,
    fits,
    pageBytes,
    text: (page, selector) => page.locator(selector).first().innerText(),
  });
} catch (error) {
  fail(error.stack);
}
await browser.close();
if (failures.length) {
  console.error(failures.join('\n'));
  process.exit(1);
}
