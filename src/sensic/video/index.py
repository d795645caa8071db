"""Every frame of a source, known beforehand, so that any stretch of them can be read by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import google_crc32c

from sensic.errors import InputError
from sensic.video.filters import Filters
from sensic.video.frame import Frame
from sensic.video.graph import Cut
from sensic.video.info import VideoInfo
from sensic.video.source import Entry, VideoSource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEADS = (Fraction(2), Fraction(30))
"""Seconds before a stretch at which reading it begins, in turn: the second where the first was not enough. What comes
out right after a jump may lack its references (open groups of pictures) or a filter's past."""

_UNKNOWN = -1  # for a duration
_COLUMNS = (("pts", "<i8"), ("duration", "<i8"), ("mark", "<u4"))


@dataclass(frozen=True)
class Stretch:
    """Frames ``start`` and following of a source, one row of ``rows`` (pts, duration, mark) for each.

    ``first`` is the time of frame 0; ``cut`` is what reading from the start finds. Travels to whoever reads it.
    """

    source: str
    filters: Filters | None
    cut: Cut
    time_base: Fraction
    first: Fraction
    start: int
    rows: NDArray[np.void]

    def __len__(self) -> int:
        return len(self.rows)

    def frames(self) -> Iterator[Frame]:
        """Exactly these frames, as reading from the start gives them.

        Tries to begin shortly before them; what comes is compared with the index, and where it isn't the same, the
        rest is read from farther back, in the end from the start. Raises InputError where not even that gives the
        frames that the index has.
        """
        number = 0
        for near in self._entries():
            for frame in self._from(near, number):
                if near is not None and mark(frame) != self.rows["mark"][number]:
                    break
                if not self._is_timed(frame, number):
                    break
                yield frame
                number += 1
                if number == len(self.rows):
                    return
        raise InputError(
            f"{self.source}: frame {self.start + number} is not what it was; the file was changed, or reads "
            f"differently each time"
        )

    def _entries(self) -> Iterator[Fraction | None]:
        """Where to begin; None is the start."""
        begin = self._time(0)
        for lead in LEADS:
            if begin - lead > self.first:
                yield begin - lead
        yield None

    def _from(self, near: Fraction | None, number: int) -> Iterator[Frame]:
        """Frames from row ``number`` on, if all goes well."""
        try:
            entry = None if near is None else Entry(near, self.cut)
            with VideoSource(self.source, self.filters, entry) as video:
                for count, frame in enumerate(video):
                    if count >= self.start + number if near is None else frame.time >= self._time(number):
                        yield frame
        except InputError:
            if near is None:
                raise

    def _time(self, number: int) -> Fraction:
        return int(self.rows["pts"][number]) * self.time_base

    def _is_timed(self, frame: Frame, number: int) -> bool:
        duration = _UNKNOWN if frame.duration is None else frame.duration
        return bool(frame.pts == self.rows["pts"][number] and duration == self.rows["duration"][number])


@dataclass(frozen=True)
class FrameIndex:
    """``rows`` has pts, duration and mark of every frame; ``info``, ``cut`` and ``notes`` are those of ``VideoSource``
    after its last frame."""

    info: VideoInfo
    cut: Cut
    notes: tuple[str, ...]
    rows: NDArray[np.void]

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(
        cls, source: str | Path, filters: Filters | None = None, on_frame: Callable[[VideoInfo], None] | None = None
    ) -> FrameIndex:
        """Reads the source once; ``on_frame`` is called after every frame. Raises what ``VideoSource`` raises, and
        InputError where there is no frame."""
        import numpy as np

        rows = []
        with VideoSource(source, filters) as video:
            for frame in video:
                rows.append((frame.pts, _UNKNOWN if frame.duration is None else frame.duration, mark(frame)))
                if on_frame is not None:
                    on_frame(video.info)
            if not rows:
                raise InputError(f"{source}: no frame could be decoded")
            return cls(video.info, video.cut, video.notes, np.array(rows, list(_COLUMNS)))

    @property
    def seconds(self) -> float:
        """How long the frames are shown; the last as long as others."""
        times = self.rows["pts"]
        return float(int(times[-1] - times[0]) * self.info.time_base) * len(self) / max(1, len(self) - 1)

    def stretch(self, source: str | Path, filters: Filters | None, start: int, stop: int) -> Stretch:
        base = self.info.time_base
        first = int(self.rows["pts"][0]) * base
        return Stretch(str(source), filters, self.cut, base, first, start, self.rows[start:stop])

    def to_bytes(self) -> bytes:
        """``FrameIndex.from_bytes(index.to_bytes())`` equals the index."""
        cut = [None if time is None else str(time) for time in (self.cut.start, self.cut.end)]
        head = {"info": self.info.to_json(), "cut": cut, "notes": self.notes}
        return json.dumps(head).encode() + b"\n" + self.rows.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> FrameIndex:
        import numpy as np

        head, _, rows = data.partition(b"\n")
        values: dict[str, Any] = json.loads(head)
        start, end = (None if time is None else Fraction(time) for time in values["cut"])
        cut = Cut(start or Fraction(0), end)
        return cls(
            VideoInfo.from_json(values["info"]), cut, tuple(values["notes"]), np.frombuffer(rows, list(_COLUMNS))
        )


def mark(frame: Frame) -> int:
    """CRC-32C of the samples."""
    value = 0
    for plane in frame.planes:
        value = google_crc32c.extend(value, plane.tobytes())
    return int(value)
