"""What stands for constriction where there is none decodes the same."""

from __future__ import annotations

import numpy as np

from benchmarks.processors import plain_constriction, table
from sensic.entropy import FrequencyTable, SymbolDecoder, SymbolEncoder


def test_the_plain_range_decoder() -> None:
    dice = np.random.default_rng(4)
    tables = [FrequencyTable.from_counts(dice.integers(0, 1 << 20, size)) for size in (2, 5, 300)]
    runs = [dice.integers(0, len(one.frequencies), 200).astype(np.int32) for one in tables]
    encoder = SymbolEncoder()
    for run, one in zip(runs, tables, strict=True):
        encoder.encode(run, one)
    data = encoder.finish()
    library, plain = SymbolDecoder(data), plain_constriction()
    decoder = plain.stream.queue.RangeDecoder(np.frombuffer(data, "<u4"))
    for run, one in zip(runs, tables, strict=True):
        model = plain.stream.model.Categorical((one.frequencies - 1).astype(np.float64), perfect=False)
        assert np.array_equal(decoder.decode(model, len(run)), run)
        assert np.array_equal(library.decode(len(run), one), run)
    assert decoder.maybe_exhausted()


def test_the_table_tells_what_failed() -> None:
    text = table([{"name": "Z80", "failed": "exit code 1: no such thing"}])
    assert "| Z80 | | failed | exit code 1: no such thing |" in text
