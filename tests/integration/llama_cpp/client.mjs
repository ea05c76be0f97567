// llama.cpp, through node-llama-cpp, asked about a GGUF file: node client.mjs MODEL.gguf <REQUEST >ANSWER
//   request: {"prompt_tokens": [ids], "new_tokens": n, "given_tokens": [ids], "lines": [texts]}
//   answer:  {"tokens": [{"id", "log_probability"}], "given": [log-probabilities], "lines": [[ids]],
//             "texts": [the lines' ids as text again]}
// tokens: the greedy continuation of the prompt; given: how probable the given tokens are after it. Computed on the processor, in f32 throughout: the cache of keys and values, too, which is f16 by default.
import {readFileSync} from "node:fs";
import {getLlama, LlamaLogLevel} from "node-llama-cpp";

const request = JSON.parse(readFileSync(0, "utf8"));
const llama = await getLlama({
  gpu: false, build: "never", skipDownload: true, progressLogs: false, logLevel: LlamaLogLevel.warn,
  logger: (level, message) => console.error(`${level}: ${message}`)
});
const model = await llama.loadModel({modelPath: process.argv[2], gpuLayers: 0});
const context = await model.createContext({
  contextSize: request.prompt_tokens.length + Math.max(request.new_tokens, request.given_tokens.length), sequences: 1, threads: 1, flashAttention: false,
  experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32"
});
const sequence = context.getSequence();

const generated = [];
let input = request.prompt_tokens;
while (generated.length < request.new_tokens) {
  const options = {generateNext: {token: true, probabilities: true, options: {temperature: 0}}};
  const results = await sequence.controlledEvaluate([...input.slice(0, -1), [input.at(-1), options]]);
  const next = results.at(-1).next;
  generated.push({id: next.token, log_probability: Math.log(next.probabilities.get(next.token))});
  input = [next.token];
}

await sequence.clearHistory();
const text = [...request.prompt_tokens, ...request.given_tokens];
const results = await sequence.controlledEvaluate(text.map((token) => [token, {generateNext: {probabilities: true}}]));
const given = request.given_tokens.map((token, i) =>
  Math.log(results[request.prompt_tokens.length - 1 + i].next.probabilities.get(token)));

const lines = request.lines.map((line) => Array.from(model.tokenize(line, false)));
process.stdout.write(JSON.stringify({
  tokens: generated, given, lines, texts: lines.map((ids) => model.detokenize(ids, false))
}) + "\n");
await llama.dispose();
process.exit(0);
