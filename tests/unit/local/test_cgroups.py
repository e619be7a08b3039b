import os
from pathlib import Path

from vgateway.local.cgroups import Hierarchy, hierarchies, members

HYBRID = """\
proc /proc proc rw 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup /sys/fs/cgroup/cpuset cgroup rw,relatime,cpuset 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
"""


def test_every_hierarchy_is_found_and_the_one_that_needs_cpus_is_known() -> None:
    assert hierarchies(HYBRID) == [
        Hierarchy(Path("/sys/fs/cgroup/memory")),
        Hierarchy(Path("/sys/fs/cgroup/cpuset"), cpus=True),
        Hierarchy(Path("/sys/fs/cgroup/unified")),
    ]


def test_members_are_those_of_the_group_and_of_all_below(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "cgroup.procs").write_text(f"{os.getpid()}\n")
    (tmp_path / "below" / "cgroup.procs").write_text("7\n8\n")
    assert sorted(members(tmp_path)) == sorted([os.getpid(), 7, 8])
    assert list(members(tmp_path / "gone")) == []
