"""Small files that others rotate under us: reading them, and noticing that they changed."""

from pathlib import Path

from vgateway.errors import ConfigError

Stamp = tuple[tuple[int, int, int] | None, ...]


def read_text(path: Path) -> str:
    """Return the file's text; ConfigError with the path if that cannot be had."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigError(f"{path}: {why}") from error


class Watched:
    """Files looked at now and then; following symbolic links, as Kubernetes swaps mounted Secrets by them."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self._paths = paths
        self._seen = self._stamp()

    def changed(self) -> bool:
        """Say whether any file is another one than at the last look; a missing file waits to be replaced."""
        stamp = self._stamp()
        if None in stamp or stamp == self._seen:
            return False
        self._seen = stamp
        return True

    def _stamp(self) -> Stamp:
        return tuple(map(_stat, self._paths))


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
