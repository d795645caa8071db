from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sensic.errors import ModelError
from sensic.model import GRAPHS, Model
from tests.small_model import small_model


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(small_model().directory, tmp_path / "model")
    return tmp_path / "model"


def test_the_shipped_model_is_whole() -> None:
    model = Model.default()
    assert Model.find(model.id) == model
    assert all(model.graph(name) for name in GRAPHS)
    assert model.tables.tables
    assert model.initial_memory.shape == (model.sizes["memory"],)
    assert (model.directory / "README.md").read_text().startswith("#")


def test_a_model_loads_by_path_and_by_itself(copy: Path) -> None:
    model = Model.load(copy)
    assert model.id == small_model().id
    assert Model.load(copy / "manifest.json").id == model.id
    assert Model.load(str(copy)).id == model.id
    assert Model.load(model) is model
    assert model.id[:16] in repr(model)


def test_an_unknown_name_says_so() -> None:
    with pytest.raises(ModelError, match="no-such-model"):
        Model.load("no-such-model")
    assert Model.find("0" * 64) is None


def test_every_file_is_pinned_by_its_hash(copy: Path) -> None:
    for name in json.loads((copy / "manifest.json").read_text())["files"]:
        data = bytearray((copy / name).read_bytes())
        data[len(data) // 2] ^= 1
        (copy / name).write_bytes(data)
    model = Model.load(copy)
    for graph in GRAPHS:
        with pytest.raises(ModelError, match="hash"):
            model.graph(graph)
    for read in (lambda: model.tables, lambda: model.golden, model.weights):
        with pytest.raises(ModelError, match="hash"):
            read()


def test_a_size_that_differs_is_refused_before_reading(copy: Path) -> None:
    with (copy / "hyper.onnx").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ModelError, match="size"):
        Model.load(copy).graph("hyper")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(format=99), "format"),
        (lambda m: m.pop("files"), "files missing"),
        (lambda m: m.pop("name"), "name missing"),
        (lambda m: m.update(name=3), "name is a text"),
        (lambda m: m.update(base="fast"), "base is a model's id, 64 hexadecimal digits"),
        (lambda m: m.update(facts=[]), "facts is an object"),
        (lambda m: m.update(networks=[1]), "networks is an object of whole numbers from 0 to 4096"),
        (lambda m: m["networks"].update(latent=1 << 40), "networks is"),
        (lambda m: m["networks"].update(latent=True), "networks is"),
        (lambda m: m["quality_offsets"].update(inter=[]), "quality_offsets is {}, or has intra"),
        (lambda m: m["quality_offsets"].pop("intra"), "quality_offsets is"),
        (lambda m: m["quality_offsets"].update(intra="5"), "quality_offsets is"),
        (lambda m: m["quality_offsets"].update(inter=[0, 64]), "quality_offsets is"),
        (lambda m: m.update(files=[]), "files is an object of bytes"),
        (lambda m: m["files"].update({"../hyper.onnx": m["files"]["hyper.onnx"]}), "files is .* plain name"),
        (lambda m: m["files"]["hyper.onnx"].update(bytes=float("inf")), "files is"),
        (lambda m: m["files"]["hyper.onnx"].update(sha256="0"), "files is"),
    ],
)
def test_manifests_that_are_not_ours(copy: Path, change, message: str) -> None:  # type: ignore[no-untyped-def]
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=message):
        Model.load(copy)


def test_files_outside_the_manifest_are_never_read(copy: Path) -> None:
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["files"]["first.onnx"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="does not name"):
        Model.load(copy).graph("first")
    with pytest.raises(ModelError, match="hyper"):
        Model.load(copy).graph("../secret")


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "\0", "[" * 100_000])
def test_a_manifest_that_is_no_manifest(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ModelError):
        Model.load(tmp_path)


def test_a_manifest_for_other_pictures(copy: Path) -> None:
    """Of a model that codes no frames of its own: there is nothing to say of their quality, and of sizes."""
    manifest = {**small_model().manifest, "quality_offsets": {}, "networks": {}}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    model = Model.load(copy)
    with pytest.raises(ModelError, match="no quality_offsets"):
        model.frame_quality(32, 0)
    with pytest.raises(ModelError, match="network sizes"):
        _ = model.sizes


def test_qualities_follow_the_pattern_and_stay_in_range() -> None:
    model = small_model()
    assert [model.frame_quality(30, p) for p in range(6)] == [35, 27, 31, 27, 34, 27]
    assert model.frame_quality(63, 0) == 63
    assert model.frame_quality(0, 1) == 0
