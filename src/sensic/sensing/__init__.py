"""The sensing profile: measurements made of additions, and what brings the pictures back.

>>> from sensic.sensing import SensingSettings
>>> sensic.encode("in.mp4", "out.mkv", profile="sensing", sensing=SensingSettings(frames=4))  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sensic.sensing.budget import Budget, measure_budget
    from sensic.sensing.cacti import RecoverProgress, RecoverReport, Snapshots, recover
    from sensic.sensing.decoder import DECODERS, SensingDecoder
    from sensic.sensing.encoder import SensingEncoder
    from sensic.sensing.operators import Operator, operator
    from sensic.sensing.packets import Packet
    from sensic.sensing.recoveries import RECOVERIES
    from sensic.sensing.settings import SensingSettings
    from sensic.sensing.snapshots import SnapshotDecoder

__all__ = [
    "DECODERS",
    "RECOVERIES",
    "Budget",
    "Operator",
    "Packet",
    "RecoverProgress",
    "RecoverReport",
    "SensingDecoder",
    "SensingEncoder",
    "SensingSettings",
    "SnapshotDecoder",
    "Snapshots",
    "measure_budget",
    "operator",
    "recover",
]

# Loaded when first used: the command line must start at once.
_HOMES = {
    "sensic.sensing.budget": ("Budget", "measure_budget"),
    "sensic.sensing.cacti": ("RecoverProgress", "RecoverReport", "Snapshots", "recover"),
    "sensic.sensing.decoder": ("DECODERS", "SensingDecoder"),
    "sensic.sensing.encoder": ("SensingEncoder",),
    "sensic.sensing.operators": ("Operator", "operator"),
    "sensic.sensing.packets": ("Packet",),
    "sensic.sensing.recoveries": ("RECOVERIES",),
    "sensic.sensing.settings": ("SensingSettings",),
    "sensic.sensing.snapshots": ("SnapshotDecoder",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'sensic.sensing' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
