"""Shared by all tests: a property may take the time it needs, as the machines that run them differ."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small networks: a second thread only waits

os.environ["SENSIC_CONFIG"] = os.devnull  # whoever runs the tests may have a configuration

settings.register_profile("explore", deadline=None)  # pytest --hypothesis-profile=explore: other examples every time
settings.register_profile("sensic", deadline=None, derandomize=True)  # what passes here passes everywhere
settings.load_profile("sensic")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """PyTorch's number of threads is global, and a test of threads may have changed it."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
