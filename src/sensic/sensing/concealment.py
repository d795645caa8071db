"""What stands for measurements that were lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from sensic.sensing.bins import Bins
from sensic.sensing.layout import layers
from sensic.sensing.linear import Points, reconstruction_points
from sensic.sensing.operators import Operator, Transform


def concealed(groups: Iterable[Sequence[Bins]], operator: Operator, middle: int) -> Iterator[list[Points]]:
    """The likely measurements of each plane of each group, in order.

    In place of a coarsest layer that was lost stands the mean of those of the groups before and after, as far as there
    are any, else grey, samples of ``middle``; in place of finer ones nothing. Looks ahead only where it has to, by one
    group, so that a live stream comes without delay.
    """
    grey = operator.forward(np.full((operator.frames, operator.block, operator.block), middle)).astype(np.float64)
    ordered = isinstance(operator, Transform)
    coarse = [band for sub in layers(operator)[0] for band in sub.bands] if ordered else []
    before: list[Points | None] = [None] * 3
    source = iter(groups)
    current = next(source, None)
    while current is not None:
        lost = any(not bins.arrived[coarse].all() for bins in current)
        after = next(source, None) if lost else None
        planes = []
        for number, bins in enumerate(current):
            points = np.where(bins.arrived[:, None, None], reconstruction_points(bins), grey)
            if not bins.arrived[coarse].all():
                following = _coarse(after[number], coarse) if after is not None else None
                near = [known for known in (before[number], following) if known is not None]
                points[coarse] = np.mean(near, 0) if near else points[coarse]
                before[number] = points[coarse] if near else None
            else:
                before[number] = points[coarse]
            planes.append(points)
        yield planes
        current = after if lost else next(source, None)


def _coarse(bins: Bins, coarse: list[int]) -> Points | None:
    return reconstruction_points(bins)[coarse] if bins.arrived[coarse].all() else None
