# SPDX-License-Identifier: MIT
"""The power goes in the middle of downloads, and of peers that keep what they fetch (tests/power):
a few rounds; --rounds has more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ddmlab import ddm
from ddmlab.waiting import PATIENCE

FOLDER = Path(__file__).resolve().parents[1] / "power"


def play(script, tmp_path, seed):
    program = os.environ.get("DDM_BIN_RELEASE") or ddm.binary()
    if program is None or not os.access(program, os.X_OK):
        pytest.skip("ddm is not built")
    command = [sys.executable, str(FOLDER / script), "--rounds", "10", "--seed", str(seed), "--ddm", program]
    environment = dict(os.environ, TMPDIR=str(tmp_path))
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120 * PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failures" in done.stdout


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_resumed_after_a_power_cut_is_right(tmp_path, seed):
    play("run.py", tmp_path, seed)


def test_what_a_peer_recorded_before_a_power_cut_is_there(tmp_path):
    play("cache.py", tmp_path, 1)
