"""A thousand lines of text, the same on every run: code, prose in many scripts, and all that tokenizers stumble over."""
import random
import sys

rng = random.Random(7)
CODE = ["#include <", "int main(void)", "  return 0;", "\tif (x != 0)", "{", "}", "/* window */", "->next", "::", "0x1F", "size_t", "\\n"]
WORDS = ("The window of a miner closes; zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. Съешь же ещё этих мягких "
         "французских булок, да выпей чаю. いろはにほへと 散りぬるを 我が世誰ぞ 常ならむ 조선글 자모 هذا نص عربي עברית हिन्दी ไทย 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩‍👩‍👧 e\u0301").split()
ODD = ["</s>", "<s>", "<unk>", "<0x0A>", "<|endoftext|>", "[PAD260]", "\u2581", "\u2581\u2581the", "\u0100", "\u010a", "\ufeff", "\ufffd",
       "\u00a0", "\u200b", "\u2028", "\x01", "\x1b[0m", "\x7f", "\r", "\t\t", " .", " ,", " n't", "'s", "'LL", "  ", "          "]
RANGES = [(0x20, 0x7e), (0xa1, 0x24f), (0x370, 0x5ff), (0x900, 0xdff), (0x2000, 0x2bff), (0x3040, 0x9fff), (0xac00, 0xd7a3),
          (0xe000, 0xfffd), (0x10000, 0x1ffff), (0x20000, 0x10fffd)]


def line(kind):
    if kind == 0:
        return "".join(rng.choice(CODE) + rng.choice(["", " ", "  "]) for _ in range(rng.randint(0, 12)))
    if kind == 1:
        return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 20)))
    if kind == 2:
        return "".join(rng.choice(ODD + WORDS + CODE) for _ in range(rng.randint(1, 12)))
    if kind == 3:
        return "".join(chr(rng.randint(*rng.choice(RANGES))) for _ in range(rng.randint(1, 40)))
    return " " * rng.randint(0, 5) + str(rng.randint(0, 10**12)) + " " * rng.randint(0, 5)


lines = [line(i % 5) for i in range(996)] + ["", " ", "x" * 5000, " " * 3000]
sys.stdout.buffer.write("".join(text + "\n" for text in lines).encode())
