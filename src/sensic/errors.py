"""Everything that Sensic raises on purpose.

::

    SensicError
    ├── UsageError             an argument is wrong; names the allowed values          exit 2
    ├── InputError             the source can't be read as video                       exit 1
    │   └── UnsupportedError   readable, but not something Sensic codes                exit 1
    ├── OutputError            the destination can't be written (full disk, no right)  exit 1
    ├── StreamError            a Sensic stream that can't be decoded                   exit 3
    │   ├── DamagedError       a checksum, length or symbol is wrong                   exit 3
    │   ├── LimitError         the file asks for more than the caps allow              exit 3
    │   └── VersionError       written by a newer format version                       exit 3
    ├── ModelError             a model file is missing, damaged or foreign             exit 1
    │   └── WrongModelError    the stream was made with another model; names it        exit 1
    ├── BackendError           no backend computes the networks exactly                exit 1
    ├── ClusterError           workers die, or the cluster can't be reached            exit 1
    ├── EvaluationError        a bench can't start, or its results can't be read        exit 1
    ├── TargetError            a quality, rate or size that can't be reached           exit 4
    └── TrainingError          a training run can't start or go on                     exit 1
        ├── PackError          footage or a training pack can't be used                exit 1
        └── RecipeError        a recipe has an unknown or impossible value             exit 2
"""

from __future__ import annotations


class SensicError(Exception):
    """Root of the tree. ``exit_code`` is what the command line returns for it."""

    exit_code = 1


class UsageError(SensicError, ValueError):
    exit_code = 2


class InputError(SensicError):
    pass


class UnsupportedError(InputError):
    pass


class OutputError(SensicError):
    pass


class StreamError(SensicError):
    exit_code = 3


class DamagedError(StreamError):
    pass


class LimitError(StreamError):
    pass


class VersionError(StreamError):
    pass


class ModelError(SensicError):
    pass


class WrongModelError(ModelError):
    def __init__(self, wanted: str, found: str | None = None) -> None:
        self.wanted = wanted
        have = f", not {found}" if found else ""
        super().__init__(f"this stream needs the model {wanted}{have}; give it with --model FILE")


class BackendError(SensicError):
    pass


class ClusterError(SensicError):
    pass


class EvaluationError(SensicError):
    pass


class TargetError(SensicError):
    """``best`` is what came nearest, where something was tried."""

    exit_code = 4

    def __init__(self, message: str, best: object = None) -> None:
        super().__init__(message)
        self.best = best


class TrainingError(SensicError):
    pass


class PackError(TrainingError):
    pass


class RecipeError(TrainingError):
    exit_code = 2
