"""The images of virtual clusters that run in pods: ours, assembled from this checkout, and the control plane's.

They bear the names that they have in the field, so that an installation needs no values for them here. Ours holds what
``deploy/image/Dockerfile`` puts into it, by the same program.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from vgateway import __version__
from vgateway.config.workload import KUBERNETES, ApiServer, ControllerManager, Embedded, StatefulSet
from vgateway.local.archive import ImageConfig, write_image_archive
from vgateway.local.debian import download_packages
from vgateway.local.errors import LocalError
from vgateway.local.images import SEARCH_PATH, ensure_image, program_image
from vgateway.local.locks import exclusive
from vgateway.local.progress import Progress

CHECKOUT = Path(__file__).parents[2]
RECIPE = CHECKOUT / "deploy" / "image"
OWN = StatefulSet().image.name(__version__)
PROGRAMS: Mapping[str, str] = {
    "kube-apiserver": ApiServer().image.name(KUBERNETES),
    "kube-controller-manager": ControllerManager().image.name(KUBERNETES),
    "kine": Embedded().image.name(""),
}
"""The images of the virtual control plane, by the program that each holds."""

OWN_CONFIG = ImageConfig(
    entrypoint=("/usr/bin/python3.11", "-m", "vgateway"),
    environment=(SEARCH_PATH, "PYTHONPATH=/opt/vgateway", "PYTHONDONTWRITEBYTECODE=1", "LANG=C.UTF-8"),
    user="65532:65532",
)
KEPT_BASES = 2
"""How many bases stay in the cache: today's, and one to go back to."""


def ensure_pod_images(cache: Path, programs: Mapping[str, Path], into: Path, progress: Progress) -> list[Path]:
    """Return an archive of each image that a pod of a virtual cluster is made of.

    Those of the ``programs`` are kept under ``cache``, ours is written into the directory ``into``. Raises LocalError
    when this is no checkout, or when a package cannot be had.
    """
    images = [program_image(name, programs[program], f"usr/local/bin/{program}") for program, name in PROGRAMS.items()]
    own = write_own_image(cache, into / "vgateway.tar", progress)
    return [own, *(ensure_image(image, cache, progress) for image in images)]


def write_own_image(cache: Path, archive: Path, progress: Progress) -> Path:
    """Write our image and return its archive; only what is ours is assembled anew each time."""
    if not (RECIPE / "assemble.py").exists():
        raise LocalError(f"{RECIPE} is missing: our image is assembled from a checkout of the source")
    with tempfile.TemporaryDirectory(prefix="vgateway-image-") as scratch:
        root, wheels = Path(scratch) / "root", Path(scratch) / "wheels"
        base = _ensure_base(cache / "images", progress)
        with progress.step(f"assembling {OWN}"):
            _assemble("application", str(root), "--wheel", str(_wheel(wheels)))
            write_image_archive(archive, OWN, base, OWN_CONFIG, root)
    return archive


def _ensure_base(directory: Path, progress: Progress) -> Path:
    """Return the tree below our own files, made once for the same pins."""
    finished = directory / f"base-{_pins()}"
    with exclusive(directory / "base.lock", "another run that assembles our image", progress):
        if not finished.exists():
            with tempfile.TemporaryDirectory(prefix="vgateway-base-") as scratch:
                packages = Path(scratch)
                names = _assemble("packages").split()
                download_packages(names, packages, progress)
                partial = directory / "base.partial"
                shutil.rmtree(partial, ignore_errors=True)
                with progress.step("assembling Python and the dependencies"):
                    _assemble("base", str(partial), "--packages", str(packages))
                partial.rename(finished)
            _forget_bases(directory)
    return finished


def _forget_bases(directory: Path) -> None:
    by_age = sorted(directory.glob("base-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in by_age[KEPT_BASES:]:
        shutil.rmtree(old, ignore_errors=True)


def _pins() -> str:
    digest = hashlib.sha256()
    for name in ("assemble.py", "requirements.txt"):
        digest.update(hashlib.sha256((RECIPE / name).read_bytes()).digest())
    return digest.hexdigest()[:16]


def _wheel(into: Path) -> Path:
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--wheel-dir", str(into)]
    _run([sys.executable, "-m", "pip", "wheel", *options, str(CHECKOUT)])
    return next(into.glob("*.whl"))


def _assemble(*arguments: str) -> str:
    return _run([sys.executable, str(RECIPE / "assemble.py"), *arguments])


def _run(command: list[str]) -> str:
    ran = subprocess.run(
        command, capture_output=True, text=True, errors="replace", env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False
    )
    if ran.returncode != 0:
        reason = (ran.stderr.strip() or ran.stdout.strip() or "it said nothing").splitlines()[-1]
        raise LocalError(f"our image cannot be assembled: {reason}")
    return ran.stdout
