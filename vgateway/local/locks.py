"""Keeps two runs from doing the same work in the same directory; a lock ends with its holder, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vgateway.local.progress import Progress


@contextmanager
def exclusive(path: Path, other: str, progress: Progress) -> Iterator[int]:
    """Hold the lock on the file ``path``; while somebody else does, wait and show that we wait for ``other``.

    Gives the lock's file descriptor: a child that inherits it keeps the lock if we are killed and it is not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.step(f"waiting for {other}"):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)
