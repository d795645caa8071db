"""Decoding what damage has left: the last good picture, moved on, stands in for those that are lost.

Nothing damaged is shown as good: the symbols of a block are decoded once beforehand, as their checksum comes last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from sensic.codec.extrapolation import Extrapolation
from sensic.codec.profiles import Check, PictureDecoder
from sensic.codec.reports import Concealed
from sensic.container import Block, FrameRecord, Gap, StreamHeader
from sensic.errors import DamagedError
from sensic.video import Frame


@dataclass
class _Loss:
    """What is missing between two good pictures: frames whose times are known, and between them numbers of frames that
    are missing there at most. ``ends``: the stream may have gone on."""

    reason: str
    missing: list[FrameRecord | int] = field(default_factory=list)
    ends: bool = False


class Concealment:
    """Frames of a damaged stream; ``intervals`` then has what was concealed."""

    def __init__(self, decoder: PictureDecoder, header: StreamHeader, check: Check | None = None) -> None:
        """Without ``check`` the decoder itself raises DamagedError before the first frame of a damaged block."""
        self._decoder, self._check, self._gop = decoder, check, header.gop
        self._time_base = header.info.time_base
        self._step = round(1 / (header.info.rate * self._time_base)) if header.info.rate else None
        self._before: Frame | None = None
        self._last: Frame | None = None  # ``_before`` was shown just before it
        self._shown = 0
        self.intervals: list[Concealed] = []

    def frames(self, items: Iterable[Block | Gap]) -> Iterator[Frame]:
        """All that can be shown, in order. Raises DamagedError where that is nothing."""
        runs = _Runs(items, self._gop, self._check)
        while not runs.ended:
            try:
                for frame in self._decoder.frames(runs.blocks()):
                    loss = runs.loss_before()
                    yield from self._stand_ins(loss, frame)
                    if self._last is not None:
                        self._step = frame.pts - self._last.pts
                    self._before, self._last = None if loss else self._last, frame
                    self._shown += 1
                    yield frame
            except DamagedError as error:
                runs.fail(error)
        yield from self._stand_ins(runs.loss_at_end(), None)
        if self.intervals and not self._shown:
            raise DamagedError(f"nothing of the stream can be decoded: {self.intervals[0].reason}")

    def _stand_ins(self, loss: _Loss | None, following: Frame | None) -> Iterator[Frame]:
        """Pictures for what is missing before the frame that follows, or at the end."""
        if loss is None:
            return
        picture = self._last or following
        records = list(self._records(loss, following)) if picture else []
        begin = self._last.pts + (self._step or 0) if self._last else records[0].pts if records else 0
        end = following.pts if following else records[-1].pts + (self._step or 0) if records else begin
        start, stop = float(begin * self._time_base), None if loss.ends else float(end * self._time_base)
        self.intervals.append(Concealed(self._shown, len(records), start, stop, loss.reason))
        if picture is None or not records:
            return
        moving = Extrapolation(self._before, picture)
        for number, record in enumerate(records, 1):
            self._shown += 1
            yield replace(moving.picture(number), pts=record.pts, duration=record.duration)

    def _records(self, loss: _Loss, following: Frame | None) -> Iterator[FrameRecord]:
        """When the frames that are missing were to be shown."""
        before = self._last.pts if self._last else None
        for number, item in enumerate(loss.missing):
            if isinstance(item, FrameRecord):
                yield item
                before = item.pts
                continue
            later = (other.pts for other in loss.missing[number + 1 :] if isinstance(other, FrameRecord))
            after = next(later, following.pts if following else None)
            if before is None or after is None or not self._step:
                continue
            count = min(item, round((after - before) / self._step) - 1)
            for place in range(1, count + 1):
                yield FrameRecord(before + place * (after - before) // (count + 1), self._step)


class _Runs:
    """The blocks that can be decoded, in runs without a gap; a run begins with a group of pictures, unless nothing was
    lost before it."""

    def __init__(self, items: Iterable[Block | Gap], gop: int, check: Check | None) -> None:
        self._items, self._gop, self._check = iter(items), gop, check
        self._before: _Loss | None = None  # what is missing before the run at hand
        self._behind: _Loss | None = None
        self._latest: Block | None = None
        self._goes_on = False  # whether the next block finds the state that it needs
        self.ended = False

    def blocks(self) -> Iterator[Block]:
        """The next run; it may be read on another thread, ahead of the frames."""
        self._latest = None
        for item in self._items:
            loss = self._lost(item)
            if loss is not None:
                self._behind = _joined(self._behind, loss)
                if self._latest is not None:
                    return
            elif isinstance(item, Block):
                if self._latest is None:
                    self._before, self._behind = _joined(self._before, self._behind), None
                self._latest = item
                yield item
        self.ended = True

    def fail(self, error: DamagedError) -> None:
        """The decoder found the latest block damaged."""
        if self._latest is None:
            raise error
        self._behind = _joined(self._behind, _Loss(str(error), [*self._latest.frames]))
        self._goes_on = False

    def loss_before(self) -> _Loss | None:
        """What is missing before the run at hand, told once."""
        loss, self._before = self._before, None
        return loss

    def loss_at_end(self) -> _Loss | None:
        return _joined(self._before, self._behind)

    def _lost(self, item: Block | Gap) -> _Loss | None:
        if isinstance(item, Gap):
            self._goes_on = self._goes_on and item.blocks == 0
            return _Loss(item.reason, [self._gop * (item.blocks or 0)], item.blocks is None)
        fault = self._fault(item)
        self._goes_on = not fault
        return _Loss(fault, [*item.frames]) if fault else None

    def _fault(self, block: Block) -> str:
        """Why a block can't be decoded; empty if it can."""
        if not block.starts_group and not self._goes_on:
            return "the group of pictures begins with a block that is lost"
        try:
            if self._check is not None:
                self._check(block)
        except DamagedError as error:
            return str(error)
        return ""


def _joined(loss: _Loss | None, more: _Loss | None) -> _Loss | None:
    if loss is None or more is None:
        return loss or more
    return _Loss(loss.reason, [*loss.missing, *more.missing], more.ends)
