"""A model in memory: its integers, and the graphs that a backend compiles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensic.entropy.tables import ScaleTables
from sensic.errors import ModelError
from sensic.model.files import GRAPHS, SENSING_GRAPHS, SNAPSHOT_GRAPHS, STEPS, read_file, read_manifest, read_tensors
from sensic.model.int8 import PIXEL_GRAPHS, Int8Graphs, Steps
from sensic.model.untrusted import check_graph, check_tensors

SHIPPED = Path(__file__).parent / "shipped"
DEFAULT, SENSING = "default", "sensing"
"""Models that ship: the codec's, and the learned decoder of the sensing profile."""
QUALITIES = 64
ACTIVATION_STEPS = 16


@dataclass(frozen=True)
class Model:
    """A model directory whose manifest was read. Files are read, and their hashes checked, when first needed.

    ``id`` is the hex SHA-256 that streams name it by; ``name`` is for people.
    """

    directory: Path
    id: str
    manifest: dict[str, Any]

    @classmethod
    def load(cls, source: str | Path | Model | None = None) -> Model:
        """The default model for ``None``, a shipped model by name, or a model directory by path.

        Raises ModelError when there is none, or it is damaged.
        """
        if isinstance(source, Model):
            return source
        path = Path(source if source is not None else DEFAULT)
        if len(path.parts) == 1 and (SHIPPED / path / "manifest.json").is_file():
            path = SHIPPED / path
        elif path.name == "manifest.json":
            path = path.parent
        identity, manifest = read_manifest(path)
        return cls(path, identity, manifest)

    @classmethod
    def default(cls) -> Model:
        return cls.load()

    @staticmethod
    def shipped() -> tuple[str, ...]:
        """Names of the models that ship."""
        return tuple(sorted(path.parent.name for path in SHIPPED.glob("*/manifest.json")))

    @classmethod
    def find(cls, identity: str) -> Model | None:
        """The shipped model of that id, if there is one."""
        for path in sorted(SHIPPED.iterdir()):
            if (path / "manifest.json").is_file() and (model := cls.load(path)).id == identity:
                return model
        return None

    def int8(self) -> Model | None:
        """The shipped model that is this one with pixel networks in 8-bit integers, if there is one."""
        for path in sorted(SHIPPED.iterdir()):
            if (path / "manifest.json").is_file() and (model := Model.load(path)).manifest.get("base") == self.id:
                return model
        return None

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def is_sensing(self) -> bool:
        """Whether it decodes the sensing profile, and nothing else."""
        return self.graphs == SENSING_GRAPHS

    @property
    def is_snapshot(self) -> bool:
        """Whether it recovers frames from snapshots, and nothing else."""
        return self.graphs == SNAPSHOT_GRAPHS

    @property
    def graphs(self) -> tuple[str, ...]:
        """The names of its networks, one of ``GRAPHS``, ``SENSING_GRAPHS`` and ``SNAPSHOT_GRAPHS`` of
        ``sensic.model``."""
        for graphs in (SENSING_GRAPHS, SNAPSHOT_GRAPHS):
            if all(f"{graph}.onnx" in self.manifest["files"] for graph in graphs):
                return graphs
        return GRAPHS

    @property
    def is_int8(self) -> bool:
        """Whether its pixel networks compute in 8-bit integers (``sensic.model.int8``)."""
        return STEPS in self.manifest["files"]

    @cached_property
    def _base(self) -> Model | None:
        """The model that has the files which this one's manifest does not name."""
        identity = self.manifest.get("base")
        if identity is None:
            return None
        found = Model.find(str(identity))
        if found is None or found.is_int8:
            raise ModelError(f"{self.directory}: the model {str(identity)[:16]}, of which it is made, is not there")
        return found

    def _owner(self, file: str) -> Model:
        return self if file in self.manifest["files"] or self._base is None else self._base

    def _tensors(self, file: str) -> dict[str, NDArray[Any]]:
        owner = self._owner(file)
        tensors = read_tensors(owner.directory, owner.manifest, file)
        check_tensors(tensors, owner.directory / file)
        return tensors

    @cached_property
    def integers(self) -> dict[str, NDArray[Any]]:
        """Weights, biases and tables of the entropy path, as stored."""
        return self._tensors("tables.safetensors")

    @cached_property
    def golden(self) -> dict[str, NDArray[Any]]:
        return self._tensors("golden.safetensors")

    @cached_property
    def tables(self) -> ScaleTables:
        try:
            return ScaleTables(*[self.integers[f"tables.{k}"] for k in ("radius", "frequencies", "cost")])
        except (KeyError, ValueError) as error:
            raise ModelError(f"{self.directory}: the symbol tables are not usable: {error}") from error

    @cached_property
    def sizes(self) -> dict[str, int]:
        """``latent``, ``hyper`` and ``memory``: channels, each 1 to 4,096."""
        sizes = {k: self.manifest["networks"].get(k, 0) for k in ("latent", "hyper", "memory")}
        if not all(sizes.values()):
            raise ModelError(f"{self.directory}: the network sizes are not usable")
        return sizes

    @cached_property
    def initial_memory(self) -> NDArray[np.float32]:
        """The memory at the start of a group, one value per channel: [E]."""
        try:
            return np.asarray(self.integers["initial"], np.float32) / np.float32(ACTIVATION_STEPS)
        except KeyError as error:
            raise ModelError(f"{self.directory}: no initial memory") from error

    def frame_quality(self, quality: int, position: int) -> int:
        """Quality 0..63 of the frame at ``position`` in its group: the first is better, then a pattern repeats."""
        offsets = self.manifest["quality_offsets"]
        if not offsets:
            raise ModelError(f"{self.directory}: no quality_offsets")
        pattern = offsets["inter"]
        offset = offsets["intra"] if position == 0 else pattern[(position - 1) % len(pattern)]
        return min(max(quality + int(offset), 0), QUALITIES - 1)

    def graph(self, name: str) -> bytes:
        """An ONNX file, its hash checked or made of files whose hashes are. ``name`` is one of ``graphs``."""
        if name not in self.graphs:
            raise ModelError(f"no graph {name!r} in {self.name}; there are {', '.join(self.graphs)}")
        if self.is_int8 and name in PIXEL_GRAPHS:
            return self._int8.graph(name)
        owner = self._owner(f"{name}.onnx")
        data = read_file(owner.directory, owner.manifest, f"{name}.onnx")
        if owner.directory.parent != SHIPPED:  # what ships is part of the program, and was looked at before
            check_graph(data, owner.directory / f"{name}.onnx")
        return data

    @cached_property
    def _int8(self) -> Int8Graphs:
        try:
            return Int8Graphs(self.weights(), Steps.of(self._tensors(STEPS)))
        except (KeyError, ValueError) as error:
            raise ModelError(f"{self.directory}: {STEPS} is not usable: {error}") from error

    def weights(self) -> dict[str, NDArray[Any]]:
        """The trained weights, for training and for backends that build the networks themselves."""
        return self._tensors("weights.safetensors")

    def __repr__(self) -> str:
        return f"Model({self.name!r}, id={self.id[:16]})"
