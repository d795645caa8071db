"""Work spread over processes of this machine, or over machines: one protocol. Knows nothing of video."""

from sensic.cluster.local import LocalExecutor, whole_workers
from sensic.cluster.protocol import DEATHS, Executor, Report, Task
from sensic.cluster.ray import RayExecutor

__all__ = ["DEATHS", "Executor", "LocalExecutor", "RayExecutor", "Report", "Task", "whole_workers"]
