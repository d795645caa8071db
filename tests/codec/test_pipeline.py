from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from sensic.codec.pipeline import ahead


def test_order_is_kept() -> None:
    assert list(ahead(iter(range(1000)), 4)) == list(range(1000))


def test_an_error_comes_where_its_item_would_have() -> None:
    def faulty() -> Iterator[int]:
        yield 1
        yield 2
        raise RuntimeError("third")

    stage = ahead(faulty())
    assert [next(stage), next(stage)] == [1, 2]
    with pytest.raises(RuntimeError, match="third"):
        next(stage)


def test_memory_is_bounded() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for n in range(100):
            made.append(n)
            yield n

    stage = ahead(items(), 3)
    next(stage)
    threading.Event().wait(0.3)
    assert len(made) <= 6
    stage.close()  # type: ignore[attr-defined]


def test_leaving_early_stops_the_thread_and_closes_the_source() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    stage = ahead(items())
    next(stage)
    stage.close()  # type: ignore[attr-defined]
    assert closed.wait(5)
    assert not any(t.name == "sensic-stage" for t in threading.enumerate())
