"""The command line. ``main`` runs it and returns the exit code.

===  =========================================================
  0  done
  1  the input can't be read, the output not written, and so on
  2  the command line is wrong
  3  the stream is damaged, or not a Sensic stream
  4  done, but the target was not met
130  interrupted (Ctrl-C)
===  =========================================================
"""

from sensic.cli.app import main

__all__ = ["main"]
