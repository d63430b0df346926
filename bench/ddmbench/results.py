# SPDX-License-Identifier: MIT
"""Saved results: one JSON file a bench, with the machine and the versions that it is from."""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import time
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[1] / "results"

VERSIONS = {
    "nginx": ["nginx", "-v"],
    "curl": ["curl", "--version"],
    "aria2": ["aria2c", "--version"],
    "axel": ["axel", "--version"],
    "wget2": ["wget2", "--version"],
    "haproxy": ["haproxy", "-v"],
}


def machine():
    """In one line."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        info = file.read()
    model = re.search(r"^model name\s*: (.*)$", info, re.M)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    virtual = " (virtual)" if re.search(r"^flags.*\bhypervisor\b", info, re.M) else ""
    kernel = re.match(r"\d+\.\d+", platform.release())[0]
    return (
        f"{os.cpu_count()} cores of {model[1] if model else platform.machine()}{virtual},"
        f" {memory:.0f} GiB of memory, Linux {kernel} with TCP {congestion_control()},"
        f" {distribution()}"
    )


def congestion_control():
    return Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text(encoding="ascii").strip()


def distribution():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (AttributeError, OSError, KeyError):
        return platform.system()


def versions():
    found = {}
    for name, command in VERSIONS.items():
        if shutil.which(command[0]):
            shown = subprocess.run(command, capture_output=True, text=True, check=False)
            match = re.search(r"\d+\.\d+[\d.]*", shown.stdout + shown.stderr)
            found[name] = match[0] if match else "?"
    return found


def fingerprint(binary):
    """Which ddm it was."""
    return hashlib.sha256(binary.read_bytes()).hexdigest()[:16]


def save(folder, name, setting, seconds, data):
    folder.mkdir(parents=True, exist_ok=True)
    result = {
        "bench": name,
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": versions(),
        "ddm": fingerprint(setting.binary),
        "rounds": setting.rounds,
        "scale": setting.scale,
        "took": round(seconds),
        "data": data,
    }
    text = json.dumps(tidy(result), indent=1, ensure_ascii=False)
    path = folder / f"{name}.json"
    path.with_suffix(".new").write_text(lists_on_one_line(text) + "\n", encoding="utf-8")
    path.with_suffix(".new").rename(path)


def load(folder, name):
    """None if there is none."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def is_current(folder, name, setting):
    """There is a result of this very ddm, measured as it would be now."""
    result = load(folder, name)
    now = (fingerprint(setting.binary), setting.rounds, setting.scale)
    return result is not None and (result["ddm"], result["rounds"], result["scale"]) == now


def tidy(value):
    """Floats with the digits that mean something."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: tidy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [tidy(item) for item in value]
    return value


def lists_on_one_line(text):
    """Lists of numbers do not take a line for each."""
    return re.sub(
        r"\[\s+([^][{}\"]*?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text
    )
