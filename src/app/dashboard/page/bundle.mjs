// Makes the page out of its parts: node bundle.mjs PAGE_FOLDER MODULES_FOLDER OUT. One file that needs nothing else.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [page, modules, out] = process.argv.slice(2);
const { build } = createRequire(join(modules, '/'))('esbuild');

async function bundled(entry) {
  const made = await build({
    entryPoints: [join(page, entry)],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    nodePaths: [modules],
    absWorkingDir: page,
  });
  return made.outputFiles[0].text.trim();
}

const hash = (text) => `'sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}'`;
const script = (await bundled('main.js')).replaceAll('</script', '<\\/script');
const style = readFileSync(join(modules, 'uplot/dist/uPlot.min.css'), 'utf8').trim() + (await bundled('style.css'));
const licence = readFileSync(join(modules, 'uplot/LICENSE'), 'utf8').trim().replaceAll('--', '- -');
// Chosen before anything is painted, so that a dark page does not flash.
const theme =
  "try{let t=localStorage.getItem('theme');document.documentElement.dataset.theme=t==='light'||t==='dark'?t:matchMedia('(prefers-color-scheme: dark)').matches?'dark':'light'}catch{}";
const policy = `default-src 'none'; script-src ${hash(script)} ${hash(theme)}; style-src ${hash(style)}; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'`;
const html = readFileSync(join(page, 'index.html'), 'utf8')
  .replace(
    '<!--POLICY-->',
    () => `<meta http-equiv="Content-Security-Policy" content="${policy}">\n<script>${theme}</script>`,
  )
  .replace('<!--STYLE-->', () => `<style>${style}</style>`)
  .replace('<!--SCRIPT-->', () => `<script>${script}</script>\n<!-- This page contains uPlot.\n${licence}\n-->`);
writeFileSync(out, html);
