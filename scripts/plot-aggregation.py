#!/usr/bin/env python3
"""Draws what scripts/study-aggregation.sh has measured: plot-aggregation.py results.csv > picture.svg"""
import csv
import math
import sys
from collections import defaultdict

WIDTH, HEIGHT, LEFT, TOP, GAP = 380, 250, 52, 34, 40
LOWEST, HIGHEST = 1.50, 1.80
RATES = (0.25, 0.5, 1, 2, 4)
COLOURS = {"mean_present": "#2f6fde", "mean_shrunk": "#1a9850", "mean_all": "#d9662b"}


def x_of(rate):
    return LEFT + (math.log2(rate) + 2) / 4 * WIDTH


def y_of(loss):
    return TOP + (HIGHEST - loss) / (HIGHEST - LOWEST) * HEIGHT


def panel(rows, miners, left):
    lines = [f'<g transform="translate({left} 0)">', f'<text class="title" x="{LEFT}" y="{TOP - 14}">{miners} miners</text>']
    for loss in (1.5, 1.55, 1.6, 1.65, 1.7, 1.75, 1.8):
        lines.append(f'<line class="grid" x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y_of(loss):.1f}" y2="{y_of(loss):.1f}"/>')
        lines.append(f'<text class="tick" x="{LEFT - 6}" y="{y_of(loss) + 4:.1f}" text-anchor="end">{loss:.2f}</text>')
    for rate in RATES:
        lines.append(f'<text class="tick" x="{x_of(rate):.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{rate:g}</text>')
    lines.append(f'<text class="tick" x="{LEFT + WIDTH / 2}" y="{TOP + HEIGHT + 36}" text-anchor="middle">outer rate</text>')
    for rule, colour in COLOURS.items():
        points = sorted((rate, loss) for rate, loss in rows[rule, miners] if loss <= HIGHEST)
        path = " ".join(f"{x_of(rate):.1f},{y_of(loss):.1f}" for rate, loss in points)
        lines.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>')
        lines += [f'<circle fill="{colour}" r="3.5" cx="{x_of(rate):.1f}" cy="{y_of(loss):.1f}"><title>{rule} {rate:g}: {loss}</title></circle>'
                  for rate, loss in points]
    lines.append("</g>")
    return lines


def main():
    rows = defaultdict(list)
    with open(sys.argv[1], newline="", encoding="utf-8") as file:
        for rule, rate, miners, _seed, loss in csv.reader(file):
            rows[rule, int(miners)].append((float(rate), float(loss)))
    width, height = 2 * (LEFT + WIDTH) + GAP + 10, TOP + HEIGHT + 76
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
             "<style>.grid{stroke:#8884}.tick{font-size:12px;fill:#777}.title{font-size:14px;font-weight:600;fill:#777}</style>"]
    lines += panel(rows, 4, 0) + panel(rows, 8, LEFT + WIDTH + GAP)
    for i, (rule, colour) in enumerate(COLOURS.items()):
        x, y = LEFT + 140 * i, height - 10
        lines.append(f'<circle fill="{colour}" r="4" cx="{x + 4}" cy="{y - 4}"/><text class="tick" x="{x + 14}" y="{y}">{rule}</text>')
    lines.append("</svg>")
    print("\n".join(lines))


main()
