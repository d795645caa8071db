"""Two videos looked at together: beside each other, behind a wipe or as their difference, with metrics burnt in."""

from sensic.evaluation.comparison.montage import MODES
from sensic.evaluation.comparison.run import CompareReport, compare_videos

__all__ = ["MODES", "CompareReport", "compare_videos"]
