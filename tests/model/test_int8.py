from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import onnx
import pytest

import sensic
from sensic.codec.engine import decoding_backend
from sensic.errors import ModelError, UsageError
from sensic.model import GRAPHS, Model
from sensic.model.int8 import PIXEL_GRAPHS
from sensic.model.int8.onnx_file import model, node, tensor, value_info
from sensic.runtime import OnnxBackend, check_golden, is_faster
from sensic.training.int8 import make_int8
from sensic.training.int8.rounding import compensated
from sensic.video import Frame, VideoInfo, VideoSink
from tests.small_model import small_model

CLIP = (6, 64, 96)


def pictures(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Clouds that move: y [T, H, W] and uv [T, 2, H/2, W/2]."""
    frames, height, width = CLIP
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(rng.standard_normal((height, width)))
    spectrum /= 1 + np.add.outer(np.fft.fftfreq(height) ** 2, np.fft.rfftfreq(width) ** 2) * 2000
    cloud = np.fft.irfft2(spectrum, (height, width))
    cloud = 128 + 40 * cloud / cloud.std()
    y = np.stack([np.roll(cloud, 2 * t, 1) for t in range(frames)]).clip(0, 255).astype(np.uint8)
    small = y[:, ::2, ::2] // 2 + 64
    return y, np.stack([small, 255 - small], 1)


@cache
def int8_model() -> Model:
    directory = Path(mkdtemp(prefix="sensic-int8-")) / "small-int8"
    return make_int8(small_model(), [pictures()], directory, name="small-int8", qualities=(20, 40))


def test_it_is_a_model_like_others_with_the_same_symbols() -> None:
    model, base = int8_model(), small_model()
    assert model.is_int8
    assert not base.is_int8
    assert model.id != base.id
    check_golden(OnnxBackend(model, 1), model)
    for graph in GRAPHS:
        assert (model.graph(graph) == base.graph(graph)) == (graph not in PIXEL_GRAPHS)
    assert model.frame_quality(30, 2) == base.frame_quality(30, 2)
    assert model.tables.tables[3].frequencies.tolist() == base.tables.tables[3].frequencies.tolist()


@pytest.mark.parametrize("graph", PIXEL_GRAPHS)
def test_the_graphs_are_sound_onnx(graph: str) -> None:
    made = onnx.load_from_string(int8_model().graph(graph))
    onnx.checker.check_model(made)
    assert made.graph.name == graph
    operators = [n.op_type for n in made.graph.node]
    assert operators.count("QLinearConv") >= 4
    # What blocks add to is float32 from the first sum on: nothing that was rounded becomes real again, or a sum.
    assert not {"DequantizeLinear", "QLinearAdd"} & set(operators)
    assert int8_model().graph(graph) == int8_model().graph(graph)


@pytest.mark.parametrize("quality", [10, 40, 63])
def test_the_pixel_networks_compute_nearly_the_same(quality: int) -> None:
    y, uv = pictures(1)
    q = np.array([quality], np.int64)
    planes = {"y": y[:1, None] / np.float32(255) - np.float32(0.5), "uv": uv[:1] / np.float32(255) - np.float32(0.5)}
    found = []
    for each in (small_model(), int8_model()):
        backend = OnnxBackend(each, 1)
        prediction, context = backend.run("context", {**planes, "quality": q})
        given = {"prediction": prediction, "context": context, "quality": q}
        shifted = {k: np.roll(v, 1, -1) for k, v in planes.items()}
        latent, hyper = backend.run("analysis", {**shifted, **given})
        if not found:
            rounded = np.rint(latent)
        found.append((latent, hyper, *backend.run("synthesis", {"latent": rounded, **given})))
    for exact, close in zip(found[0][:2], found[1][:2], strict=True):
        assert np.abs(exact - close).mean() < 0.05 * np.abs(exact).mean() + 0.02
    for exact, close in zip(found[0][2:], found[1][2:], strict=True):
        assert exact.shape == close.shape
        assert np.sqrt(((exact - close) ** 2).mean()) < 0.006
        assert np.abs(close).max() <= 0.5


def frames() -> Iterator[Frame]:
    y, uv = pictures()
    for t in range(len(y)):
        yield Frame(y[t], uv[t, 0], uv[t, 1], 8, t, Fraction(1, 25))


def test_streams_are_decoded_with_the_same_arithmetic(tmp_path: Path) -> None:
    _, height, width = CLIP
    with VideoSink(tmp_path / "source.mkv", VideoInfo(width, height, time_base=Fraction(1, 25))) as sink:
        for frame in frames():
            sink.write(frame)
    model = int8_model()
    report = sensic.encode(tmp_path / "source.mkv", tmp_path / "coded.mkv", model=model, quality=40, threads=1)
    assert report.model == model.id
    found = []
    for threads in (1, 2, 4):
        with sensic.open_video(tmp_path / "coded.mkv", model=model, threads=threads) as video:
            found.append(np.stack([frame.y for frame in video]))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_a_stream_of_the_default_model_is_decoded_with_integers_on_demand(tmp_path: Path) -> None:
    demo = Path(__file__).parents[2] / "demo" / "bunny.mp4"
    cut = sensic.Filters(scale="256:144", trim=":0.3")
    sensic.encode(demo, tmp_path / "coded.mkv", filters=cut, threads=1)
    luma = {}
    for precision in ("float", "int8", "auto"):
        with sensic.open_video(tmp_path / "coded.mkv", threads=1, precision=precision) as video:
            luma[precision] = np.stack([frame.y for frame in video]).astype(np.float64)
    error = ((luma["float"] - luma["int8"]) ** 2).mean()
    assert 0 < error < 255**2 / 10**4.5
    assert any(np.array_equal(luma["auto"], luma[precision]) for precision in ("float", "int8"))
    report = sensic.decode(tmp_path / "coded.mkv", tmp_path / "out.mkv", precision="int8")
    assert report.frames == len(luma["float"])
    with pytest.raises(UsageError, match="float, int8, auto"):
        sensic.decode(tmp_path / "coded.mkv", tmp_path / "out.mkv", precision="half")


def test_integers_are_there_for_shipped_models_only(tmp_path: Path) -> None:
    fast = Model.load("fast")
    assert fast.is_int8
    assert Model.default().int8() == fast
    assert decoding_backend(fast, 1, "int8")
    with pytest.raises(UsageError, match="small-0 has no networks"):
        decoding_backend(small_model(), 1, "int8")
    assert decoding_backend(small_model(), 1, "auto")


@pytest.mark.parametrize(("seconds", "shift", "expected"), [(0.0, 0.0, True), (0.05, 0.0, False), (0.0, 0.1, False)])
def test_a_trial_asks_for_speed_and_the_same_picture(seconds: float, shift: float, expected: bool) -> None:
    class Slow:
        def __init__(self, seconds: float, shift: float) -> None:
            self.seconds, self.shift = seconds, np.float32(shift)

        def run(self, graph: str, inputs: object) -> tuple[np.ndarray, ...]:  # type: ignore[type-arg]
            time.sleep(self.seconds)
            return np.zeros((1, 1, 4, 4), np.float32) + self.shift, np.zeros(1, np.float32)

    assert is_faster(Slow(seconds, shift), Slow(0.02, 0.0), small_model()) == expected


def test_of_a_shipped_model_only_the_steps_are_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    base = small_model()
    find = Model.find
    monkeypatch.setattr(Model, "find", lambda identity: base if identity == base.id else find(identity))
    made = make_int8(base, [pictures()], tmp_path / "thin", name="thin", qualities=(30,))
    assert sorted(p.name for p in made.directory.iterdir()) == ["README.md", "int8.safetensors", "manifest.json"]
    assert all(made.graph(graph) for graph in GRAPHS)
    monkeypatch.setattr(Model, "find", find)
    with pytest.raises(ModelError, match="is not there"):
        Model.load(tmp_path / "thin").graph("hyper")


def test_what_is_not_usable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="packs"):
        make_int8(small_model(), [], tmp_path / "none", name="none")
    with pytest.raises(UsageError, match="float32"):
        make_int8(int8_model(), [pictures()], tmp_path / "twice", name="twice")
    shutil.copytree(int8_model().directory, tmp_path / "model")
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text())
    del manifest["files"]["weights.safetensors"]
    (tmp_path / "model" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="weights"):
        Model.load(tmp_path / "model").graph("context")


def test_compensated_rounding_errs_less_where_inputs_are_alike() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((4, 500)).repeat(6, 0) + 0.1 * rng.standard_normal((24, 500))
    weight = rng.uniform(-60, 60, (8, 24))
    whole = compensated(weight, np.cov(inputs))
    assert np.array_equal(whole, np.rint(whole))
    assert np.abs(whole).max() <= 63
    wrong, nearest = (np.square((w - weight) @ inputs).mean() for w in (whole, np.rint(weight)))
    assert wrong < 0.5 * nearest


def test_an_onnx_file_written_by_hand_is_read_by_onnx() -> None:
    data = model(
        "sum",
        [
            node("Gemm", ["x", "w"], ["z"], "", {"alpha": 0.5, "transB": 1}),
            node("Transpose", ["z"], ["out"], "", {"perm": [1, 0]}),
        ],
        [tensor("w", np.arange(6, dtype=np.float32).reshape(3, 2))],
        [value_info("x", "float32", ("n", 2))],
        [value_info("out", "float32", (3, "n"))],
        {"": 17, "com.microsoft": 1},
    )  # fmt: skip
    read = onnx.load_from_string(data)
    onnx.checker.check_model(read, full_check=True)
    assert [n.op_type for n in read.graph.node] == ["Gemm", "Transpose"]
    assert {a.name: onnx.helper.get_attribute_value(a) for n in read.graph.node for a in n.attribute} == {
        "alpha": 0.5, "transB": 1, "perm": [1, 0],
    }  # fmt: skip
    assert onnx.numpy_helper.to_array(read.graph.initializer[0]).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert read.graph.output[0].type.tensor_type.shape.dim[1].dim_param == "n"
