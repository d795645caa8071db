"""Packages whose names are loaded when first used: FFmpeg, ONNX Runtime, SciPy and PyTorch take a moment to load.

::

    __getattr__, __dir__ = when_used(__name__, {"sensic.video.info": ("Chapter", "VideoInfo")})
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sensic.errors import UsageError


def when_used(
    package: str, homes: Mapping[str, Sequence[str]], *, extra: str | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` (PEP 562) of a package: ``homes`` are the names to load, by module.

    With an ``extra``, whose libraries need not be installed, one that is missing is a UsageError that says so.
    """
    home_of = {name: home for home, names in homes.items() for name in names}
    namespace = vars(sys.modules[package])

    def load(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            value = getattr(importlib.import_module(home_of[name]), name)
        except ModuleNotFoundError as error:
            if extra is None or error.name is None or error.name.startswith("sensic"):
                raise
            what = package.rpartition(".")[2]
            raise UsageError(
                f"{what} needs more libraries, {error.name} first: pip install 'sensic[{extra}]'"
            ) from error
        namespace[name] = value
        return value

    return load, lambda: sorted({*namespace, *home_of})
