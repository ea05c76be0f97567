#!/usr/bin/python3
"""The model of `templar bench train` in PyTorch: same shapes, weights, tokens and AdamW, for comparing speed and losses.

Needs python3-torch (Debian's package); nothing of the project depends on it. Prints one JSON object.
PyTorch gets what helps it: AVX-512 kernels, OpenBLAS told of a processor that it knows, large blocks kept by the allocator,
q, k, v and gate, up as one product each, AdamW over all tensors at once.
"""
import argparse
import json
import os
import sys
import time

TUNING = {
    "ATEN_CPU_CAPABILITY": "avx512",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
    "MALLOC_TOP_PAD_": str(1 << 26),
}

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
parser.add_argument("--bf16", choices=["autocast", "master"], default="autocast",
                    help="autocast, or a bf16 model beside f32 master weights")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--warmup", type=int, default=3)
parser.add_argument("--vocab", type=int, default=8192)
parser.add_argument("--hidden", type=int, default=256)
parser.add_argument("--layers", type=int, default=6)
parser.add_argument("--heads", type=int, default=8)
parser.add_argument("--intermediate", type=int, default=704)
parser.add_argument("--sequence", type=int, default=256)
parser.add_argument("--batch", type=int, default=8)
arguments = parser.parse_args()

wanted = dict(TUNING, OMP_NUM_THREADS=str(arguments.threads))
if "avx512f" in open("/proc/cpuinfo").read():
    wanted["OPENBLAS_CORETYPE"] = "SKYLAKEX"  # on a newer processor than it knows, OpenBLAS may stop at AVX2
else:
    del wanted["ATEN_CPU_CAPABILITY"]
missing = {name: value for name, value in wanted.items() if name not in os.environ}
if missing:  # these are read when the process starts
    os.execve(sys.executable, [sys.executable] + sys.argv, dict(os.environ, **missing))

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

EPSILON = 1e-5
THETA = 10000.0
LEARNING_RATE = 1e-3


def signed(value):
    """A 64-bit pattern as the int64 that has it."""
    return value - (1 << 64) if value >= 1 << 63 else value


def shifted(x, bits):
    """A logical shift to the right: int64's own would copy the sign."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def uniform(stream, count):
    """mix64 of each place, as the engine's benchmark does it: float64 in [0, 1)."""
    x = (stream << 40) + torch.arange(count, dtype=torch.int64) + signed(0x9E3779B97F4A7C15)
    x = (x ^ shifted(x, 30)) * signed(0xBF58476D1CE4E5B9)
    x = (x ^ shifted(x, 27)) * signed(0x94D049BB133111EB)
    x = x ^ shifted(x, 31)
    return shifted(x, 11).double() * 2.0**-53


class Weights:
    """Numbers the parameters in canonical order while they are made."""

    def __init__(self):
        self.next = 0

    def matrix(self, rows, columns):
        self.next += 1
        half_range = 0.02 * 1.7320508075688772
        values = (2 * uniform(self.next, rows * columns) - 1) * half_range
        return values.float().reshape(rows, columns)

    def norm(self, size):
        self.next += 1
        return torch.ones(size)


def rms_norm(x, weight):
    x32 = x.float()
    normed = x32 * torch.rsqrt(x32.square().mean(-1, keepdim=True) + EPSILON)
    return (normed * weight).to(x.dtype)


def rotate(x, cosines, sines):
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosines - second * sines, second * cosines + first * sines), dim=-1)


class Layer(torch.nn.Module):
    def __init__(self, weights, hidden, heads, intermediate):
        super().__init__()
        self.heads = heads
        self.qkv = torch.nn.Parameter(torch.cat([weights.matrix(hidden, hidden) for _ in range(3)]))
        self.output = torch.nn.Parameter(weights.matrix(hidden, hidden))
        self.gate_up = torch.nn.Parameter(torch.cat([weights.matrix(intermediate, hidden) for _ in range(2)]))
        self.down = torch.nn.Parameter(weights.matrix(hidden, intermediate))
        self.input_norm = torch.nn.Parameter(weights.norm(hidden))
        self.post_attention_norm = torch.nn.Parameter(weights.norm(hidden))

    def attention(self, x, rope, mask):
        batch, time_, hidden = x.shape
        q, k, v = F.linear(x, self.qkv).view(batch, time_, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        q, k = rotate(q, *rope), rotate(k, *rope)
        scores = torch.matmul(q, k.transpose(-1, -2)) * (q.shape[-1] ** -0.5)
        probabilities = F.softmax(scores + mask, dim=-1, dtype=scores.dtype)
        mixed = torch.matmul(probabilities, v).transpose(1, 2).reshape(batch, time_, hidden)
        return F.linear(mixed, self.output)

    def forward(self, x, rope, mask):
        x = x + self.attention(rms_norm(x, self.input_norm), rope, mask)
        gate, up = F.linear(rms_norm(x, self.post_attention_norm), self.gate_up).chunk(2, dim=-1)
        return x + F.linear(F.silu(gate) * up, self.down)


class Model(torch.nn.Module):
    def __init__(self, a):
        super().__init__()
        weights = Weights()
        self.embedding = torch.nn.Parameter(weights.matrix(a.vocab, a.hidden))
        self.layers = torch.nn.ModuleList([Layer(weights, a.hidden, a.heads, a.intermediate) for _ in range(a.layers)])
        self.norm = torch.nn.Parameter(weights.norm(a.hidden))
        self.head = torch.nn.Parameter(weights.matrix(a.vocab, a.hidden))
        head_dim = a.hidden // a.heads
        frequencies = THETA ** (-2.0 * torch.arange(head_dim // 2, dtype=torch.float64) / head_dim)
        angles = torch.outer(torch.arange(a.sequence, dtype=torch.float64), frequencies)
        self.rope = (angles.cos().float(), angles.sin().float())
        self.mask = torch.full((a.sequence, a.sequence), float("-inf")).triu(1)

    def forward(self, tokens):
        x = F.embedding(tokens, self.embedding)
        rope = tuple(table.to(x.dtype) for table in self.rope)
        mask = self.mask.to(x.dtype)
        for layer in self.layers:
            x = layer(x, rope, mask)
        logits = F.linear(rms_norm(x, self.norm), self.head)
        return F.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]).float(), tokens[:, 1:].reshape(-1))


def step_tokens(a, step):
    u = uniform(1000 + step, a.batch * a.sequence)
    return (u * u * a.vocab).long().reshape(a.batch, a.sequence)


def main(a):
    torch.set_num_threads(a.threads)
    model = Model(a)
    copy = a.precision == "bf16" and a.bf16 == "master"
    trained = list(model.parameters())
    if copy:  # gradients are computed by a bf16 model and applied to the f32 weights
        model = model.bfloat16()
        masters = [p.detach().float().clone().requires_grad_() for p in trained]
        reference = Model(a)
        for master, initial in zip(masters, reference.parameters()):
            master.data.copy_(initial.data)
    optimiser = torch.optim.AdamW(masters if copy else trained, lr=LEARNING_RATE, betas=(0.9, 0.95), eps=1e-8,
                                  weight_decay=0.1, foreach=True)
    losses, seconds = [], []
    for step in range(a.warmup + a.steps):
        tokens = step_tokens(a, step)
        begin = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=a.precision == "bf16" and not copy):
            loss = model(tokens)
        loss.backward()
        if copy:
            for master, p in zip(masters, trained):
                master.grad = p.grad.float()
        torch.nn.utils.clip_grad_norm_(masters if copy else trained, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if copy:
            with torch.no_grad():
                for master, p in zip(masters, trained):
                    p.copy_(master)
                    p.grad = None
        losses.append(loss.item())
        if step >= a.warmup:
            seconds.append(time.perf_counter() - begin)
    median = sorted(seconds)[len(seconds) // 2]
    print(json.dumps({"precision": a.precision, "threads": a.threads, "torch": torch.__version__,
                      "tokens_per_second": a.batch * a.sequence / median,
                      "tokens_per_second_best": a.batch * a.sequence / min(seconds), "losses": losses[:5]}))


main(arguments)
