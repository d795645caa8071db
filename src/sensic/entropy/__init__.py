"""Entropy coding in integers: tables, symbol grouping, range coder, adaptive statistics."""

from sensic.entropy.coder import FrequencyTable, SymbolDecoder, SymbolEncoder
from sensic.entropy.statistics import TableStatistics, first_cells
from sensic.entropy.tables import ScaleTables

__all__ = ["FrequencyTable", "ScaleTables", "SymbolDecoder", "SymbolEncoder", "TableStatistics", "first_cells"]
