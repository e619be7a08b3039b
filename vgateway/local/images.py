"""Assembles the images that the nodes carry, so that no registry is needed: pause, busybox and CoreDNS.

They are made once, reproducibly for the same Debian packages, and kept in the cache. What an archive looks like is
``archive``'s to know.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vgateway.local.archive import ImageConfig, write_image_archive
from vgateway.local.debian import COMPILER_PACKAGES, download_packages, ensure_packages, unpack
from vgateway.local.errors import LocalError
from vgateway.local.locks import exclusive
from vgateway.local.progress import Progress

PAUSE_SOURCE = Path(__file__).parent / "pause.c"
PAUSE = "registry.k8s.io/pause:3.10"
BUSYBOX = "docker.io/library/busybox:1.36"
COREDNS = "docker.io/coredns/coredns:1.14.7"

SEARCH_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

BUSYBOX_FILES: Mapping[str, str] = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
BUSYBOX_DIRECTORIES: Mapping[str, int] = {
    "etc": 0o755,
    "root": 0o700,
    "home": 0o755,
    "tmp": 0o1777,
    "var": 0o755,
    "var/tmp": 0o1777,
    "var/run": 0o755,
}


@dataclass(frozen=True, slots=True)
class Image:
    """An image that we assemble: its name, how it runs, and what fills its file system."""

    name: str
    config: ImageConfig
    fill: Callable[[Path, Path, Progress], None]
    """Given the (empty) root directory and a scratch directory."""
    made_of: str = ""
    """What it holds beside what the recipe says: part of the archive's name."""


def ensure_images(cache: Path, programs: Mapping[str, Path], progress: Progress) -> dict[str, Path]:
    """Return the archive of every image by the image's name, assembling under ``cache`` what is not there yet.

    ``programs`` are those that images are made of. Raises LocalError when a package or the compiler that it takes
    cannot be had.
    """
    images = (*IMAGES, coredns_image(programs["coredns"]))
    return {image.name: ensure_image(image, cache, progress) for image in images}


def coredns_image(program: Path) -> Image:
    """Return the image that holds a CoreDNS of ours and nothing else."""
    return program_image(COREDNS, program, "coredns")


def program_image(name: str, program: Path, place: str) -> Image:
    """Return the image ``name`` that holds nothing but a static program, at ``place`` below the root."""

    def fill(root: Path, _work: Path, _progress: Progress) -> None:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(program, root / place)
        (root / place).chmod(0o755)

    config = ImageConfig(entrypoint=(f"/{place}",), environment=(SEARCH_PATH,), user="65532:65532")
    return Image(name, config, fill, _digest(program))


def _digest(program: Path) -> str:
    with program.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]


def import_image(containerd_socket: Path, archive: Path) -> None:
    """Put the images of ``archive`` where the kubelet that uses this containerd finds them.

    Raises LocalError with containerd's words.
    """
    ctr = shutil.which("ctr", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")
    if ctr is None:
        raise LocalError("ctr is missing: install containerd")
    if not archive.is_file():
        raise LocalError(f"{archive}: no such image archive")
    _run(
        [ctr, "-a", str(containerd_socket), "-n", "k8s.io", "images", "import", str(archive)],
        f"importing {archive.name}",
    )


def recipe() -> str:
    """Return a name for how the images are made, so that a changed recipe makes them anew."""
    digest = hashlib.sha256()
    for path in (Path(__file__), Path(__file__).with_name("archive.py"), PAUSE_SOURCE):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def ensure_image(image: Image, cache: Path, progress: Progress) -> Path:
    """Return the archive of one image, assembling it under ``cache`` unless it is there."""
    directory = cache / "images"
    made_of = f"-{image.made_of}" if image.made_of else ""
    finished = directory / recipe() / f"{image.name.rpartition('/')[2].replace(':', '-')}{made_of}.tar"
    if finished.exists():
        return finished
    with exclusive(directory / "images.lock", "another run that assembles images", progress):
        if not finished.exists():
            _assemble(image, finished, progress)
    return finished


def _assemble(image: Image, finished: Path, progress: Progress) -> None:
    finished.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vgateway-image-") as scratch:
        root = Path(scratch) / "root"
        work = Path(scratch) / "work"
        root.mkdir()
        work.mkdir()
        image.fill(root, work, progress)
        with progress.step(f"assembling {image.name}"):
            write_image_archive(finished, image.name, root, image.config)


def _fill_pause(root: Path, _work: Path, progress: Progress) -> None:
    ensure_packages(COMPILER_PACKAGES, progress)
    pause = root / "pause"
    # Without the build id and the debugging notes the same source gives the same bytes.
    flags = ["-static", "-Os", "-s", "-Wall", "-Wl,--build-id=none"]
    _run(["gcc", *flags, "-o", str(pause), str(PAUSE_SOURCE)], "compiling pause")
    pause.chmod(0o755)


def _fill_busybox(root: Path, work: Path, progress: Progress) -> None:
    unpacked = work / "unpacked"
    for package in download_packages(["busybox", "libc6"], work, progress):
        unpack(package, unpacked)
    for name in ("bin", "lib", "lib64"):
        if (unpacked / name).is_dir():
            shutil.copytree(unpacked / name, root / name, symlinks=True)
    if not (root / "bin" / "busybox").is_file():
        raise LocalError("Debian's busybox package holds no /bin/busybox: this release is not one that we know")
    _link_applets(root)
    _add_system_files(root)


def _link_applets(root: Path) -> None:
    """Link every applet; ``busybox`` itself stays the real file."""
    for applet in _applets(root):
        link = root / "bin" / applet
        if not link.exists():
            link.symlink_to("busybox")


def _applets(root: Path) -> list[str]:
    """Ask the image's own busybox, run by the image's own loader: this machine's C library may be another."""
    loader = next(iter(sorted(root.glob("lib/*-linux-gnu*/ld-linux*.so*"))), None)
    if loader is None:
        raise LocalError("Debian's libc6 package holds no loader in /lib: this release is not one that we know")
    asked = [str(loader), "--library-path", str(loader.parent), str(root / "bin" / "busybox"), "--list"]
    return _run(asked, "asking busybox for its applets").split()


def _add_system_files(root: Path) -> None:
    for name, mode in BUSYBOX_DIRECTORIES.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name).chmod(mode)
    for name, text in BUSYBOX_FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)


def _run(command: list[str], doing: str) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if ran.returncode != 0:
        reason = (ran.stderr.strip() or ran.stdout.strip() or "it said nothing").splitlines()[-1]
        raise LocalError(f"{doing} failed: {reason}")
    return ran.stdout


IMAGES = (
    Image(PAUSE, ImageConfig(entrypoint=("/pause",), user="65535:65535"), _fill_pause),
    Image(BUSYBOX, ImageConfig(command=("sh",), environment=(SEARCH_PATH,)), _fill_busybox),
)
"""The images that every real node carries."""
