"""Writing files whole or not at all, and only when their content is new: some programs end when theirs is touched."""

from pathlib import Path


def write_file(path: Path, content: str | bytes, mode: int = 0o644) -> Path:
    """Make the file hold ``content``, readable as ``mode`` says from its first byte on; return the path."""
    data = content.encode() if isinstance(content, str) else content
    if path.exists() and path.read_bytes() == data:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.new")
    partial.unlink(missing_ok=True)
    partial.touch(mode=mode)
    partial.write_bytes(data)
    return partial.rename(path)
