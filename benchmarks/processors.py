"""The frozen streams on other processors: ``python -m benchmarks.processors 'NAME=COMMAND' …``.

Each command runs a Python that has Sensic's dependencies on a processor that is emulated, or on one with fewer
instructions, as in docs/reliability.md. It decodes all of ``tests/vectors``: symbols must have the hashes that are
frozen; how far pictures are from those of this machine is told. Where there is no constriction for a processor, a range
decoder in plain Python takes its place. Writes ``processors.json`` and ``processors.md``.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np

MASK = (1 << 64) - 1
OUT = Path("benchmarks/out")


def plain_constriction() -> types.ModuleType:
    """As much of constriction as a decoder needs: the coder of docs/bitstream.md."""

    class Categorical:
        def __init__(self, probabilities: Any, perfect: bool) -> None:
            self.starts = np.concatenate([[0], np.cumsum(probabilities.astype(np.int64) + 1)]).tolist()

    class RangeDecoder:
        def __init__(self, words: Any) -> None:
            self._words, self._place = words.tolist(), 0
            self._range, self._offset = MASK, self._word() << 32 | self._word()

        def _word(self) -> int:
            self._place += 1
            return int(self._words[self._place - 1]) if self._place <= len(self._words) else 0

        def decode(self, model: Categorical, count: int) -> Any:
            return np.array([self._symbol(model.starts) for _ in range(count)], np.int32)

        def _symbol(self, starts: list[int]) -> int:
            scale = self._range >> 24
            symbol = int(np.searchsorted(starts, self._offset // scale, "right")) - 1
            self._offset -= scale * starts[symbol]
            self._range = scale * (starts[symbol + 1] - starts[symbol])
            if self._range < 1 << 32:
                self._range, self._offset = self._range << 32, self._offset << 32 | self._word()
            return symbol

        def maybe_exhausted(self) -> bool:
            return self._place >= len(self._words)

    module: Any = types.ModuleType("constriction")
    queue = types.SimpleNamespace(RangeDecoder=RangeDecoder)
    module.stream = types.SimpleNamespace(model=types.SimpleNamespace(Categorical=Categorical), queue=queue)
    return module  # type: ignore[no-any-return]


def decode_all(out: Path) -> None:
    """What the processor at hand makes of the streams: symbols in ``out``.json, pictures in ``out``.npz."""
    try:
        import constriction

        coder = constriction.__name__
    except ImportError:
        sys.modules["constriction"] = plain_constriction()
        coder = "plain Python"
    from sensic.model import Model
    from sensic.runtime import OnnxBackend
    from tests.vectors.streams import HERE, PATHS, frames_of, symbols_of

    model = Model.load(HERE / "model")
    backend = OnnxBackend(model, 1)
    symbols = {path.stem: symbols_of(path, model, backend) for path in PATHS}
    pictures = {
        path.stem: np.concatenate(
            [plane.ravel() for frame in frames_of(path, model, backend) for plane in frame.planes]
        )
        for path in PATHS
    }
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    baseline = np.show_config(mode="dicts")["SIMD Extensions"]["baseline"]
    np.savez(out.with_suffix(".npz"), **pictures)  # type: ignore[arg-type]
    facts = {"machine": os.uname().machine, "simd": [*baseline, *found], "range coder": coder, "symbols": symbols}
    out.with_suffix(".json").write_text(json.dumps(facts))


def measure(name: str, command: list[str], folder: Path) -> dict[str, Any]:
    """One row: how many streams have the symbols that are frozen."""
    from tests.vectors.streams import PATHS

    place = folder / "found"
    done = subprocess.run(
        [*command, "-m", "benchmarks.processors", "--decode", str(place)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"name": name, "command": shlex.join(command), "failed": f"exit code {done.returncode}: {last}"}
    facts = json.loads(place.with_suffix(".json").read_text())
    frozen = {path.stem: json.loads(path.with_suffix(".json").read_text())["symbols"] for path in PATHS}
    same = sum(facts["symbols"][stem] == frozen[stem] for stem in frozen)
    with np.load(place.with_suffix(".npz")) as found, np.load(folder / "here.npz") as here:
        distances = [np.abs(found[stem].astype(int) - here[stem].astype(int)) for stem in frozen]
    return {
        "name": name, "command": shlex.join(command), "machine": facts["machine"], "simd": facts["simd"],
        "range coder": facts["range coder"], "streams": len(frozen), "same": same,
        "samples": sum(d.size for d in distances), "other samples": int(sum((d > 0).sum() for d in distances)),
        "largest": max(int(d.max()) for d in distances),
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| processor | NumPy's instructions | same symbols | samples that differ, at most by |",
        "|---|---|---:|---:|",
    ]
    for row in rows:
        if "failed" in row:
            lines.append(f"| {row['name']} | | failed | {row['failed']} |")
            continue
        differ = f"{row['other samples']:,} of {row['samples']:,}, {row['largest']}"
        lines.append(f"| {row['name']} | {', '.join(row['simd'])} | {row['same']} of {row['streams']} | {differ} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    if len(arguments) == 2 and arguments[0] == "--decode":
        decode_all(Path(arguments[1]))
        return 0
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        decode_all(folder / "here")
        for text in (f"this machine={shlex.quote(sys.executable)}", *arguments):
            label, _, command = text.partition("=")
            print(f"{label} …", file=sys.stderr)
            rows.append(measure(label, shlex.split(command), folder))
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "processors.json").write_text(json.dumps(rows, indent=1) + "\n")
    (OUT / "processors.md").write_text(table(rows))
    print(table(rows), end="")
    return int(any(row.get("same") != row.get("streams") or "failed" in row for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
