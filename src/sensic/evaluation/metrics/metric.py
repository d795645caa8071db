"""What is to be known of a metric to show it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """``unit`` is empty for a figure without one, ``higher_is_better`` None where neither end is better."""

    unit: str
    higher_is_better: bool | None
    label: str
