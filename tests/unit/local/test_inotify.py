"""The limit of inotify instances: raised once, and put back to what it was."""

from pathlib import Path

from vgateway.local.inotify import ENOUGH, raise_limit, restore_limit


def test_the_limit_is_raised_and_put_back_also_after_being_raised_twice(tmp_path: Path) -> None:
    limit = tmp_path / "limit"
    limit.write_text("128\n")

    raise_limit(tmp_path, limit)
    raise_limit(tmp_path, limit)
    assert int(limit.read_text()) == ENOUGH

    restore_limit(tmp_path, limit)
    assert limit.read_text() == "128\n"
    assert list(tmp_path.iterdir()) == [limit]


def test_a_limit_that_is_high_enough_is_left_alone(tmp_path: Path) -> None:
    limit = tmp_path / "limit"
    limit.write_text("8192\n")

    raise_limit(tmp_path, limit)
    restore_limit(tmp_path, limit)

    assert limit.read_text() == "8192\n"


def test_a_limit_that_somebody_changed_meanwhile_is_theirs(tmp_path: Path) -> None:
    limit = tmp_path / "limit"
    limit.write_text("128\n")
    raise_limit(tmp_path, limit)
    limit.write_text("4096\n")

    restore_limit(tmp_path, limit)

    assert limit.read_text() == "4096\n"
