"""Who computes the networks: ONNX Runtime; OpenVINO, PyTorch and a NumPy reference behind the same protocol."""

from sensic.runtime.onnxruntime import OnnxBackend
from sensic.runtime.protocol import INTEGER_GRAPHS, Backend, check_golden

__all__ = ["INTEGER_GRAPHS", "Backend", "OnnxBackend", "check_golden"]
