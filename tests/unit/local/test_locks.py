import os
import subprocess
import threading
from pathlib import Path

from rich.console import Console

from vgateway.local.locks import exclusive
from vgateway.local.progress import Progress


def quiet() -> Progress:
    return Progress(Console(quiet=True))


def test_the_second_one_waits_until_the_first_is_done(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with exclusive(tmp_path / "lock", "the first", quiet()):
            order.append("second")

    thread = threading.Thread(target=second)
    with exclusive(tmp_path / "lock", "nobody", quiet()):
        thread.start()
        order.append("first")
    thread.join(30)
    assert order == ["first", "second"]


def test_a_child_that_inherits_the_lock_keeps_it(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with exclusive(tmp_path / "lock", "nobody", quiet()) as lock:
        child = subprocess.Popen(["cat"], stdin=reading, stdout=subprocess.DEVNULL, pass_fds=(lock,))
    os.close(reading)
    taken = threading.Event()

    def take() -> None:
        with exclusive(tmp_path / "lock", "the child", quiet()):
            taken.set()

    thread = threading.Thread(target=take)
    thread.start()
    assert not taken.wait(0.1)
    os.close(writing)
    child.wait(30)
    assert taken.wait(30)
    thread.join(30)
