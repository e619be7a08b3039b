"""The kernel's limit of inotify instances per user: a cluster takes about 35, and 128 is what a machine starts with.

Raised while there are clusters on this machine, and put back with the last one; the value before is written down first.
"""

from pathlib import Path

LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
ENOUGH = 2048
RECORD = "inotify-limit-before"


def raise_limit(root: Path, limit: Path = LIMIT) -> None:
    """Make the limit enough for many clusters; ``root`` is where the instances of this machine reserve numbers."""
    before = limit.read_text()
    if int(before) >= ENOUGH:
        return
    record = root / RECORD
    if not record.exists():
        made = record.with_suffix(".new")
        made.write_text(before)
        made.rename(record)
    limit.write_text(str(ENOUGH))


def restore_limit(root: Path, limit: Path = LIMIT) -> None:
    """Put the limit back to what it was, if we raised it and nobody has changed it since."""
    record = root / RECORD
    if not record.exists():
        return
    if int(limit.read_text()) == ENOUGH:
        limit.write_text(record.read_text())
    record.unlink()
