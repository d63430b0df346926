# SPDX-License-Identifier: MIT
"""The measurements of bench/run: a module each, with ROUNDS, add_arguments() and run()."""
