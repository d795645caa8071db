"""Runs a command and writes what it cost, as JSON: ``python launcher.py REPORT COMMAND...``.

A program of its own, without imports worth speaking of: a child begins with the peak memory of the process that
started it, so a bench that holds hundreds of megabytes would report them as the coder's.
"""

import json
import os
import sys
import time


def main(report: str, *command: str) -> int:
    start = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024
    with open(report, "w", encoding="utf-8") as file:
        cost = {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss * unit}
        json.dump({**cost, "code": os.waitstatus_to_exitcode(status)}, file)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
