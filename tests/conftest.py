"""Shared by all tests: a property may take the time it needs, as the machines that run them differ."""

from __future__ import annotations

import os

from hypothesis import settings

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # small networks: a second thread only waits, and blocks on a busy machine

settings.register_profile("sensic", deadline=None)
settings.load_profile("sensic")
