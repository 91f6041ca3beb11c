"""Start one command and write its wall seconds, peak memory (KiB) and exit code to a file descriptor.

    python -I -S benchmarks/launch.py FD COMMAND...

A process of its own, and as small as an interpreter can be, because Linux lets a child's peak memory start at
that of the process it was started from: under a benchmark that once held 200 MB, `true` would 'need' 200 MB.
"""

import os
import sys
import time


def main() -> None:
    out, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(out, False)
    start = time.perf_counter()
    try:
        child = os.posix_spawnp(command[0], command, os.environ)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    os.write(out, b"%r %d %d" % (seconds, usage.ru_maxrss, os.waitstatus_to_exitcode(status)))


main()
