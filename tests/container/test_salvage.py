"""What is read of damaged streams: only what was written, in order, and all that damage has not hit."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.container import Block, Gap, StreamReader
from tests.container.streams import contents, make_blocks, make_stream

COUNT = 12
BLOCKS = make_blocks(COUNT, size=300)
STREAM = make_stream(BLOCKS)
PLACES = [STREAM.index(block.payload) for block in BLOCKS]
HEAD = 40  # of a block: what Matroska and the block say before the payload


class Pipe(BytesIO):
    def seekable(self) -> bool:
        return False


def survivors(data: bytes, *, pipe: bool = False) -> list[Block | Gap]:
    return list(StreamReader(Pipe(data) if pipe else data).survivors())


def flipped(*positions: int) -> bytes:
    data = bytearray(STREAM)
    for position in positions:
        data[position] ^= 0x10
    return bytes(data)


def check(items: list[Block | Gap], hit: set[int]) -> None:
    """All but the blocks that were hit are there, and every loss is told."""
    found = [item for item in items if isinstance(item, Block)]
    assert {block.sequence for block in found} >= set(range(COUNT)) - hit
    assert [block.sequence for block in found] == sorted({block.sequence for block in found})
    assert contents(found) == contents(BLOCKS[block.sequence] for block in found)
    expected, lost = 0, 0
    for item, following in zip(items, [*items[1:], None], strict=True):
        if isinstance(item, Block):
            assert item.sequence == expected
            expected += 1
        elif item.blocks is None:
            assert following is None
            lost += COUNT - expected
        else:
            expected, lost = expected + item.blocks, lost + item.blocks
    assert len(found) + lost == COUNT


@pytest.mark.parametrize("pipe", [False, True])
def test_a_whole_stream_has_no_gaps(pipe: bool) -> None:
    assert contents(item for item in survivors(STREAM, pipe=pipe) if isinstance(item, Block)) == contents(BLOCKS)
    assert len(survivors(STREAM, pipe=pipe)) == COUNT


@given(st.lists(st.integers(PLACES[0], len(STREAM) - 1), min_size=1, max_size=4))
def test_damage_costs_the_blocks_that_it_hits(positions: list[int]) -> None:
    hit = {max(n for n in range(COUNT) if PLACES[n] - HEAD <= p) for p in positions}
    hit |= {n for n in range(COUNT) for p in positions if PLACES[n] - HEAD <= p < PLACES[n] + 310}
    check(survivors(flipped(*positions)), hit)


@given(st.data())
def test_any_bytes_may_be_cut_out_or_put_in(data: st.DataObject) -> None:
    start = data.draw(st.integers(PLACES[0] - HEAD, len(STREAM)), "start")
    stop = data.draw(st.integers(start, min(len(STREAM), start + 1500)), "stop")
    more = data.draw(st.binary(max_size=60), "more")
    hit = {n for n in range(COUNT) if PLACES[n] + 310 > start and PLACES[n] - HEAD < stop + 1}
    hit |= {COUNT - 1} if stop >= len(STREAM) - 1 else set()
    check(survivors(STREAM[:start] + more + STREAM[stop:]), hit)


@given(st.integers(PLACES[0], len(STREAM) - 1))
def test_pipes_go_on_where_elements_are_whole(position: int) -> None:
    items = survivors(flipped(position), pipe=True)
    found = [item for item in items if isinstance(item, Block)]
    assert contents(found) == contents(BLOCKS[block.sequence] for block in found)
    assert len(found) == COUNT or any(isinstance(item, Gap) for item in items)
    inside = any(place <= position < place + 300 for place in PLACES)
    assert not inside or len(found) == COUNT - 1


def test_repeated_and_swapped_blocks() -> None:
    cuts = [place - HEAD // 2 for place in PLACES]
    starts = [STREAM.rindex(b"\xa3", 0, place) for place in PLACES]
    pieces = [STREAM[a:b] for a, b in zip(starts, [*starts[1:], len(STREAM)], strict=True)]
    assert all(start > cut - HEAD for start, cut in zip(starts, cuts, strict=True))
    head = STREAM[: starts[0]]
    twice = survivors(head + b"".join([*pieces[:3], pieces[2], *pieces[3:]]))
    assert [item.blocks for item in twice if isinstance(item, Gap)] == [0]
    check(twice, set())
    swapped = survivors(head + b"".join([*pieces[:3], pieces[4], pieces[3], *pieces[5:]]))
    assert [item.blocks for item in swapped if isinstance(item, Gap)] == [1, 0]
    check(swapped, {3})


def test_a_file_full_of_false_heads_is_given_up() -> None:
    """Every few bytes claim to begin a block of a megabyte: looking at all would take a thousand times the file."""
    false = bytes.fromhex("a3 10100000 81 0000 80 20 20")
    data = STREAM[: PLACES[2]] + false * (1 << 17)
    (gap,) = (item for item in survivors(data) if isinstance(item, Gap))
    assert gap.blocks is None


def test_noise() -> None:
    noise = np.random.default_rng(3).bytes(1 << 20)
    items = survivors(STREAM[: PLACES[5]] + noise + STREAM[PLACES[8] - HEAD :])
    check(items, {5, 6, 7, 8})
