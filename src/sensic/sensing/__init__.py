"""The sensing profile: measurements made of additions, and what brings the pictures back."""

from sensic.sensing.cacti import RecoverProgress, RecoverReport, Snapshots, recover

__all__ = ["RecoverProgress", "RecoverReport", "Snapshots", "recover"]
