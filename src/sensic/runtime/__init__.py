"""Who computes the networks: ONNX Runtime; OpenVINO, PyTorch and a NumPy reference behind the same protocol."""

from sensic.runtime.choice import BACKENDS, make_backend
from sensic.runtime.onnxruntime import OnnxBackend
from sensic.runtime.protocol import INTEGER_GRAPHS, Backend, check_golden
from sensic.runtime.trial import is_faster

__all__ = ["BACKENDS", "INTEGER_GRAPHS", "Backend", "OnnxBackend", "check_golden", "is_faster", "make_backend"]
