"""Stages that overlap: an iterator run ahead on a thread of its own, with bounded memory."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_END = object()


def ahead(items: Iterable[T], depth: int = 3) -> Iterator[T]:
    """Yield ``items`` in order while a thread works up to ``depth`` of them ahead.

    An exception of the thread is raised where its item would have come. Closing the returned generator, or leaving
    it to be collected, stops the thread after the item at hand.
    """
    pending: queue.Queue[object] = queue.Queue(depth)
    stop = threading.Event()
    failure: list[BaseException] = []

    def put(item: object) -> bool:
        while not stop.is_set():
            try:
                pending.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        iterator = iter(items)
        try:
            for item in iterator:
                if not put(item):
                    break
        except BaseException as error:
            failure.append(error)
        finally:
            close = getattr(iterator, "close", None)
            if stop.is_set() and close is not None:
                close()
            put(_END)

    thread = threading.Thread(target=work, name="sensic-stage", daemon=True)
    thread.start()
    try:
        while (item := pending.get()) is not _END:
            yield item  # type: ignore[misc]
        if failure:
            raise failure[0]
    finally:
        stop.set()
        while not pending.empty():
            pending.get_nowait()
        thread.join()
