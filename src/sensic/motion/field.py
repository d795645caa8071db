"""What a motion field is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 16
"""Luma pixels per block side."""

LIMIT = 480
"""The largest magnitude of a vector's component, quarter pixels (120 pixels)."""

Field = NDArray[np.int16]
"""int16 [2, h, w], x first, quarter pixels."""

Plane = NDArray[np.uint8]
