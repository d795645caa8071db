"""The ways to recover pictures from snapshots, and which of them is taken."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sensic.errors import UsageError
from sensic.sensing.learned import deviation_map
from sensic.sensing.operators import Cacti
from sensic.sensing.snapshots import MOST_FRAMES, SnapshotDecoder, tiles
from sensic.sensing.total_variation import Turn, gap_tv


class TotalVariation:
    """GAP-TV, one ``Recovery``. The number of threads is scikit-image's own affair."""

    options: ClassVar[tuple[str, ...]] = ("iterations", "weight")

    def __init__(self, operator: Cacti, threads: int, iterations: int = 60, weight: float = 0.1) -> None:
        self.operator, self.turns, self.weight = operator, iterations, weight

    def __call__(self, snapshot: NDArray[np.floating], turn: Turn) -> NDArray[np.uint8]:
        return _levels(gap_tv(snapshot, self.operator, iterations=self.turns, weight=self.weight, turn=turn))


class Learned:
    """The network of a model, another ``Recovery``; its turns are tiles."""

    options: ClassVar[tuple[str, ...]] = ("model", "uncertainty")

    def __init__(
        self, operator: Cacti, threads: int, model: str | Path | None = None, uncertainty: bool = False
    ) -> None:
        self.operator, self.uncertainty = operator, uncertainty
        self.decoder = SnapshotDecoder(model, threads)
        self.turns = len(tiles(operator.masks.shape[1:]))

    def __call__(self, snapshot: NDArray[np.floating], turn: Turn) -> NDArray[np.uint8]:
        found = self.decoder.recover(snapshot, self.operator, turn)
        return deviation_map(found.variance) if self.uncertainty else _levels(found.frames)


Recovery = TotalVariation | Learned
"""Called with a snapshot [H, W] of samples 0..1 and a ``Turn``, makes pictures [frames, H, W] of it. ``options`` are
those of ``sensic.sensing.recover`` that it alone has; ``turns`` are how many it makes of a snapshot."""
RECOVERIES: Mapping[str, type[Recovery]] = {"tv": TotalVariation, "learned": Learned}


def chosen(operator: Cacti, decoder: str | None, given: Collection[str]) -> str:
    """The name of the decoder that is asked for, by it or by the options that are ``given``; without either the learned
    one, where masks and number of frames are as in its training. Raises UsageError for an unknown decoder, and for
    options that it has not."""
    if decoder is not None and decoder not in RECOVERIES:
        raise UsageError(f"the decoder is one of {', '.join(RECOVERIES)}, not {decoder!r}")
    fit = [name for name, recovery in RECOVERIES.items() if set(given) <= set(recovery.options)]
    if not fit:
        raise UsageError(f"no decoder has all of {', '.join(given)}: {_said()}")
    if decoder is None and len(fit) == 1:
        return fit[0]
    if decoder is None:
        return "learned" if _is_binary(operator) and operator.frames <= MOST_FRAMES else "tv"
    if decoder not in fit:
        raise UsageError(f"the decoder {decoder} does not take {', '.join(given)}: {_said()}")
    return decoder


def _said() -> str:
    return "; ".join(f"{name} has {' and '.join(recovery.options)}" for name, recovery in RECOVERIES.items())


def _is_binary(operator: Cacti) -> bool:
    """Whether the masks are zeros and ones, as in training."""
    masks: NDArray[Any] = operator.masks
    return bool(np.isin(masks, (0, 1)).all())


def _levels(frames: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(np.clip(frames, 0, 1) * 255), np.uint8)
