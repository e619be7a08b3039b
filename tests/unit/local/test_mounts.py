from pathlib import Path

from vgateway.local.mounts import is_namespace, targets_below

MOUNTINFO = """\
30 1 8:1 / / rw - ext4 /dev/vda rw
31 30 8:1 /a /run/vgateway/251 rw - ext4 /dev/vda rw
32 31 0:4 mnt:[1] /run/vgateway/251/node-1/mounts rw - nsfs nsfs rw
33 30 0:9 / /run/vgateway/2510 rw - tmpfs tmpfs rw
34 30 0:9 / /home/my\\040place/x rw - tmpfs tmpfs rw
"""


def test_only_what_is_below_is_found_in_the_order_of_mounting() -> None:
    assert targets_below(MOUNTINFO, (Path("/run/vgateway/251"),)) == [
        "/run/vgateway/251",
        "/run/vgateway/251/node-1/mounts",
    ]


def test_blanks_in_a_path_are_read_as_the_kernel_writes_them() -> None:
    assert targets_below(MOUNTINFO, (Path("/home/my place"),)) == ["/home/my place/x"]


def test_a_plain_file_keeps_no_namespace(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not is_namespace(tmp_path / "file")
    assert not is_namespace(tmp_path / "absent")
