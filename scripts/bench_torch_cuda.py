#!/usr/bin/env python3
"""The model of `templar bench train --device cuda` in PyTorch on the same card: same shapes, weights, tokens and AdamW.

For comparing speed and losses; nothing of the project depends on it. Prints one JSON object. PyTorch gets what helps it:
layers and loss compiled, the fastest of its attentions (measured first), q, k, v and gate, up as one product each, fused AdamW.

Apart from bench_torch.py, much of which it repeats: that one runs on Debian's PyTorch 1.13, which has none of these, and a bundle for a
machine with a card carries this file alone.
"""
import argparse
import json
import time

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--weights", choices=["autocast", "bf16"], default="autocast",
                    help="f32 weights under autocast, or a bf16 model beside f32 master weights")
parser.add_argument("--steps", type=int, default=10)
parser.add_argument("--warmup", type=int, default=3)
parser.add_argument("--vocab", type=int, default=32000)
parser.add_argument("--hidden", type=int, default=2048)
parser.add_argument("--layers", type=int, default=16)
parser.add_argument("--heads", type=int, default=16)
parser.add_argument("--key-value-heads", type=int, default=0)
parser.add_argument("--intermediate", type=int, default=8192)
parser.add_argument("--sequence", type=int, default=2048)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--micro-batch", type=int, default=8)
parser.add_argument("--peak", type=float, default=0, help="flop/s that a large product reaches; 0: measured here")
arguments = parser.parse_args()

EPSILON = 1e-5
THETA = 10000.0
LEARNING_RATE = 1e-3
DEVICE = "cuda"


def signed(value):
    """A 64-bit pattern as the int64 that has it."""
    return value - (1 << 64) if value >= 1 << 63 else value


def shifted(x, bits):
    """A logical shift to the right: int64's own would copy the sign."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def uniform(stream, count):
    """mix64 of each place, as the engine's benchmark does it: float64 in [0, 1)."""
    x = (stream << 40) + torch.arange(count, dtype=torch.int64, device=DEVICE) + signed(0x9E3779B97F4A7C15)
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
        return torch.ones(size, device=DEVICE)


def rms_norm(x, weight):
    x32 = x.float()
    normed = x32 * torch.rsqrt(x32.square().mean(-1, keepdim=True) + EPSILON)
    return (normed * weight).to(torch.bfloat16)


def rotate(x, cosines, sines):
    first, second = x.float().chunk(2, dim=-1)
    return torch.cat((first * cosines - second * sines, second * cosines + first * sines), dim=-1).to(x.dtype)


class Layer(torch.nn.Module):
    def __init__(self, weights, a):
        super().__init__()
        self.heads = a.heads
        self.kv_heads = a.key_value_heads
        self.head_dim = a.hidden // a.heads
        wide = self.kv_heads * self.head_dim
        parts = [weights.matrix(a.hidden, a.hidden), weights.matrix(wide, a.hidden), weights.matrix(wide, a.hidden)]
        self.qkv = torch.nn.Parameter(torch.cat(parts))
        self.output = torch.nn.Parameter(weights.matrix(a.hidden, a.hidden))
        self.gate_up = torch.nn.Parameter(torch.cat([weights.matrix(a.intermediate, a.hidden) for _ in range(2)]))
        self.down = torch.nn.Parameter(weights.matrix(a.hidden, a.intermediate))
        self.input_norm = torch.nn.Parameter(weights.norm(a.hidden))
        self.post_attention_norm = torch.nn.Parameter(weights.norm(a.hidden))

    def attention(self, x, cosines, sines):
        batch, time_, hidden = x.shape
        heads, kv = self.heads, self.kv_heads
        all_heads = F.linear(x, self.qkv).view(batch, time_, heads + 2 * kv, self.head_dim).transpose(1, 2)
        q, k, v = all_heads.split([heads, kv, kv], dim=1)
        q, k = rotate(q, cosines, sines), rotate(k, cosines, sines)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=kv != heads)
        return F.linear(mixed.transpose(1, 2).reshape(batch, time_, hidden), self.output)

    def forward(self, x, cosines, sines):
        x = x + self.attention(rms_norm(x, self.input_norm), cosines, sines)
        gate, up = F.linear(rms_norm(x, self.post_attention_norm), self.gate_up).chunk(2, dim=-1)
        return x + F.linear(F.silu(gate) * up, self.down)


def head_loss(x, norm, head, tokens):
    logits = F.linear(rms_norm(x, norm), head)
    return F.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]).float(), tokens[:, 1:].reshape(-1))


class Model(torch.nn.Module):
    def __init__(self, a):
        super().__init__()
        weights = Weights()
        self.embedding = torch.nn.Parameter(weights.matrix(a.vocab, a.hidden))
        self.layers = torch.nn.ModuleList([Layer(weights, a) for _ in range(a.layers)])
        self.norm = torch.nn.Parameter(weights.norm(a.hidden))
        self.head = torch.nn.Parameter(weights.matrix(a.vocab, a.hidden))
        half = a.hidden // a.heads // 2
        frequencies = THETA ** (-torch.arange(half, dtype=torch.float64, device=DEVICE) / half)
        angles = torch.outer(torch.arange(a.sequence, dtype=torch.float64, device=DEVICE), frequencies)
        self.rope = (angles.cos().float(), angles.sin().float())
        for layer in self.layers:
            layer.compile()
        self.head_loss = torch.compile(head_loss)

    def forward(self, tokens):
        x = F.embedding(tokens, self.embedding)
        for layer in self.layers:
            x = layer(x, *self.rope)
        return self.head_loss(x, self.norm, self.head, tokens)


def step_tokens(a, step):
    u = uniform(1000 + step, a.batch * a.sequence)
    return (u * u * a.vocab).long().reshape(a.batch, a.sequence)


def median_ms(work, runs=10):
    for _ in range(3):
        work()
    times = []
    for _ in range(runs):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return sorted(times)[len(times) // 2]


def attention_figures(a):
    """TFLOP/s forward and backward of each of PyTorch's attentions on the model's shape, the visible half counted."""
    head_dim = a.hidden // a.heads
    flops = 2 * 2 * a.micro_batch * a.heads * a.sequence * a.sequence * head_dim / 2
    figures = {}
    for name, backend in (("cudnn", SDPBackend.CUDNN_ATTENTION), ("flash", SDPBackend.FLASH_ATTENTION)):
        try:
            shape = (a.micro_batch, a.sequence, a.heads, head_dim)
            q, k, v = (torch.randn(shape, device=DEVICE, dtype=torch.bfloat16).transpose(1, 2).requires_grad_()
                       for _ in range(3))
            with sdpa_kernel(backend):
                forward = median_ms(lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True))
                out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
                upstream = torch.randn_like(out)
                backward = median_ms(
                    lambda: torch.autograd.grad(out, (q, k, v), upstream, retain_graph=True))
            figures[name] = {"forward_tflops": flops / forward / 1e9, "backward_tflops": 2.5 * flops / backward / 1e9,
                             "milliseconds": forward + backward}
        except RuntimeError as error:
            figures[name] = {"error": str(error)[:200], "milliseconds": float("inf")}
    return figures


def measured_peak():
    a, b = (torch.randn(8192, 8192, device=DEVICE, dtype=torch.bfloat16) for _ in range(2))
    return 2 * 8192**3 / (median_ms(lambda: a @ b.T) / 1e3)


def flops_a_token(a):
    wide = a.hidden // a.heads * a.key_value_heads
    layer = 2 * a.hidden * (a.hidden + wide) + 3 * a.hidden * a.intermediate
    return 6 * (a.vocab * a.hidden + a.layers * layer) + 6 * a.layers * a.hidden * a.sequence


def train(a, backend):
    model = Model(a)
    trained = list(model.parameters())
    masters = trained
    if a.weights == "bf16":
        masters = [p.detach().clone().requires_grad_() for p in trained]
        model.bfloat16()
    optimiser = torch.optim.AdamW(masters, lr=LEARNING_RATE, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1, fused=True)
    parts = a.batch // a.micro_batch
    losses, seconds = [], []
    for step in range(a.warmup + a.steps):
        tokens = step_tokens(a, step)
        torch.cuda.synchronize()
        begin = time.perf_counter()
        total = 0
        for part in tokens.split(a.micro_batch):
            with sdpa_kernel(backend), torch.autocast("cuda", torch.bfloat16, enabled=a.weights == "autocast"):
                loss = model(part) / parts
            loss.backward()
            total = total + loss.detach()
        if a.weights == "bf16":
            for master, p in zip(masters, trained):
                master.grad = p.grad.float()
                p.grad = None
        torch.nn.utils.clip_grad_norm_(masters, 1.0, foreach=True)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if a.weights == "bf16":
            with torch.no_grad():
                torch._foreach_copy_(trained, masters)
        losses.append(total.item())
        torch.cuda.synchronize()
        if step >= a.warmup:
            seconds.append(time.perf_counter() - begin)
    return losses, sorted(seconds)[len(seconds) // 2]


def main(a):
    a.key_value_heads = a.key_value_heads or a.heads
    attention = attention_figures(a)
    best = min(attention, key=lambda name: attention[name]["milliseconds"])
    backend = {"cudnn": SDPBackend.CUDNN_ATTENTION, "flash": SDPBackend.FLASH_ATTENTION}[best]
    peak = a.peak or measured_peak()
    losses, median = train(a, backend)
    tokens_per_second = a.batch * a.sequence / median
    print(json.dumps({"torch": torch.__version__, "card": torch.cuda.get_device_name(), "weights": a.weights,
                      "attention": attention, "fastest_attention": best, "tokens_per_second": tokens_per_second,
                      "seconds_a_step": median, "flops_per_second": flops_a_token(a) * tokens_per_second,
                      "peak_flops_per_second": peak, "share_of_peak": flops_a_token(a) * tokens_per_second / peak,
                      "memory_gib": torch.cuda.max_memory_allocated() / 2**30, "losses": losses}, indent=2))


main(arguments)
