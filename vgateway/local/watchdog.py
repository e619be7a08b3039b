"""Takes the clusters down when the process that they were made for ends, however it ends."""

import os
import select
import sys

from vgateway.local.instance import Instance
from vgateway.local.processes import Program

PROGRAM = "watchdog/watchdog"


def watch_owner(instance: Instance, owner: int) -> None:
    """Start the watchdog; it is in none of the clusters' control groups, because it outlives them."""
    arguments = (sys.executable, "-m", "vgateway", "local", "watch", str(owner))
    environment = {"VGATEWAY_HOME": str(instance.paths.home)}
    instance.processes.ensure(Program(PROGRAM, arguments, environment=environment))


def await_end(pid: int) -> None:
    """Return when the process has ended, at once if there is none."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        select.select([descriptor], [], [])
    finally:
        os.close(descriptor)
