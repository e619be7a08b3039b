"""A mount namespace per node: what containerd and the kubelet mount is seen only there, and ends with the node.

Directories that programs insist on (runtime sockets, links to logs) are the node's own there too.
"""

from pathlib import Path

from vgateway.local.processes import find_program, run

KUBELET = "/var/lib/kubelet"
"""Where a kubelet keeps its files by itself; each node sees its own there, and the path is short enough for sockets."""

OWN = ("/run/containerd", "/run/netns", "/var/lib/cni", "/var/log/containers")
"""Directories of the system of which each node sees its own, empty one."""

PRIVATE = """
mountpoint -q "$1" || mount --bind "$1" "$1"
mount --make-private "$1"
"""
"""A namespace can only be kept in a file on a mount that is not shared."""

SETUP = """
umount --recursive --lazy /run/netns 2>/dev/null || true
mount --bind "$1" "$2"
shift 2
for directory in "$@"; do mount -t tmpfs -o mode=755 vgateway "$directory"; done
mount --make-rshared /
"""
"""Other nodes' namespaces are let go; mounts that the kubelet makes for a container must reach it."""


def ensure_mounts(directory: Path, kubelet: Path) -> Path:
    """Make a node's mount namespace, kept by a file in ``directory``; return that file.

    ``kubelet`` is where the files of the node's kubelet really are.
    """
    kept = directory / "mounts"
    directory.mkdir(parents=True, exist_ok=True)
    if is_namespace(kept):
        return kept
    for path in (*OWN, KUBELET, kubelet):
        Path(path).mkdir(parents=True, exist_ok=True)
    run(["sh", "-ec", PRIVATE, "sh", str(directory.parent)])
    kept.touch()
    unshare = [find_program("unshare"), f"--mount={kept}", "--propagation", "private"]
    try:
        run([*unshare, "sh", "-ec", SETUP, "sh", str(kubelet), KUBELET, *OWN])
    except BaseException:
        unmount_below(kept)
        raise
    return kept


def is_namespace(path: Path) -> bool:
    """Say whether a namespace is kept by this file; after a reboot or a kill the file may be, and keep nothing."""
    return path.exists() and path.stat().st_dev != path.parent.stat().st_dev


def unmount_below(*roots: Path) -> None:
    """Unmount everything at and below the directories, the innermost first."""
    for target in reversed(targets_below(Path("/proc/self/mountinfo").read_text(), roots)):
        run(["umount", "--lazy", target])


def targets_below(mountinfo: str, roots: tuple[Path, ...]) -> list[str]:
    """Read the mount points at or below ``roots`` from ``/proc/self/mountinfo``, in the order of mounting."""
    targets = [_unescaped(line.split()[4]) for line in mountinfo.splitlines()]
    return [target for target in targets if any(Path(target).is_relative_to(root) for root in roots)]


def remove_own_directories() -> None:
    """Remove the mount points that were made in the system's directories, unless something is in them.

    Only when no other instance is there: removing a directory takes away what is mounted on it in other namespaces.
    """
    for path in (*OWN, KUBELET):
        try:
            Path(path).rmdir()
        except OSError:
            # Not ours alone, or not there.
            continue


def _unescaped(target: str) -> str:
    """Undo the kernel's octal escapes of blanks and backslashes."""
    return target.encode().decode("unicode_escape")
