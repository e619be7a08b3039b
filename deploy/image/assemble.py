"""Fills a directory with what our image holds: Debian's Python, the pinned dependencies, and our wheel.

The Dockerfile runs this, and so does `vgateway local images`, which needs no container engine: the content is the same.
Only the standard library is used. The same inputs give the same bytes; who makes layers of it dates and sorts them.

    assemble.py packages                            print the Debian packages that `base` is given
    assemble.py base ROOT --packages DIRECTORY      the interpreter and the dependencies
    assemble.py application ROOT --wheel FILE       vgateway itself
"""

import argparse
import compileall
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from py_compile import PycInvalidationMode

PACKAGES = (
    "libbz2-1.0",
    "libc6",
    "libcrypt1",
    "libexpat1",
    "libffi8",
    "libgcc-s1",
    "liblzma5",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libsqlite3-0",
    "libssl3",
    "libstdc++6",
    "libuuid1",
    "python3.11-minimal",
    "zlib1g",
)
"""What Python needs for the modules that we import; its terminal and database bindings stay without their libraries."""

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
LIBRARY = Path("usr/lib/python3.11")
APPLICATION = Path("opt/vgateway")
"""On PYTHONPATH in the image."""

UNUSED = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/lintian",
    "usr/share/binfmts",
    "usr/lib/python3.11/ensurepip",
    "usr/lib/python3.11/idlelib",
    "usr/lib/python3.11/lib2to3",
    "usr/lib/python3.11/pydoc_data",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/lib/aarch64-linux-gnu/gconv",
    "opt/vgateway/bin",
)
"""What nobody reads or runs in the image."""

ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/:/sbin/nologin\nvgateway:x:65532:65532:vgateway:/:/sbin/nologin\n",
    "etc/group": "root:x:0:\nvgateway:x:65532:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("packages")
    for name, given in (("base", "--packages"), ("application", "--wheel")):
        command = commands.add_parser(name)
        command.add_argument("root", type=Path)
        command.add_argument(given, type=Path, required=True, dest="given")
    asked = parser.parse_args()
    if asked.command == "packages":
        sys.stdout.write("\n".join(PACKAGES) + "\n")
    elif asked.command == "base":
        base(asked.root, asked.given)
    else:
        application(asked.root, asked.given)


def base(root: Path, packages: Path) -> None:
    """Unpack the packages, install the dependencies by their hashes, and leave out what nobody uses."""
    root.mkdir(parents=True, exist_ok=True)
    for package in sorted(packages.glob("*.deb")):
        subprocess.run(["dpkg", "-x", package, root], check=True)
    _install(root / APPLICATION)
    listed = root / "usr/share/vgateway/packages"
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_text("".join(f"{package.stem}\n" for package in sorted(packages.glob("*.deb"))))
    for name in UNUSED:
        shutil.rmtree(root / name, ignore_errors=True)
    for name, text in ACCOUNTS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    _compile(root, LIBRARY)
    _compile(root, APPLICATION)


def application(root: Path, wheel: Path) -> None:
    """Unpack our wheel, which is pure Python: that is all that installing it would do."""
    place = root / APPLICATION
    place.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    _compile(root, APPLICATION)


def _install(into: Path) -> None:
    pinned = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", str(REQUIREMENTS)]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-compile", "--target", str(into)]
    subprocess.run([sys.executable, "-m", "pip", "install", *quiet, *pinned], check=True)


def _compile(root: Path, where: Path) -> None:
    """Compile ahead, since the file system is read-only later; by content, since times say nothing."""
    compileall.compile_dir(
        root / where,
        quiet=2,
        stripdir=str(root),
        prependdir="/",
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )


if __name__ == "__main__":
    main()
