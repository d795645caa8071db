"""Latents refined for the very frame: what is decoded should look to the encoder's network as the frame does.

The analysis network has learned what suits most frames. Here its latent is only the start: symbols are chosen as they
would be written, the decoder's picture is made of them and analysed again, and what it lacks is added to what is asked
for. That takes the place of a gradient (the analysis is about the inverse of the synthesis), so no framework is needed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

STEP = 0.5
"""The share of what is lacking that a round adds."""
ROUNDS = ((0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (3, 0), (3, 0), (5, 0))
"""For the first frame of a group and for others, by effort. Others gain nothing (docs/presets.md)."""


def refined(
    wanted: Floats, decoded: Callable[[Floats], Floats], seen: Callable[[Floats], Floats], rounds: int
) -> Floats:
    """What to ask for so that the picture has the latent ``wanted`` [1, M, h, w].

    ``decoded`` gives the latent that comes of what is asked for, ``seen`` the latent of the picture that comes of that.
    """
    asked = wanted
    for _ in range(rounds):
        latent = decoded(asked)
        asked = asked + np.float32(STEP) * (wanted - seen(latent) + latent - asked)
    return asked
