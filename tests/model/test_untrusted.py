"""Models of anybody's: what is no network of Sensic's is refused before a runtime gets it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from sensic.errors import ModelError
from sensic.model import GRAPHS, Model
from sensic.model.untrusted import OPERATORS, check_graph, check_tensors
from tests.small_model import small_model

GRAPH = small_model().graph("synthesis")


def floating(model: onnx.ModelProto) -> TensorProto:
    return next(one for one in model.graph.initializer if one.data_type == TensorProto.FLOAT and len(one.raw_data) > 4)


def another_file(model: onnx.ModelProto) -> None:
    tensor = floating(model)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def other_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "Tile"


def other_domain(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "com.example"


def a_loop(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("body", onnx.GraphProto(name="body")))


def a_function(model: onnx.ModelProto) -> None:
    model.functions.add(name="f", domain="com.example")


def not_a_number(model: onnx.ModelProto) -> None:
    tensor = floating(model)
    values = numpy_helper.to_array(tensor).copy()
    values.flat[-1] = np.nan
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def infinity_in_a_constant(model: onnx.ModelProto) -> None:
    value = helper.make_tensor("v", TensorProto.FLOAT, [2], [1.0, float("inf")])
    model.graph.node.append(helper.make_node("Constant", [], ["unused"], value=value))


def sparse(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add()


HOSTILE: list[tuple[Callable[[onnx.ModelProto], None], str]] = [
    (another_file, "another file"), (other_operator, "'Tile' is none"), (other_domain, "com.example"),
    (a_loop, "a graph"), (a_function, "functions"), (not_a_number, "NaN"), (infinity_in_a_constant, "infinite"),
    (sparse, "sparse"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), HOSTILE, ids=[change.__name__ for change, _ in HOSTILE])
def test_what_no_network_of_ours_has(change: Callable[[onnx.ModelProto], None], message: str, tmp_path: Path) -> None:
    model = onnx.load_from_string(GRAPH)
    change(model)
    data = model.SerializeToString()
    with pytest.raises(ModelError, match=message):
        check_graph(data, "a file")
    shutil.copytree(small_model().directory, tmp_path / "model")
    (tmp_path / "model" / "synthesis.onnx").write_bytes(data)
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text())
    entry = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest["files"]["synthesis.onnx"] = entry
    (tmp_path / "model" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=message):
        Model.load(tmp_path / "model").graph("synthesis")


@pytest.mark.parametrize("name", ["default", "sensing", "snapshot"])
def test_what_ships_is_allowed(name: str) -> None:
    model = Model.load(name)
    for graph in model.graphs:
        check_graph(model.graph(graph), f"{name}/{graph}")
    found = {node.op_type for graph in model.graphs for node in onnx.load_from_string(model.graph(graph)).graph.node}
    assert found <= OPERATORS


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    with contextlib.suppress(ModelError):
        check_graph(data, "a file")


@given(st.data())
def test_any_damage(data: st.DataObject) -> None:
    damaged = bytearray(GRAPH)
    for _ in range(3):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ModelError):
        check_graph(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]), "a file")


def test_tensors() -> None:
    check_tensors({"a": np.ones(3, np.float32), "b": np.arange(3)}, "here")
    with pytest.raises(ModelError, match="here: a holds NaN"):
        check_tensors({"a": np.array([1, np.inf], np.float32)}, "here")


def test_all_graphs_of_the_small_model() -> None:
    for name in GRAPHS:
        check_graph(small_model().graph(name), name)


def test_what_ships_is_not_looked_at_again_at_every_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = shutil.copytree(Model.default().directory, tmp_path / "copied")

    def refuse(data: bytes, where: object) -> None:
        raise ModelError("looked at")

    monkeypatch.setattr("sensic.model.model.check_graph", refuse)
    Model.default().graph("synthesis")
    with pytest.raises(ModelError, match="looked at"):
        Model.load(copied).graph("synthesis")
