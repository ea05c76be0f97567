"""What llama.cpp says beside what we say.
  compare.py request LINES PROMPT GREEDY DRAWN                  the request for client.mjs, on standard output
  compare.py f32|bf16|f16 LINES PROMPT GREEDY DRAWN IDS ANSWER  fails, saying where, unless all is equal
GREEDY and DRAWN are what `templar generate --json` says: the greedy continuation of the prompt, and one that was drawn at
temperature 1, whose tokens vary more. Of the greedy one llama.cpp must give the same tokens, of both the same log-probabilities.
"""
import json
import sys

NEW_TOKENS = 64
# Of a log-probability. Rounded weights give another model: there it is only to be seen that it is almost the same.
TOLERANCE = {"f32": 1e-3, "bf16": 0.1, "f16": 0.02}


def read_lines(path):
    return open(path, "rb").read().decode().split("\n")[:-1]


def request(lines, prompt, greedy, drawn):
    prompt_tokens = json.load(open(greedy))["prompt_tokens"]
    given = [token["id"] for token in json.load(open(drawn))["tokens"]]
    texts = read_lines(lines) + [open(prompt, "rb").read().decode()]
    json.dump({"prompt_tokens": prompt_tokens, "new_tokens": NEW_TOKENS, "given_tokens": given, "lines": texts}, sys.stdout)


def compare(dtype, lines, prompt, greedy, drawn, ids, answer):
    ours, theirs, drawn = json.load(open(greedy)), json.load(open(answer)), json.load(open(drawn))["tokens"]
    texts = read_lines(lines) + [open(prompt, "rb").read().decode()]
    our_ids = [json.loads(line) for line in open(ids)] + [ours["prompt_tokens"]]
    if len(our_ids) != 1001 or len(theirs["lines"]) != 1001:
        sys.exit(f"{len(our_ids)} and {len(theirs['lines'])} lines")
    different = [i for i in range(1001) if our_ids[i] != theirs["lines"][i]]
    for i in different[:5]:
        print(f"line {i}: {texts[i]!r}\n  ours   {our_ids[i]}\n  theirs {theirs['lines'][i]}")
    # "▁" is how SentencePiece writes a space; a text that has one itself comes back with a space.
    changed = [i for i in range(1001) if theirs["texts"][i] != texts[i] and theirs["texts"][i] != texts[i].replace("\u2581", " ")]
    for i in changed[:5]:
        print(f"line {i}: {texts[i]!r}\n  came back as {theirs['texts'][i]!r}")

    def ids_of(tokens):
        return [token["id"] for token in tokens]

    apart = 0.0
    same = 0
    for a, b in zip(ours["tokens"], theirs["tokens"]):
        if a["id"] != b["id"]:
            break
        same += 1
        apart = max(apart, abs(a["log_probability"] - b["log_probability"]))
    drawn_apart = max(abs(a["log_probability"] - b) for a, b in zip(drawn, theirs["given"]))
    print(f"{dtype}: {1001 - len(different)} of 1001 texts with the same ids, {1001 - len(changed)} come back; {same} of {NEW_TOKENS} "
          f"greedy tokens ({len(set(ids_of(ours['tokens'])))} different ones) the same, log-probabilities at most {apart:.2e} apart; those of "
          f"{len(drawn)} drawn tokens ({len(set(ids_of(drawn)))} different ones) at most {drawn_apart:.2e}")
    if {len(ours["tokens"]), len(theirs["tokens"]), len(drawn), len(theirs["given"])} != {NEW_TOKENS}:
        sys.exit("not as many tokens as were asked for")
    if different or changed or not max(apart, drawn_apart) <= TOLERANCE[dtype]:
        sys.exit(1)
    if dtype == "f32" and ids_of(ours["tokens"]) != ids_of(theirs["tokens"]):
        sys.exit(f"ours   {ids_of(ours['tokens'])}\ntheirs {ids_of(theirs['tokens'])}")
    if same == 0:
        sys.exit("not one token is the same")


request(*sys.argv[2:]) if sys.argv[1] == "request" else compare(*sys.argv[1:])
