"""The lock on a state directory: one command changes it at a time, and `down` may remove the lock itself."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from vgateway.local.errors import LocalError
from vgateway.local.locks import exclusive
from vgateway.local.paths import Paths
from vgateway.local.progress import Progress


@contextmanager
def changing(paths: Paths, progress: Progress) -> Iterator[None]:
    """Hold the state directory for changes; wait while somebody else does. Raises LocalError when we may not."""
    while True:
        with ExitStack() as held:
            try:
                descriptor = held.enter_context(exclusive(paths.lock, f"another command on {paths.home}", progress))
            except FileNotFoundError:
                # The directory went away between its making and ours of the lock.
                continue
            except OSError as error:
                raise LocalError(f"{paths.home}: {error.strerror}") from error
            if _is_current(paths, descriptor):
                yield
                return


def remove_home(paths: Paths) -> None:
    """Remove the lock, held by the caller, and the directory unless somebody else put something there."""
    paths.lock.unlink(missing_ok=True)
    with suppress(OSError):
        paths.home.rmdir()


def _is_current(paths: Paths, descriptor: int) -> bool:
    """Say whether the lock that we hold is still the one at its place: its holder may have removed it."""
    held = os.fstat(descriptor)
    try:
        return paths.lock.stat().st_ino == held.st_ino
    except FileNotFoundError:
        return False
