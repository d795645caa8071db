"""Motion: the search (encoder only), the coding of the vectors (integers, bit-exact) and the warp.

A field is int16 ``[2, h, w]``: one vector per 16×16 luma block, x first, in quarter pixels, at most ``LIMIT``
in magnitude. The picture at ``p`` is predicted from the previous one at ``p + vector``.
"""

from sensic.motion.coding import MotionCoder
from sensic.motion.field import BLOCK, LIMIT, Field
from sensic.motion.search import Candidates, MotionSearch, Thoroughness
from sensic.motion.warp import warp

__all__ = ["BLOCK", "LIMIT", "Candidates", "Field", "MotionCoder", "MotionSearch", "Thoroughness", "warp"]
