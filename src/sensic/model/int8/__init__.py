"""The pixel networks in 8-bit integers: trained weights, and steps of activations that were found on real footage."""

from sensic.model.int8.graphs import PIXEL_GRAPHS, Int8Graphs
from sensic.model.int8.steps import Quantised, Steps

__all__ = ["PIXEL_GRAPHS", "Int8Graphs", "Quantised", "Steps"]
