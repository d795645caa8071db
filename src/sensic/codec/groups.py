"""Groups of pictures decoded side by side: none needs another."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from sensic.codec.decoder import Decoder
from sensic.container import Block
from sensic.video import Frame

HELD_BYTES = 1 << 30
"""What pictures that wait for their turn may take. Longer groups are decoded one after the other."""


def side_by_side(decoder: Decoder, blocks: Iterable[Block], workers: int) -> Iterator[Frame]:
    """What ``decoder.frames(blocks)`` yields, ``workers`` groups being decoded at a time, in threads.

    The pictures of ``workers`` groups are held, ``HELD_BYTES`` at most. Closing the generator stops all work after the
    frames at hand.
    """
    stop = threading.Event()
    waiting: deque[tuple[int, Future[list[Frame]]]] = deque()

    def pictures(group: list[Block]) -> list[Frame]:
        found = []
        for frame in decoder.twin().frames(group):
            found.append(frame)
            if stop.is_set():
                break
        return found

    with ThreadPoolExecutor(workers, "sensic-group") as pool:
        try:
            for group in groups(blocks):
                size = decoder.frame_bytes * sum(len(block.frames) for block in group)
                while waiting and (len(waiting) == workers or size + sum(one for one, _ in waiting) > HELD_BYTES):
                    yield from waiting.popleft()[1].result()
                if size > HELD_BYTES:
                    yield from decoder.twin().frames(group)
                else:
                    waiting.append((size, pool.submit(pictures, group)))
            while waiting:
                yield from waiting.popleft()[1].result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def groups(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    """The blocks of each group."""
    group: list[Block] = []
    for block in blocks:
        if block.starts_group and group:
            yield group
            group = []
        group.append(block)
    if group:
        yield group
