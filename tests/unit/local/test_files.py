import stat
from pathlib import Path

from vgateway.local.files import write_file


def test_a_file_with_the_same_content_is_not_touched(tmp_path: Path) -> None:
    path = write_file(tmp_path / "new" / "file", "text")
    before = path.stat()
    assert write_file(path, b"text").stat() == before
    assert write_file(path, "other").stat().st_ino != before.st_ino
    assert path.read_text() == "other"


def test_a_private_file_is_private_whatever_was_there(tmp_path: Path) -> None:
    write_file(tmp_path / "file", "open")
    path = write_file(tmp_path / "file", "secret", 0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
