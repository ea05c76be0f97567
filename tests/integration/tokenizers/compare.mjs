// The ids of templar's tokenizers beside those of Hugging Face's own library, for the files of four models: on a thousand
// strings of all scripts, on every character, and on some ten megabytes of text, on which both are also timed on one thread.
// compare.mjs CLIENT TOKENIZER_IDS WORK: CLIENT has the packages, TOKENIZER_IDS is built from tokenizer_ids.cc. Exit code 1 where
// an id differs.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [client, tool, work] = process.argv.slice(2);
process.env.RAYON_NUM_THREADS = '1';
const { Tokenizer } = createRequire(join(client, 'x.js'))('@anush008/tokenizers');

// SplitMix64's kin for 32 bits (mulberry32): the same strings every time.
let state = 1;
function below(bound) {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * bound);
}
const chosen = (list) => list[below(list.length)];

const samples = [
  "The quick brown fox doesn't jump over 12345 lazy dogs; they'll've I'd we're HE'S it's", 'Überraschung naïve façade Ångström œuvre',
  'Съешь же ещё этих мягких французских булок', 'Γειά σου Κόσμε, τι κάνεις;', 'مرحبا بالعالم كيف حالك؟ ١٢٣٤', 'שלום עולם',
  'नमस्ते दुनिया १२३', 'สวัสดีชาวโลก ๑๒๓', '你好，世界！今天天气怎么样？', 'こんにちは世界。カタカナ', '안녕하세요 세계', 'Xin chào thế giới',
  'Բարեւ աշխարհ', 'გამარჯობა', 'வணக்கம் உலகம்', 'ನಮಸ್ಕಾರ', 'ສະບາຍດີ', 'မင်္ဂလာပါ', 'ជំរាបសួរ', 'ሰላም ልዑል', '👨‍👩‍👧‍👦🏳️‍🌈👍🏽🇩🇪😀', 'def f(x):\n\treturn x**2  # squared\r\n',
  '<|endoftext|>', '<|im_start|>user\n', '<eos><bos>', '<|end_of_text|><|begin_of_text|>', '<think>hi</think> <tool_call>',
  '\u0000\u0001\u0002\u001b[0m\u007f\u0085\u00a0\u2003\u2028\u2029\u200b\ufeff\u180e', 'e\u0301\u0302\u0323a\u030a', 'ﬁﬂ①②½ℌ㎏ｆｕｌｌ', "ſ'ſ 'S K'RE",
  '   leading', 'trailing   ', '\n\n\n\n', '\r\n\r\n', '\t\t\t', '▁▁under▁', '<0x0A><unk>', '[multimodal]<mask><unused3>', 'https://example.com/a?b=c&d=e#f',
];
function character() {
  for (;;) {
    const kind = below(100);
    const [first, end] =
      kind < 20 ? [0x20, 0x7f] : kind < 50 ? [0x80, 0x3000] : kind < 75 ? [0x3000, 0x10000] : kind < 95 ? [0x10000, 0x20000] : [0, 0x110000];
    const code = first + below(end - first);
    if (code < 0xd800 || code > 0xdfff) return String.fromCodePoint(code);
  }
}
function word() {
  const kind = below(10);
  if (kind < 5) return chosen(samples);
  if (kind < 6) return [...chosen(samples)].slice(0, below(8)).join('');
  if (kind < 8) return Array.from({ length: 1 + below(11) }, character).join('');
  if (kind < 9) return chosen([' ', '  ', '\n', '\n\n', '\t', ' \n ', '\r\n', '\u00a0', '\u3000', '   \n   ']);
  return String(below(10 ** (1 + below(9))));
}
function strings(count) {
  return Array.from({ length: count }, () => Array.from({ length: 1 + below(24) }, () => word() + chosen(['', ' ', ''])).join(''));
}
// Each character with a letter before it, by itself, and with a digit behind it; of planes with little in them some.
function allCharacters() {
  const lines = [];
  for (let first = 0; first < 0x110000; first += 64) {
    let line = '';
    for (let code = first; code < first + 64; ++code) {
      if ((code >= 0xd800 && code <= 0xdfff) || (code >= 0x34000 && code % 64 !== 0)) continue;
      const c = String.fromCodePoint(code);
      line += `a${c}b ${c} ${c}${c}1`;
    }
    if (line !== '') lines.push(line);
  }
  return lines;
}
// Ten megabytes: what lies in /usr/share/doc and /usr/include, filled up with strings of all scripts.
function longTexts(wanted) {
  const texts = [];
  let size = 0;
  const take = (folder) => {
    for (const name of readdirSync(folder).sort()) {
      if (size > wanted * 0.8) return;
      const path = join(folder, name);
      try {
        const status = statSync(path);
        if (status.isDirectory()) take(path);
        if (!status.isFile() || status.size > 500000 || /\.(gz|png|jpg|xz)$/.test(name)) continue;
        const text = readFileSync(path, 'utf8');
        if (text.includes('\ufffd')) continue;
        texts.push(text);
        size += status.size;
      } catch {
        // Links that lead nowhere, and what may not be read.
      }
    }
  };
  take('/usr/share/doc');
  take('/usr/include');
  while (size < wanted) {
    const [text] = strings(1);
    texts.push(text);
    size += Buffer.byteLength(text);
  }
  return texts;
}

// As the library has it where the separator is no token: that is what templar promises of a document.
function withoutSeparator(json, separator) {
  const token = json.added_tokens.find(({ id }) => id === separator);
  if (token.content in json.model.vocab) json.added_tokens = json.added_tokens.filter((each) => each !== token);
  else token.content = '\u{10fffd}no text has this\u{10fffd}'; // or the ids behind it would move up
  return Tokenizer.fromString(JSON.stringify(json));
}

const decoder = { encoding: 'utf8', maxBuffer: 1 << 30 };
let differences = 0;
const libraries = {};
function compare(name, what, texts) {
  const folder = join(client, 'node_modules/@lenml', `tokenizer-${name}`, 'models');
  const textsFile = join(work, `${what}.jsonl`);
  const idsFile = join(work, `${what}.ids`);
  writeFileSync(textsFile, texts.map((text) => `${JSON.stringify(text)}\n`).join(''));
  const keepsText = name === 'gpt2' || name === 'llama3' ? ['keeps-text'] : [];
  const told = JSON.parse(execFileSync(tool, [folder, textsFile, idsFile, ...keepsText], decoder));
  libraries[name] ??= withoutSeparator(JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8')), told.separator);
  return { library: libraries[name], told, ours: readFileSync(idsFile, 'utf8').split('\n') };
}
async function run(name, what, texts) {
  const { library, told, ours } = compare(name, what, texts);
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  let seconds = 0;
  let wrong = 0;
  for (let i = 0; i < texts.length; ++i) {
    const start = performance.now();
    const encoding = await library.encode(texts[i], null, { addSpecialTokens: false });
    seconds += (performance.now() - start) / 1000;
    const theirs = encoding.getIds().join(' ');
    if (theirs === ours[i]) continue;
    if (++wrong <= 3) console.log(`${name}: ${JSON.stringify(texts[i]).slice(0, 300)}\n  library ${theirs.slice(0, 300)}\n  templar ${ours[i].slice(0, 300)}`);
  }
  differences += wrong;
  const rate = (time) => `${(bytes / 1e6 / time).toFixed(1)} MB/s`;
  const speed =
    what === 'long' ? `; ${rate(told.encode_seconds)} beside the library's ${rate(seconds)}, ${(seconds / told.encode_seconds).toFixed(1)} times` : '';
  console.log(`${name}, ${what}: ${texts.length - wrong} of ${texts.length} texts (${(bytes / 1e6).toFixed(1)} MB) alike${speed}`);
}

const short = ['', ...strings(999), ...allCharacters()];
const long = longTexts(10e6);
for (const name of ['gpt2', 'llama3', 'qwen3', 'gemma3']) {
  await run(name, 'strings and characters', short);
  await run(name, 'long', long);
}
process.exit(differences === 0 ? 0 : 1);
