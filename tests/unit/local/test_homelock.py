import os
import subprocess
import threading
from pathlib import Path

from rich.console import Console

from vgateway.local.homelock import changing, remove_home
from vgateway.local.paths import Paths
from vgateway.local.progress import Progress
from vgateway.local.watchdog import await_end

QUIET = Progress(Console(quiet=True))


def test_a_directory_that_was_removed_meanwhile_is_locked_anew(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "home")
    taken = threading.Event()

    def wait_for_it() -> None:
        with changing(paths, QUIET):
            taken.set()
            assert paths.lock.exists()

    waiter = threading.Thread(target=wait_for_it)
    with changing(paths, QUIET):
        waiter.start()
        remove_home(paths)
    waiter.join()
    assert taken.is_set()


def test_what_somebody_else_put_there_stays(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    (tmp_path / "theirs").touch()
    with changing(paths, QUIET):
        remove_home(paths)
    assert [path.name for path in tmp_path.iterdir()] == ["theirs"]


def test_the_end_of_a_process_is_noticed_and_one_that_is_gone_is_not_waited_for() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as owner:
        waiter = threading.Thread(target=await_end, args=(owner.pid,))
        waiter.start()
        owner.communicate()
        waiter.join()
    await_end(owner.pid)
    assert os.getpid() != owner.pid
