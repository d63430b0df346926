# SPDX-License-Identifier: MIT
"""Lists of downloads (-i), some at a time (-j), and what runs after each of them."""

import json
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from ddmlab import server, wait_until
from ddmlab.content import MIB, assert_same

SECRET = "hush-4711"


def start(lab, lines, *options, **named):
    """`ddm get -i` of these lines, into a folder. Returns (process, folder)."""
    folder = lab.folder("many")
    listed = folder.with_suffix(".list")
    listed.write_text("".join(f"{line}\n" for line in lines))
    return again(lab, folder, *options, **named), folder


def again(lab, folder, *options, **named):
    arguments = ["get", "--no-peers", "-d", folder, "-i", folder.with_suffix(".list")]
    return lab.run_ddm(lab.hosts[0], *arguments, *options, **named)


def ended(process, code):
    process.wait()
    assert process.code == code, f"exit {process.code}, not {code}\n{process.tail()}"
    return process


def files(lab, count, size):
    return [lab.file(f"file-{number}", size) for number in range(count)]


def urls(lab, paths):
    return [lab.origin.url(path.name) for path in paths]


def events(process):
    lines = process.stdout_path.read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in lines]


def children(process):
    found = subprocess.run(
        ["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in found.stdout.split()]


def test_a_list_with_its_own_options(make_lab):
    lab = make_lab(100)
    one, two, three = files(lab, 3, 200_000)
    lines = [
        "# what we need",
        "",
        lab.origin.url("file-0"),
        f"  '{lab.origin.url('file-1')}' -o 'two words'   # renamed",
        f'{lab.origin.url("file-2")} --directory "{lab.directory}" -n 1',
    ]
    process, folder = start(lab, lines)
    ended(process, 0)
    assert_same(folder / "file-0", one)
    assert_same(folder / "two words", two)
    assert_same(lab.directory / "file-2", three)
    assert sorted(path.name for path in folder.iterdir()) == ["file-0", "two words"]
    assert process.stdout == ""
    sentences = [line for line in process.stderr.splitlines() if "KiB in" in line]
    assert len(sentences) == 3, process.stderr


def test_several_addresses_of_one_file(make_lab):
    lab = make_lab(100)
    (path,) = files(lab, 1, 500_000)
    get = lab.download(lab.hosts[0], lab.origin.url("file-0"), lab.origin.url("file-0"))
    assert_same(get.file, path)


class Crowd:
    """An origin that knows how many of its files are being fetched."""

    def __init__(self, size):
        self.honest = server.ranged(bytes(size))
        self.lock = threading.Lock()
        self.now = []
        self.most = 0
        self.full = threading.Event()

    def __call__(self, exchange):
        with self.lock:
            self.now.append(exchange.path)
            self.most = max(self.most, len(set(self.now)))
            if len(set(self.now)) >= 3:
                self.full.set()
        # The first ones wait for each other, so that their number does not depend on luck.
        self.full.wait(20)
        self.honest(exchange)
        with self.lock:
            self.now.remove(exchange.path)


def test_so_many_at_a_time(make_lab):
    lab = make_lab(100)
    crowd = Crowd(100_000)
    origin = lab.serve(crowd)
    process, folder = start(lab, [origin.url(f"file-{n}") for n in range(8)], "-j", "3")
    ended(process, 0)
    assert len(list(folder.iterdir())) == 8
    assert crowd.most == 3


def test_what_fails_is_named_and_the_rest_goes_on(make_lab):
    lab = make_lab(100)
    paths = files(lab, 3, 100_000)
    good = urls(lab, paths)
    wrong = f"{good[1]} --checksum md5={'0' * 32}"
    process, folder = start(lab, [good[0], lab.origin.url("missing"), wrong, good[2]], "-j1")
    ended(process, 4)  # of the first line that failed
    assert_same(folder / "file-0", paths[0])
    assert_same(folder / "file-2", paths[2])
    assert not (folder / "file-1").exists()
    errors = [line for line in process.stderr.splitlines() if line.startswith("ddm: ")]
    assert len(errors) == 3, process.stderr
    assert "404" in errors[0] and "missing" in errors[0]
    assert errors[1].startswith("ddm: file-1: ") and "md5" in errors[1]
    assert errors[2] == "ddm: 2 of 4 downloads failed"


def test_a_wrong_line_stops_all_before_anything_starts(make_lab):
    lab = make_lab(100)
    (path,) = files(lab, 1, 1000)
    process, folder = start(lab, [*urls(lab, [path]), "", "http://h/x --no-such-thing"])
    ended(process, 2)
    assert ":3: " in process.stderr and "--no-such-thing" in process.stderr
    assert list(folder.iterdir()) == []


def test_events_say_whose_they_are(make_lab):
    lab = make_lab(100)
    paths = files(lab, 2, 100_000)
    process, _ = start(lab, ["# comment", *urls(lab, paths), lab.origin.url("none")], "--json")
    ended(process, 4)
    got = events(process)
    assert {(event["file"], event["line"]) for event in got} == {(1, 2), (2, 3), (3, 4)}
    for number, path in enumerate(paths, 1):
        (done,) = [e for e in got if e["file"] == number and e["event"] == "done"]
        assert done["path"].endswith(path.name)
        assert done["restored"] == 0 and done["already"] is False
    (error,) = [e for e in got if e["event"] == "error"]
    assert error["file"] == 3 and error["exit"] == 4


def slow(lab, *options):
    """A list that takes a while, under way: all that may be at a time has bytes."""
    paths = files(lab, 4, 16 * MIB)
    process, folder = start(lab, urls(lab, paths), "-j", "2", "--json", *options)

    def under_way():
        assert process.running(), process.tail()
        return {e["file"] for e in events(process) if e.get("done", 0) > 0} == {1, 2}

    wait_until(under_way, "two downloads to be under way")
    return process, folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_all_in_good_order(make_lab, number):
    lab = make_lab(20)
    process, folder = slow(lab)
    running = children(process)
    assert len(running) == 2
    process.signal(number)
    ended(process, 8)
    assert [pid for pid in running if Path(f"/proc/{pid}").exists()] == []
    parts = sorted(path.name for path in folder.iterdir() if path.name.endswith(".part"))
    assert parts == ["file-0.part", "file-1.part"]
    lines = [line for line in process.stderr.splitlines() if line.startswith("ddm: ")]
    assert len(lines) == 1, process.stderr
    assert "interrupted: 0 of 4 files" in lines[0]


def test_ctrl_c_reaches_the_children_once(make_lab):
    """A terminal sends it to the whole group; twice would end them at once."""
    lab = make_lab(20)
    process, _ = slow(lab)
    for pid in [*children(process), process.pid]:
        subprocess.run(["kill", "-INT", str(pid)], check=True)
    ended(process, 8)
    told = {e["file"] for e in events(process) if e["event"] == "error" and e["exit"] == 8}
    assert told == {1, 2}


def test_no_child_outlives_a_parent_that_is_killed(make_lab):
    lab = make_lab(20)
    process, _ = slow(lab)
    running = children(process)
    process.kill()

    def gone():
        return not any(Path(f"/proc/{pid}").exists() for pid in running)

    wait_until(gone, "the children to end")


def test_a_child_that_is_killed_is_told(make_lab):
    lab = make_lab(20)
    process, _ = slow(lab, "--max-time", "1000h")
    first = min(children(process))
    subprocess.run(["kill", "-KILL", str(first)], check=True)
    ended(process, 1)
    assert "ended by signal 9" in process.stderr
    assert "1 of 4 downloads failed" in process.stderr


def test_secrets_are_in_no_process_list(make_lab):
    lab = make_lab(20)
    paths = files(lab, 2, 16 * MIB)
    lines = [f"{url} -u me:{SECRET} -H 'X: {SECRET}'" for url in urls(lab, paths)]
    process, _ = start(lab, lines, "--json", "--header", f"Y: {SECRET}", f"-ume:{SECRET}")
    wait_until(lambda: len(children(process)) == 2, "two children")
    for pid in [process.pid, *children(process)]:
        shown = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
        assert "--header" in shown
        assert SECRET not in shown
    process.interrupt()
    ended(process, 8)
    assert SECRET not in process.stderr + process.stdout


# --- --on-complete --------------------------------------------------------------------------------

TELL = 'echo "$DDM_SIZE $DDM_URL $DDM_PATH"'


def test_a_command_for_each_complete_file(make_lab):
    lab = make_lab(100)
    paths = files(lab, 2, 1000)
    lines = [*urls(lab, paths), lab.origin.url("missing")]
    process, folder = start(lab, lines, "--on-complete", TELL)
    ended(process, 4)
    expected = [f"1000 {lab.origin.url(path.name)} {folder / path.name}" for path in paths]
    assert sorted(process.stdout.splitlines()) == expected
    # It is for what a run completed, not for what was there.
    second = again(lab, folder, "--on-complete", TELL)
    second.wait()
    assert second.stdout == ""


def test_a_command_that_fails_is_exit_1(make_lab):
    lab = make_lab(100)
    (path,) = files(lab, 1, 1000)
    url = lab.origin.url(path.name)
    get = lab.download(lab.hosts[0], url, "--on-complete", "exit 7", code=1, events=False)
    assert_same(get.file, path)
    assert "--on-complete" in get.error_line and "7" in get.error_line
    process, folder = start(lab, [f"{url} --on-complete 'kill -9 $$'", f"{url} -o x"])
    ended(process, 1)
    assert "signal 9" in process.stderr and "1 of 2 downloads failed" in process.stderr
    assert_same(folder / path.name, path)


@pytest.mark.parametrize("many", [False, True])
def test_a_command_does_not_write_between_the_events(make_lab, many):
    lab = make_lab(100)
    (path,) = files(lab, 1, 1000)
    url = lab.origin.url(path.name)
    if many:
        process, _ = start(lab, [url], "--json", "--on-complete", "echo hello")
    else:
        process = lab.get(lab.hosts[0], url, "--on-complete", "echo hello").process
    ended(process, 0)
    assert [e["event"] for e in events(process)][-1] == "done"
    assert "hello" in process.stderr


def test_a_command_does_not_write_into_the_pipe(make_lab):
    lab = make_lab(100)
    (path,) = files(lab, 1, 1000)
    get = lab.download(
        lab.hosts[0], lab.origin.url(path.name), "--on-complete", "echo hello; echo $DDM_PATH",
        output="-", events=False,
    )  # fmt: skip
    assert get.process.stdout_path.read_bytes() == path.read_bytes()
    assert "hello\n-\n" in get.stderr
