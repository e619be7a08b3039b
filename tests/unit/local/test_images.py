import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.console import Console

from vgateway.local import images
from vgateway.local.archive import ImageConfig, write_image_archive
from vgateway.local.errors import LocalError
from vgateway.local.progress import Progress

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler")


def tree(root: Path, names: list[str]) -> Path:
    """Make a small file system whose entries come about in the order of ``names``."""
    (root / "bin").mkdir(parents=True)
    for name in names:
        (root / "bin" / name).write_text(name)
    (root / "bin" / "link").symlink_to("a")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    return root


def read(archive: Path) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Return the manifest's entry, the configuration and the layer of an archive."""
    with tarfile.open(archive) as tar:
        files = {entry.name: tar.extractfile(entry) for entry in tar}
        content = {name: file.read() for name, file in files.items() if file}
    [manifest] = orjson.loads(content["manifest.json"])
    [layer] = manifest["Layers"]
    return manifest, orjson.loads(content[manifest["Config"]]), content[layer]


def test_an_archive_names_the_image_and_digests_its_layer(tmp_path: Path) -> None:
    root = tree(tmp_path / "root", ["a", "b"])
    config = ImageConfig(command=("sh", "-c", "id"), environment=("PATH=/bin",), user="1:2")
    write_image_archive(tmp_path / "image.tar", "registry.test/repo/name:1.0", root, config)
    manifest, document, layer = read(tmp_path / "image.tar")
    assert manifest["RepoTags"] == ["registry.test/repo/name:1.0"]
    assert document["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert document["config"]["Cmd"] == ["sh", "-c", "id"]
    assert document["config"]["Entrypoint"] is None
    assert document["config"]["User"] == "1:2"


def test_a_layer_keeps_types_and_modes_but_neither_owners_nor_times(tmp_path: Path) -> None:
    root = tree(tmp_path / "root", ["b", "a"])
    (root / "bin" / "a").chmod(0o755)
    write_image_archive(tmp_path / "image.tar", "test:1", root, ImageConfig())
    with tarfile.open(fileobj=io.BytesIO(read(tmp_path / "image.tar")[2])) as layer:
        entries = {entry.name: entry for entry in layer}
    assert list(entries) == ["bin", "bin/a", "bin/b", "bin/link", "tmp"]
    assert entries["bin/link"].issym()
    assert entries["bin/link"].linkname == "a"
    assert entries["bin/a"].mode == 0o755
    assert entries["tmp"].mode == 0o1777
    assert {(entry.uid, entry.gid, entry.mtime) for entry in entries.values()} == {(0, 0, 0)}


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    for number, names in enumerate((["a", "b", "c"], ["c", "b", "a"])):
        root = tree(tmp_path / f"root{number}", names)
        os.utime(root / "bin" / "a", (number, number))
        write_image_archive(tmp_path / f"image{number}.tar", "test:1", root, ImageConfig())
    assert (tmp_path / "image0.tar").read_bytes() == (tmp_path / "image1.tar").read_bytes()
    assert not list(tmp_path.glob(".*"))


@needs_gcc
def test_the_pause_image_holds_one_static_program(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    images._fill_pause(root, tmp_path, Progress(Console(quiet=True)))
    assert [path.name for path in root.iterdir()] == ["pause"]
    assert os.access(root / "pause", os.X_OK)
    # A dynamic program names its loader near its start.
    assert b"/ld-linux" not in (root / "pause").read_bytes()[:4096]


@needs_gcc
def test_pause_waits_until_it_is_told_to_end(tmp_path: Path) -> None:
    images._fill_pause(tmp_path, tmp_path, Progress(Console(quiet=True)))
    pause = subprocess.Popen([tmp_path / "pause"])
    with pytest.raises(subprocess.TimeoutExpired):
        pause.wait(0.1)
    pause.terminate()
    # 0 from its handler; the signal itself if it came before the handler was in place.
    assert pause.wait(30) in {0, -15}


def test_the_busybox_image_has_users_and_a_writable_tmp(tmp_path: Path) -> None:
    images._add_system_files(tmp_path)
    assert (tmp_path / "etc/passwd").read_text().startswith("root:x:0:0:")
    assert (tmp_path / "etc/group").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert (tmp_path / "root").stat().st_mode & 0o7777 == 0o700


def test_images_that_are_there_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "images" / images.recipe()
    directory.mkdir(parents=True)
    kept = {images.PAUSE: directory / "pause-3.10.tar", images.BUSYBOX: directory / "busybox-1.36.tar"}
    for path in kept.values():
        path.touch()
    monkeypatch.setenv("PATH", str(tmp_path))  # neither compiler nor apt-get
    program = tmp_path / "coredns"
    program.write_bytes(b"a program")
    digest = hashlib.sha256(b"a program").hexdigest()[:16]
    kept[images.COREDNS] = directory / f"coredns-1.14.7-{digest}.tar"
    kept[images.COREDNS].touch()
    assert images.ensure_images(tmp_path, {"coredns": program}, Progress(Console(quiet=True))) == kept


def test_an_archive_that_does_not_exist_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ctr").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match=r"image\.tar: no such image archive"):
        images.import_image(tmp_path / "containerd.sock", tmp_path / "image.tar")
