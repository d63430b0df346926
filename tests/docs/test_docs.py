# SPDX-License-Identifier: MIT
"""What the documents say is true: their commands run and print what is shown, and the files,
options, names and links that they mention are there."""

import hashlib
import importlib.util
import re
import subprocess

import pytest
from documents import LANGUAGES, LINK, ROOT, blocks, documents, headings, name_of, prose, spans, table
from machines import Machines, find_binary
from origin import Origin

ARCHITECTURE = ROOT / "docs" / "ARCHITECTURE.md"
README = ROOT / "README.md"
COMMANDS = ("get", "peer", "tracker")
SWARM_COMMANDS = ("swarm init", "swarm token", "swarm join", "swarm show")
RUN = re.compile(r"run(?:: (\S+) of (\d+)M(?: at (\d+)M)?(?:, (\d) machines)?)?")


def every(items):
    return pytest.mark.parametrize("item", items, ids=str)


# --- commands -------------------------------------------------------------------------------------


def test_each_block_says_what_it_is():
    for block in blocks():
        assert block.language in LANGUAGES, f"{block}: language '{block.language}'"
        if block.language == "console":
            assert RUN.fullmatch(block.marker) or re.fullmatch("not run: .+", block.marker), (
                f"{block}: '{block.marker}' does not say whether it is run"
            )


def normal(line):
    """A line of output without what differs from run to run: numbers, units, bars, escapes."""
    line = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line)
    line = re.sub(r"[▏▎▍▌▋▊▉█░]+", " ▒ ", line)
    line = re.sub(r"\bddm1_\S+", "ddm1_", line)
    line = re.sub(r"\d[\d.:]*", "0", line)
    line = re.sub(r"\b[KMGT]?i?B\b", "U", line)
    return " ".join(line.split())


def check_output(command, output):
    """Each line that is shown is among those that were printed."""
    printed = {normal(line) for line in re.split(r"[\r\n]+", output)}
    for line in command.output:
        assert normal(line) in printed, f"'{line}' was not printed:\n{output}"


def check_bytes(machines, origin, output):
    """All that was downloaded is right; there is something."""
    files = [path for path in machines.folder.rglob(origin.name) if path.is_file()]
    for path in files:
        assert path.read_bytes() == origin.content, f"{path} is not what the origin has"
    digest = hashlib.sha256(origin.content).hexdigest()
    for line in re.findall(r"^[0-9a-f]{64}\b", output, re.M):
        assert line == digest
    assert files


@every([block for block in blocks("console") if block.marker.startswith("run")])
def test_its_commands_run(item, tmp_path, request):
    name, size, rate, count = RUN.fullmatch(item.marker).groups()
    origin = Origin(name, int(size) << 20, int(rate or 0) << 20) if name else None
    if origin:
        request.addfinalizer(origin.close)
    everything = ""
    with Machines(tmp_path, origin) as machines:
        if count:
            machines.swarm(int(count))
        for command in item.commands():
            picture = any("█" in line for line in command.output)
            columns = max(map(len, command.output)) + 1 if picture else 0
            code, output = machines.run(command.host, command.line, columns)
            assert code == 0, f"exit {code} of: {command.line}\n{output}"
            check_output(command, output)
            everything += output
        if origin:
            check_bytes(machines, origin, everything)


@every(blocks("ini"))
def test_config_examples_serve_all_commands(item, tmp_path, request):
    origin = Origin("file", 1 << 20)
    request.addfinalizer(origin.close)
    config = tmp_path / "ddm.conf"
    with Machines(tmp_path, origin) as machines:
        config.write_text(machines.translate(item.text))
        machines.run("lab1", f"ddm tracker --config {config}")
        machines.run("lab2", f"ddm peer --config {config} --allow 127.0.0.0/8")
        url = f"http://{origin.address}/file"
        code, output = machines.run("lab1", f"ddm get --config {config} {url}")
        assert code == 0, output
        check_bytes(machines, origin, output)


# --- options and exit codes -----------------------------------------------------------------------


def help_of(command):
    done = subprocess.run(
        [find_binary(), "help", *command.split()], capture_output=True, text=True, check=True,
        timeout=60,
    )  # fmt: skip
    return done.stdout


def options_of(command):
    """{"--output", "-o", …}, as the help has them."""
    found = re.findall(r"^  (?:(-\w), |    )(--[a-z-]+)", help_of(command), re.M)
    return {name for pair in found for name in pair if name}


def long_options(names):
    return {name for name in names if name.startswith("--")}


def test_the_option_table_is_complete():
    rows = {cells[0]: set(re.findall(r"`([^`]+)`", cells[1])) for cells in table(README, "command")}
    for command in COMMANDS:
        own = rows[f"`ddm {command}`"]
        assert own | rows["all three"] == long_options(options_of(command)), command
        assert not own & rows["all three"], command
    for command in SWARM_COMMANDS:
        own = rows.get(f"`ddm {command}`", set())
        assert own | {"--state-dir", "--help"} == long_options(options_of(command)), command


def mentioned_commands(path):
    """(command or None for a bare option, words) wherever a document writes DDM's options."""
    lines = [command.line for block in blocks("console") for command in block.commands()
             if block.where.startswith(f"{name_of(path)}:")]  # fmt: skip
    for line in lines + spans(path):
        words = re.split(r"[|>;&]", line)[0].split()
        if words and words[0].startswith("-"):
            yield None, words
        elif len(words) > 1 and words[0] in ("ddm", "./run"):
            yield words[1], words[2:]


@every(map(name_of, documents()))
def test_no_option_is_mentioned_that_is_not_there(item):
    known = {command: options_of(command) for command in (*COMMANDS, "demo")}
    known["swarm"] = set().union(*map(options_of, SWARM_COMMANDS))
    known[None] = set().union(*known.values())
    for command, words in mentioned_commands(ROOT / item):
        for option in (word.split("=")[0] for word in words if re.match(r"--?[A-Za-z]", word)):
            assert option in known.get(command, ()), f"{item}: ddm {command or ''} {option}"


def test_the_exit_codes_are_those_of_the_help():
    status = help_of("get").partition("Exit status\n")[2]
    real = dict(re.findall(r"^  (\d+)  (.+)$", status, re.M))
    assert real
    assert {cells[0]: cells[1] for cells in table(README, "code")} == real


# --- files, names, links --------------------------------------------------------------------------


def source_files():
    """All of src/ and include/, but the lists of the build."""
    found = [*ROOT.glob("src/**/*"), *ROOT.glob("include/**/*")]
    return {path.relative_to(ROOT).as_posix() for path in found if path.is_file()}


def named_files():
    """The files in the block of ARCHITECTURE.md that is marked `files`, with patterns as such."""
    (block,) = [block for block in blocks("text") if block.marker == "files"]
    folder = ""
    for line in block.text.splitlines():
        if not line.startswith(" "):
            folder = line.strip()
        else:
            name, what = line.split(maxsplit=1)
            assert what
            yield folder + name


def test_each_source_file_is_named_once():
    found = []
    for name in named_files():
        matches = {path.relative_to(ROOT).as_posix() for path in ROOT.glob(name)}
        expected = 2 if "[ch]" in name else 1
        assert len(matches) >= expected, f"{name} stands for {matches or 'nothing'}"
        found += matches
    twice = {name for name in found if found.count(name) > 1}
    assert not twice
    assert set(found) == source_files()


def test_the_map_in_main_names_the_same_modules():
    text = (ROOT / "src/cli/main.c").read_text(encoding="utf-8")
    folder, found = "", set()
    for line in re.search(r"^ \* base/.*?^ \*/", text, re.M | re.S)[0].splitlines():
        match = re.match(r" \* (?:(\w+)/)? +(\w+)  ", line)
        if match:
            folder = match[1] or folder
            found.add(f"src/{folder}/{match[2]}")
    code = {name.rsplit(".", 1)[0] for name in source_files() if re.match(r"src/.*\.[ch]", name)}
    no_modules = {"src/plan/plan_internal", "src/peer/relay_internal", "src/swarm/tracker_client"}
    assert found == code - no_modules


def test_the_layers_are_those_that_are_checked():
    spec = importlib.util.spec_from_file_location("layers", ROOT / "scripts/lint/layers.py")
    layers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(layers)
    rows = {cells[0].strip("`"): cells[2] for cells in table(ARCHITECTURE, "layer")}
    assert {name: set(re.findall(r"`(\w+)`", text)) for name, text in rows.items()} == layers.LAYERS


def test_each_dependency_is_in_the_table():
    stated = {name for cells in table(ARCHITECTURE, "name") for name in re.findall(r"`([^`]+)`", cells[0])}
    builds = [ROOT / "meson.build", *ROOT.glob("src/**/meson.build"), *ROOT.glob("tests/**/meson.build")]
    linked = {name for path in builds
              for name in re.findall(r"\bdependency\('([^']+)'", path.read_text(encoding="utf-8"))}  # fmt: skip
    setup = (ROOT / "scripts/setup.sh").read_text(encoding="utf-8")
    probed = re.findall(r"^(?:cmd|pc|py):(\S+) +(?:build|test|bench) ", setup, re.M)
    installed = {name for names in probed for name in names.split(",")}
    assert linked and installed
    assert stated == linked | installed


@every(map(name_of, documents()))
def test_links_lead_somewhere(item):
    path = ROOT / item
    for target in LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        other = (path.parent / file).resolve() if file else path
        assert other.is_file(), f"{item}: {target} is not there"
        assert not anchor or anchor in headings(other), f"{item}: no heading for {target}"


def everything():
    """The text of all code, scripts and tests, and of the help."""
    folders = ("src", "include", "scripts", "tests", "bench")
    files = [path for folder in folders for path in ROOT.glob(f"{folder}/**/*")
             if path.suffix in (".c", ".h", ".py", ".sh", ".build")]  # fmt: skip
    files += [ROOT / "check", ROOT / "run", ROOT / "meson.build"]
    helps = "".join(map(help_of, COMMANDS + SWARM_COMMANDS))
    return "\n".join(path.read_text(encoding="utf-8") for path in files) + helps


def is_there(span, text, file_names):
    """False if a code span names a constant, function, struct, route or file that is not there;
    what is none of these passes."""
    if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", span):
        return re.search(rf"\b{span}\b", text)
    function = re.fullmatch(r"(\w+)\(\)", span) or re.fullmatch(r"struct (\w+)", span)
    if function:
        return re.search(rf"\b{function[1]}\b", text)
    route = re.fullmatch(r"(?:[A-Z]+ )?(/(?:v1/|metrics|healthz)[^?]*)", span)
    if route:
        return f'"{re.sub("{.*?}", "{}", route[1])}"' in text
    if re.fullmatch(r"(src|include|tests|scripts|docs|bench)/[\w./*-]*", span):
        return any(ROOT.glob(span.rstrip("/")))
    if re.fullmatch(r"\w+\.(c|h|py|sh|md)", span):
        return span in file_names
    return True


@every(map(name_of, documents()))
def test_what_is_named_is_there(item):
    text = everything()
    file_names = {path.name for path in ROOT.rglob("*.*")}
    missing = [span for span in spans(ROOT / item) if not is_there(span, text, file_names)]
    assert not missing
