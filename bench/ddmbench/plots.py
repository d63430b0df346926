# SPDX-License-Identifier: MIT
"""Plots: gnuplot scripts out of numbers, and SVG files out of the scripts."""

import re
import subprocess

DDM, SECOND, BOUND = "#c8102e", "#e8871e", "#8a8f98"
OTHERS = ["#1f5fa8", "#4a9bd4", "#2b8a5a", "#7a4fa3", "#5a6270"]

HEAD = """\
set terminal svg size {width},{height} dynamic enhanced font "sans-serif,15" background "#ffffff"
set encoding utf8
set border 3 lc rgb "#555555"
set tics nomirror out textcolor rgb "#333333"
set grid ytics lc rgb "#e4e4e4" lw 1
set key textcolor rgb "#222222"
"""


def head(width=760, height=380):
    return HEAD.format(width=width, height=height)


def block(name, rows):
    """A named block of data."""
    lines = [" ".join(format_cell(cell) for cell in row) for row in rows]
    return "\n".join([f"${name} << END", *lines, "END", ""])


def format_cell(cell):
    return f'"{cell}"' if isinstance(cell, str) else f"{cell:.6g}"


def lines(data, colour, title, style="lines", width=2.5):
    return f'{data} with {style} lw {width} lc rgb "{colour}" title "{title}"'


def scaling(series):
    """[(name, [(uplinks, × bound), …]), …]: ddm's first."""
    data = "".join(block(f"d{n}", points) for n, (_, points) in enumerate(series))
    drawn, others = [], 0
    for n, (name, _) in enumerate(series):
        if name.startswith("ddm"):
            colour = DDM if "equal" in name else SECOND
            drawn.append(lines(f"$d{n}", colour, name, "linespoints pt 7 ps 0.9", 3))
        else:
            # The others lie on one line: markers of different sizes let all of them be seen.
            style = f"linespoints pt 6 ps {1.3 - 0.2 * others:.1f}"
            drawn.append(lines(f"$d{n}", OTHERS[others % len(OTHERS)], name, style, 1))
            others += 1
    return (
        head(860)
        + data
        + 'set xlabel "uplinks of 50 Mbit/s (skewed: 20, 5, 10, 15, 30, 40, 60, 100)"\n'
        + 'set ylabel "× the bound"\nset key outside right top\nset logscale y 2\n'
        + "set xrange [0.8:8.2]\nset yrange [0.9:16]\nset ytics (1, 2, 4, 8, 16)\nset xtics 1\n"
        + f"plot {', '.join(drawn)}\n"
    )


def over_time(curve, changed, before, after):
    """[(s, Mbit/s), …] against the Mbit/s of all links, which changed then."""
    end = curve[-1][0]
    steps = [(0, before), (changed, before), (changed, after), (end, after)]
    drawn = [
        lines("$capacity", BOUND, "what one curl on each link gets", width=3),
        lines("$rate", DDM, "ddm, mean of the last second"),
    ]
    return (
        head()
        + block("rate", curve)
        + block("capacity", steps)
        + 'set xlabel "seconds"\nset ylabel "Mbit/s"\nset key outside top center horizontal\n'
        + f"set xrange [0:{end:.3g}]\nset yrange [0:{max(before, after) * 1.2:.4g}]\n"
        + f"plot {', '.join(drawn)}\n"
    )


def tuning(curve, most):
    """[(s, × one connection, connections), …]"""
    drawn = [
        lines(str(most), BOUND, f"{most} of them", width=3),
        lines("$curve using 1:2", DDM, "rate, mean of the last second"),
        lines("$curve using 1:3", OTHERS[0], "connections of ddm", "steps", 2),
    ]
    return (
        head()
        + block("curve", curve)
        + 'set xlabel "seconds"\nset ylabel "× one connection"\n'
        + "set key outside top center horizontal\n"
        + f"set xrange [0:{curve[-1][0]:.3g}]\nset yrange [0:{most * 1.25:.4g}]\nset ytics 4\n"
        + f"plot {', '.join(drawn)}\n"
    )


def costs(rows):
    """[(tool, CPU s per GB, MiB), …]: two panels of bars."""
    cells = []
    for number, (name, cpu, peak) in enumerate(rows):
        colour = DDM if name == "ddm" else OTHERS[1]
        cells.append((name, number, cpu, peak, int(colour[1:], 16)))
    return (
        head(760, 60 + 44 * len(rows))
        + block("costs", cells)
        + "set border 2\nunset xtics\nunset grid\n"
        + f"set yrange [{len(rows) - 0.4}:-0.6]\n"
        + "set tmargin at screen 0.86\nset bmargin at screen 0.03\n"
        + "set multiplot\n"
        + bars(3, "CPU s per GB", "%.2f", 0.2, max(row[1] for row in rows), True)
        + bars(4, "peak memory, MiB", "%.0f", 0.62, max(row[2] for row in rows), False)
        + "unset multiplot\n"
    )


def bars(column, title, form, left, highest, named):
    """One panel out of $costs, with its left edge there; the tools' names beside it or not."""
    box = f"${column}*0.5"
    names = ":ytic(1)" if named else ""
    return (
        f'set title "{title}"\n'
        + f"set lmargin at screen {left}\nset rmargin at screen {left + 0.34}\n"
        + f'set xrange [0:{highest * 1.25:.4g}]\nset format y "{"%s" if named else ""}"\n'
        + f"plot $costs using ({box}):2:({box}):(0.35):5{names}"
        + " with boxxyerror fs solid noborder lc rgb variable notitle,"
        + f' $costs using {column}:2:(sprintf(" {form}", ${column})) with labels left notitle\n'
    )


def draw(script, path):
    """Writes the SVG; a figure that gnuplot cannot draw is an error."""
    done = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True, check=False)
    if done.returncode != 0 or not done.stdout.lstrip().startswith("<?xml"):
        raise RuntimeError(f"gnuplot: {done.stderr.strip()}")
    # Which release drew it does not matter, and the same numbers should give the same file.
    path.write_text(re.sub(r"<desc>.*?</desc>\n?", "", done.stdout), encoding="utf-8")
