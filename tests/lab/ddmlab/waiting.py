# SPDX-License-Identifier: MIT
"""Waiting for a condition with a generous deadline. Nothing in the lab waits for a time."""

import os
import time

# A machine that is slower than most gets more time: DDM_LAB_PATIENCE=4 multiplies every deadline.
PATIENCE = float(os.environ.get("DDM_LAB_PATIENCE", "1"))
DEADLINE = 30.0
PAUSE = 0.02


class TooLate(AssertionError):
    """What was waited for did not happen before the deadline."""


def wait_until(condition, what, deadline=DEADLINE):
    """Calls condition() until it gives something true, and returns that.

    `what` completes the sentence "waited for …". Connection errors count as "not yet"."""
    end = time.monotonic() + deadline * PATIENCE
    reason = ""
    while True:
        try:
            result = condition()
            if result:
                return result
            reason = ""
        except (OSError, EOFError) as error:
            reason = f" (last: {error!r})"
        if time.monotonic() > end:
            raise TooLate(f"waited {deadline * PATIENCE:g} s for {what}, in vain{reason}")
        time.sleep(PAUSE)
