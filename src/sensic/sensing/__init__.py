"""The sensing profile: measurements made of additions, and what brings the pictures back.

>>> from sensic.sensing import SensingSettings
>>> sensic.encode("in.mp4", "out.mkv", profile="sensing", sensing=SensingSettings(frames=4))  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensic.lazy import when_used

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
__getattr__, __dir__ = when_used(
    __name__,
    {
        "sensic.sensing.budget": ("Budget", "measure_budget"),
        "sensic.sensing.cacti": ("RecoverProgress", "RecoverReport", "Snapshots", "recover"),
        "sensic.sensing.decoder": ("DECODERS", "SensingDecoder"),
        "sensic.sensing.encoder": ("SensingEncoder",),
        "sensic.sensing.operators": ("Operator", "operator"),
        "sensic.sensing.packets": ("Packet",),
        "sensic.sensing.recoveries": ("RECOVERIES",),
        "sensic.sensing.settings": ("SensingSettings",),
        "sensic.sensing.snapshots": ("SnapshotDecoder",),
    },
)
