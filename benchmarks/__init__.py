"""Speed, size and picture measured on real files; every script runs with ``python -m benchmarks.NAME --help``.

They need the extra ``eval`` and use the public API of Sensic only, except ``motion`` and ``adaptive``, which open
the codec to look at one part of it.
"""
