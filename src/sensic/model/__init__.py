"""Model files: manifest, hashes, golden vector, tables; and the models that ship."""

from sensic.model.files import GRAPHS, SENSING_GRAPHS, SNAPSHOT_GRAPHS, write_model
from sensic.model.model import Model

__all__ = ["GRAPHS", "SENSING_GRAPHS", "SNAPSHOT_GRAPHS", "Model", "write_model"]
