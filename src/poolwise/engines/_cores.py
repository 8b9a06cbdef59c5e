"""How many processor cores this process may use."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Cores that this process may use; all of the machine's before Python 3.13, which first tells."""
    return getattr(os, "process_cpu_count", os.cpu_count)() or 1
