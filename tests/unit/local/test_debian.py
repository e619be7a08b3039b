from pathlib import Path

import pytest
from rich.console import Console

from vgateway.local import debian
from vgateway.local.debian import NODE_PACKAGES, Package
from vgateway.local.errors import LocalError
from vgateway.local.progress import Progress


def test_a_package_is_missing_as_soon_as_one_thing_it_provides_is(tmp_path: Path) -> None:
    present = tmp_path / "present"
    present.touch()
    whole = Package("whole", ("sh", str(present), str(tmp_path / "pres*")))
    half = Package("half", ("sh", str(tmp_path / "absent")))
    unknown = Package("unknown", ("no-such-program-anywhere",))
    assert debian.missing_packages([whole, half, unknown]) == [half, unknown]


def test_programs_are_seen_in_the_sbin_directories_without_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert debian.missing_packages([Package("shell", ("sh",))]) == []


def test_nothing_missing_needs_neither_root_nor_debian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    debian.ensure_packages([Package("shell", ("sh",))], Progress(Console(quiet=True)))


def test_where_nothing_can_be_installed_the_packages_are_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")  # so there is no apt-get
    wanted = [Package("first", ("no-such-program",)), Package("second", ("/no/such/file",))]
    with pytest.raises(LocalError) as refused:
        debian.ensure_packages(wanted, Progress(Console(quiet=True)))
    assert "apt-get install first second" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_packages_cannot_be_fetched_where_there_is_no_apt_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LocalError, match="busybox libc6"):
        debian.download_packages(["busybox", "libc6"], tmp_path, Progress(Console(quiet=True)))


def test_services_are_held_back_only_while_packages_are_installed(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with debian._no_services(policy):
        assert "exit 101" in policy.read_text()
        assert policy.stat().st_mode & 0o111
    assert not policy.exists()


def test_a_policy_that_a_killed_installation_left_is_removed(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text(debian.POLICY_TEXT)
    with debian._no_services(policy):
        assert policy.exists()
    assert not policy.exists()


def test_somebody_elses_policy_stays_as_it_is(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 0\n")
    with debian._no_services(policy):
        assert policy.read_text() == "#!/bin/sh\nexit 0\n"
    assert policy.read_text() == "#!/bin/sh\nexit 0\n"


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("Reading package lists...\nE: Unable to locate package x\n", "E: Unable to locate package x"),
        ("Err:1 http://mirror bookworm\nE: Failed\n", "Err:1 http://mirror bookworm"),
        ("dpkg: error processing archive y\nfoo\n", "dpkg: error processing archive y"),
        ("one\ntwo\n\n", "two"),
        ("", "it said nothing"),
    ],
)
def test_a_failure_is_told_in_the_line_that_explains_it(output: str, line: str) -> None:
    assert debian.failure(output) == line


def test_no_package_is_asked_for_twice() -> None:
    names = [package.name for package in NODE_PACKAGES]
    assert len(names) == len(set(names))
