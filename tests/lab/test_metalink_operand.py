# SPDX-License-Identifier: MIT
"""A Metalink in the place of a URL: a file here, or one that is downloaded first."""

import pytest
from ddmlab.content import assert_same, sha256


def metalink(*files):
    """A version 4 document of (name, path or None, URLs…)."""
    parts = ['<?xml version="1.0"?><metalink xmlns="urn:ietf:params:xml:ns:metalink">']
    for name, path, *urls in files:
        parts.append(f'<file name="{name}">')
        if path:
            parts.append(f"<size>{path.stat().st_size}</size>")
            parts.append(f'<hash type="sha-256">{sha256(path)}</hash>')
        parts += [f"<url>{url}</url>" for url in urls]
        parts.append("</file>")
    return "".join([*parts, "</metalink>"])


@pytest.fixture
def two(make_lab):
    """(lab, paths, a document of two files at the origin)"""
    lab = make_lab(100)
    paths = [lab.file(f"file-{number}", 300_000) for number in range(2)]
    text = metalink(*((f"{p.name}.bin", p, lab.origin.url(p.name)) for p in paths))
    (lab.origin.files / "two.meta4").write_text(text)
    return lab, paths


def run(lab, *arguments, code=0):
    """What it needs in between is gone at the end, however that was."""
    folder, between = lab.folder("metalink"), lab.folder("between")
    arguments = ["get", "--no-peers", "-d", folder, *arguments]
    process = lab.run_ddm(lab.hosts[0], *arguments, env={"TMPDIR": str(between)})
    process.wait()
    assert process.code == code, f"exit {process.code}, not {code}\n{process.tail()}"
    assert names(between) == []
    return process, folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("where", ["file", "url", "line"])
def test_all_files_of_it_are_downloaded(two, where):
    lab, paths = two
    if where == "file":
        operand = [lab.origin.files / "two.meta4"]
    elif where == "url":
        operand = [lab.origin.url("two.meta4") + "?version=4"]
    else:
        (lab.directory / "list").write_text(lab.origin.url("two.meta4") + "\n")
        operand = ["-i", lab.directory / "list"]
    process, folder = run(lab, *operand)
    assert names(folder) == ["file-0.bin", "file-1.bin"]
    for path in paths:
        assert_same(folder / f"{path.name}.bin", path)
    sentences = [line for line in process.stderr.splitlines() if " in " in line]
    assert len(sentences) == 2, process.stderr


def test_options_overrule_what_it_says(two):
    lab, paths = two
    document = lab.directory / "one.meta4"
    document.write_text(metalink(("name.bin", paths[0], lab.origin.url("file-0"))))
    _, folder = run(lab, document, "-o", "other")
    assert names(folder) == ["other"]
    assert_same(folder / "other", paths[0])
    process, _ = run(lab, document, "--checksum", f"sha-256={'0' * 64}", code=6)
    assert "sha-256" in process.stderr
    process, _ = run(lab, lab.origin.files / "two.meta4", "-o", "other", code=2)
    assert "2" in process.stderr and "--output" in process.stderr


def test_a_wrong_hash_in_it_is_exit_6(two):
    lab, paths = two
    document = lab.directory / "wrong.meta4"
    document.write_text(metalink(("name.bin", paths[1], lab.origin.url("file-0"))))
    _, folder = run(lab, document, code=6)
    assert not (folder / "name.bin").exists()


def test_what_is_wrong_with_it_is_told(two):
    lab, _ = two
    process, _ = run(lab, "gone.meta4", code=2)
    assert process.stderr == "ddm: gone.meta4: no such file\n"
    process, _ = run(lab, lab.origin.url("gone.meta4"), code=4)
    assert "404" in process.stderr and len(process.stderr.splitlines()) == 1
    broken = lab.directory / "broken.meta4"
    broken.write_text("<metalink")
    process, _ = run(lab, broken, code=2)
    assert str(broken) in process.stderr and len(process.stderr.splitlines()) == 1
    process, _ = run(lab, broken, lab.origin.url("file-0"), code=2)
    assert "--mirror" in process.stderr
