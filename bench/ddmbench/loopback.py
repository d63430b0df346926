# SPDX-License-Identifier: MIT
"""What ddm costs where nothing is slow: loopback, no limits, no peers, to tmpfs, against curl."""

from ddmlab import Lab
from ddmlab.content import GIB, make_big_file, same_bytes

from .report import median, say, spread, table, verdict

ROUNDS = 8
SCRATCH = "/dev/shm"
LIMIT = 1.2


def add_arguments(parser):
    parser.add_argument("--size", type=float, default=2, metavar="GIB")


def run(binary, arguments):
    with Lab(binary=binary, scratch=SCRATCH) as lab:
        path = make_big_file(lab.origin.files / "file", int(arguments.size * GIB))
        got = lab.folder() / "got"
        url = f"http://127.0.0.1:{lab.origin.port}/file"
        commands = {
            "curl": ["curl", "-s", "-o", got, url],
            "ddm": [binary, "get", "-q", "--no-peers", "-d", got.parent, "-o", got.name, url],
        }
        measured = {name: [] for name in commands}
        for number in range(arguments.rounds + 1):
            # In turn who goes first: it gets the memory that the other has just given back.
            turn = list(commands.items())[:: 1 if number % 2 else -1]
            for name, command in turn:
                process = lab.origin_host.run(*command)
                assert process.wait(deadline=300) == 0, process.tail()
                # The first round warms up and compares; the others measure.
                if number == 0:
                    assert same_bytes(got, path)
                else:
                    measured[name].append((process.seconds, process.cpu_seconds))
                    say(f"{name}: {process.seconds:.2f} s, {process.cpu_seconds:.2f} s of CPU")
                got.unlink()
    return present(arguments, measured)


def present(arguments, measured):
    rows, good = [], True
    for index, what in enumerate(("wall", "CPU")):
        curl, ddm = ([figures[index] for figures in measured[name]] for name in ("curl", "ddm"))
        ratio = median(ddm) / median(curl)
        good = good and ratio <= LIMIT
        rows.append((what, spread(curl), spread(ddm), f"{ratio:.2f}", verdict(ratio <= LIMIT)))
    table(
        f"{arguments.size:g} GiB from nginx over loopback to tmpfs ({arguments.rounds} rounds)",
        ("seconds", "curl", "ddm get --no-peers", "ratio", f"at most {LIMIT}"),
        rows,
    )
    return good
