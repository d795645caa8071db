"""The entropy path gives the same integers on every backend, element by element."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensic.errors import BackendError
from sensic.model import Model
from sensic.runtime import INTEGER_GRAPHS, Backend, OnnxBackend, check_golden
from sensic.runtime.openvino import OpenVinoBackend
from sensic.runtime.protocol import INPUTS, Array
from sensic.runtime.pytorch import TorchBackend
from sensic.runtime.reference import ReferenceBackend
from tests.small_model import small_model

BACKENDS: dict[str, Callable[[Model], Backend]] = {
    "onnxruntime-1": lambda model: OnnxBackend(model, 1, INTEGER_GRAPHS),
    "onnxruntime-2": lambda model: OnnxBackend(model, 2, INTEGER_GRAPHS),
    "openvino": lambda model: OpenVinoBackend(model, 2, INTEGER_GRAPHS),
    "torch-float32": lambda model: TorchBackend(model, 2),
    "torch-float64": lambda model: TorchBackend(model, 2, dtype="float64"),
}
MODELS: dict[str, Callable[[], Model]] = {"small": small_model, "default": Model.default}


@cache
def backend(name: str, model: str) -> Backend:
    return BACKENDS[name](MODELS[model]())


@cache
def reference(model: str) -> ReferenceBackend:
    return ReferenceBackend(MODELS[model]())


def inputs(model: Model, seed: int, height: int, width: int, kind: str) -> dict[str, Array]:
    """Random inputs; "extreme" ones sit at the ends of their ranges, "beyond" ones outside, where they are clamped."""
    generator = np.random.default_rng(seed)
    size = model.sizes

    def draw(channels: int, limit: int, steps: int, h: int = height, w: int = width) -> Array:
        shape = (1, channels, h, w)
        if kind == "random":
            values = generator.integers(-limit, limit + 1, shape)
        else:
            far = limit if kind == "extreme" else 50 * limit
            values = generator.choice([-far, 0, far], shape)
        return (values / steps).astype(np.float32)

    memory = np.clip(draw(size["memory"], 127, 16), -127 / 16, 127 / 16)
    return {
        "memory": memory,
        "features": np.clip(draw(size["memory"], 127, 16), -127 / 16, 127 / 16),
        "z": draw(size["hyper"], 1016, 8, -(-height // 4), -(-width // 4)),
        "motion": draw(2, 480, 1),
        "y_first": draw(size["latent"], 255, 8),
        "y": draw(size["latent"], 255, 8),
        "quality": np.array([seed % 64], np.int64),
        "inter": np.array([seed // 64 % 2], np.int64),
    }


def assert_equal(name: str, model: str, given_inputs: Mapping[str, Array]) -> None:
    for graph in INTEGER_GRAPHS:
        chosen = {key: given_inputs[key] for key in INPUTS[graph]}
        results = backend(name, model).run(graph, chosen)
        for result, expected in zip(results, reference(model).run(graph, chosen), strict=True):
            assert result.shape == expected.shape
            assert np.array_equal(result, expected), graph


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("kind", ["random", "extreme", "beyond"])
@pytest.mark.parametrize("model", MODELS)
def test_every_element_is_equal(name: str, kind: str, model: str) -> None:
    assert_equal(name, model, inputs(MODELS[model](), 77, 9, 13, kind))


@pytest.mark.parametrize("name", BACKENDS)
@settings(max_examples=12)
@given(st.integers(0, 1000), st.integers(1, 9), st.integers(1, 9), st.sampled_from(["random", "extreme", "beyond"]))
def test_any_size_and_quality(name: str, seed: int, height: int, width: int, kind: str) -> None:
    assert_equal(name, "small", inputs(small_model(), seed, height, width, kind))


@pytest.mark.parametrize("name", [*BACKENDS, "reference"])
@pytest.mark.parametrize("model", MODELS)
def test_the_golden_vector_holds(name: str, model: str) -> None:
    check_golden(reference(model) if name == "reference" else backend(name, model), MODELS[model]())


@pytest.mark.parametrize("graph", INTEGER_GRAPHS)
def test_a_backend_that_is_off_by_one_step_is_not_used(graph: str) -> None:
    class Faulty:
        def run(self, name: str, given_inputs: Mapping[str, Array]) -> tuple[Array, ...]:
            results = [r.copy() for r in reference("small").run(name, given_inputs)]
            if name == graph:
                results[0].flat[17] += 1 / 16
            return tuple(results)

    with pytest.raises(BackendError, match=graph):
        check_golden(Faulty(), small_model())


@pytest.mark.parametrize("model", MODELS)
def test_accumulators_stay_below_24_bits(model: str) -> None:
    """What makes float32 exact: the largest possible sum, on the grid of its smallest step, fits the mantissa."""
    arrays = MODELS[model]().integers
    for name in [key.removesuffix(".weight") for key in arrays if key.endswith(".weight")]:
        weight = np.abs(arrays[f"{name}.weight"].astype(np.int64)).reshape(arrays[f"{name}.weight"].shape[0], -1)
        limit, steps = (127 * 8, 5) if name == "hd1" else (127, 4)
        exponent = arrays[f"{name}.exponent"].astype(np.int64)
        assert exponent.min() >= -12
        grid = np.maximum(steps - exponent, 8)  # bits after the point of weight x activation and of the bias
        total = (weight.sum(1) * limit << grid - steps + exponent) + (
            abs(arrays[f"{name}.bias"].astype(np.int64)) << grid - 8
        )
        assert total.max() < 1 << 24, name


def test_the_pixel_networks_agree_closely() -> None:
    model = small_model()
    generator = np.random.default_rng(3)
    quality = np.array([40], np.int64)
    y = generator.random((1, 1, 48, 64), np.float32) - 0.5
    uv = generator.random((1, 2, 24, 32), np.float32) - 0.5
    results = []
    for name in ("onnxruntime-2", "openvino", "torch-float64"):
        found = {"onnxruntime-2": OnnxBackend, "openvino": OpenVinoBackend, "torch-float64": TorchBackend}[name](
            model, 2
        )
        prediction, context = found.run("context", {"y": y, "uv": uv, "quality": quality})
        latent, hyper = found.run(
            "analysis", {"y": -y, "uv": -uv, "prediction": prediction, "context": context, "quality": quality}
        )
        planes = found.run(
            "synthesis", {"latent": np.rint(latent), "prediction": prediction, "context": context, "quality": quality}
        )
        results.append((latent, hyper, *planes))
    for other in results[1:]:
        for a, b in zip(results[0][:2], other[:2], strict=True):
            assert np.allclose(a, b, atol=1e-3)
        for a, b in zip(results[0][2:], other[2:], strict=True):
            assert np.abs(a - b).mean() < 1e-3
            assert np.abs(a).max() <= 0.5


def test_the_reference_computes_no_pixels() -> None:
    with pytest.raises(BackendError):
        reference("small").run("synthesis", {})
