"""Writes directories as an image archive, a layer each, in the form that ``docker save`` writes and containerd imports.

The same files give the same bytes: entries are sorted, owned by root and dated 1970.
"""

import hashlib
import io
import platform
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """How a container of the image runs when the pod does not say; ``environment`` holds ``NAME=value``."""

    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    user: str = ""
    working_directory: str = "/"

    def document(self, diff_ids: list[str]) -> dict[str, Any]:
        """Return the image's configuration; ``diff_ids`` are the digests of its layers."""
        return {
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {
                "Cmd": list(self.command) or None,
                "Entrypoint": list(self.entrypoint) or None,
                "Env": list(self.environment),
                "User": self.user,
                "WorkingDir": self.working_directory,
            },
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "vgateway local"} for _ in diff_ids],
        }


def write_image_archive(path: Path, name: str, root: Path, config: ImageConfig, *above: Path) -> None:
    """Write the files under ``root`` as the image ``name`` (registry/repository:tag); ``path`` appears whole or not.

    Each directory in ``above`` becomes a further layer.
    """
    layers = {hashlib.sha256(layer).hexdigest(): layer for layer in map(_layer, (root, *above))}
    document = orjson.dumps(config.document([f"sha256:{digest}" for digest in layers]), option=orjson.OPT_SORT_KEYS)
    config_name = f"{hashlib.sha256(document).hexdigest()}.json"
    members = {f"{digest}/layer.tar": layer for digest, layer in layers.items()}
    manifest = orjson.dumps([{"Config": config_name, "RepoTags": [name], "Layers": list(members)}])
    partial = path.with_name(f".{path.name}.partial")
    with tarfile.open(partial, "w", format=tarfile.GNU_FORMAT) as archive:
        for member, content in ((config_name, document), *members.items(), ("manifest.json", manifest)):
            archive.addfile(_entry(member, len(content)), io.BytesIO(content))
    partial.rename(path)


def _layer(root: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as layer:
        for path in sorted(root.rglob("*")):
            _add(layer, path, str(path.relative_to(root)))
    return buffer.getvalue()


def _add(layer: tarfile.TarFile, path: Path, name: str) -> None:
    """Add one entry with its type and mode; owner and time are ours, so that they do not depend on who assembles."""
    status = path.lstat()
    entry = _entry(name, 0)
    entry.mode = status.st_mode & 0o7777
    if path.is_symlink():
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, str(path.readlink()), 0o777
        layer.addfile(entry)
    elif path.is_dir():
        entry.type = tarfile.DIRTYPE
        layer.addfile(entry)
    else:
        entry.size = status.st_size
        with path.open("rb") as content:
            layer.addfile(entry, content)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = 0o644
    return entry
