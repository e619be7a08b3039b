import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from vgateway.local.errors import LocalError
from vgateway.local.processes import Process, Processes, Program, is_alive, last_lines, parse_stat, read_stat, run


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    running = Processes(tmp_path / "records", tmp_path / "logs")
    yield running
    running.stop(running.names())


def sleeper(name: str = "test/sleeper", words: str = "awake", **options: object) -> Program:
    return Program(name, ("sh", "-c", f"echo {words}; exec sleep 1000"), **options)  # type: ignore[arg-type] # a table's shorthand


def started(processes: Processes, program: Program) -> Process:
    processes.ensure(program)
    process = processes.running(program.name)
    assert process is not None
    return process


def test_a_program_runs_on_by_itself_with_a_record_and_a_log(processes: Processes) -> None:
    process = started(processes, sleeper())
    processes.await_ready("test/sleeper", lambda: "awake" in processes.log("test/sleeper").read_text(), 60)
    assert read_stat(Path(f"/proc/{process.pid}/stat")) == process
    assert processes.names() == processes.names("test") == ["test/sleeper"]
    assert processes.names("tes") == []


def test_what_runs_as_wanted_is_left_alone(processes: Processes) -> None:
    first = started(processes, sleeper())
    assert processes.ensure(sleeper()) is False
    assert processes.running("test/sleeper") == first


def test_what_is_wanted_otherwise_is_started_anew(processes: Processes, tmp_path: Path) -> None:
    settings = tmp_path / "settings"
    settings.write_text("one")
    first = started(processes, sleeper(files=(settings,)))
    settings.write_text("two")
    second = started(processes, sleeper(files=(settings,)))
    third = started(processes, sleeper(words="otherwise", files=(settings,)))
    assert len({first, second, third}) == 3
    assert not is_alive(first)
    assert not is_alive(second)


def test_what_was_killed_is_started_again(processes: Processes) -> None:
    first = started(processes, sleeper())
    run(["kill", "-9", str(first.pid)])
    processes.await_ready("test/sleeper", lambda: not is_alive(first), 60)
    assert processes.running("test/sleeper") is None
    assert started(processes, sleeper()) != first


def test_stopping_ends_the_program_and_forgets_it(processes: Processes) -> None:
    process = started(processes, sleeper())
    processes.stop(["test/sleeper"], grace=60)
    assert not is_alive(process)
    assert processes.names() == []


def test_a_program_that_ignores_the_request_is_killed(processes: Processes) -> None:
    stubborn = Program("test/stubborn", ("sh", "-c", "trap '' TERM; echo trapped; while :; do sleep 1000; done"))
    process = started(processes, stubborn)
    processes.await_ready("test/stubborn", lambda: "trapped" in processes.log("test/stubborn").read_text(), 60)
    processes.stop(["test/stubborn"], grace=0.2)
    assert not is_alive(process)


def test_a_number_that_now_belongs_to_another_process_is_not_ours(processes: Processes, tmp_path: Path) -> None:
    process = started(processes, sleeper())
    stranger = Process(process.pid, process.started + 1)
    assert not is_alive(stranger)


def test_a_program_that_ends_too_early_is_shown_by_the_end_of_its_log(processes: Processes) -> None:
    processes.ensure(Program("test/broken", ("sh", "-c", "echo first; echo no luck >&2; exit 3")))
    with pytest.raises(LocalError, match=r"test/broken ended; the end of .*broken\.log:\nfirst\nno luck"):
        processes.await_ready("test/broken", lambda: False, 60)
    with pytest.raises(LocalError, match="test/broken ended"):
        processes.refuse_dead(["test/broken"])


def test_a_program_that_is_never_ready_is_named(processes: Processes) -> None:
    processes.ensure(sleeper())
    with pytest.raises(LocalError, match="test/sleeper was not ready within 0 s"):
        processes.await_ready("test/sleeper", lambda: False, 0)


def test_a_program_that_is_not_there_says_so_in_its_log(processes: Processes) -> None:
    processes.ensure(Program("test/absent", ("/no/such/program",)))
    with pytest.raises(LocalError, match="/no/such/program"):
        processes.await_ready("test/absent", lambda: False, 60)


def test_a_taken_port_is_one_clear_line(processes: Processes) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(LocalError) as refused:
            processes.ensure(sleeper(listens=(("127.0.0.1", port),)))
    assert str(refused.value) == f"test/sleeper: port {port} of 127.0.0.1 is taken by another program"


def test_a_process_is_told_by_number_and_start_whatever_its_name_holds() -> None:
    line = "42 (a) b ( c) S " + " ".join(str(number) for number in range(1, 50))
    assert parse_stat(line) == Process(42, 19)


def test_the_end_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_lines(log, 2) == ""
    log.write_text("one\ntwo\nthree\n")
    assert last_lines(log, 2) == "two\nthree"


def test_a_failed_command_speaks_for_itself() -> None:
    assert run(["sh", "-c", "cat"], stdin=b"given") == "given"
    with pytest.raises(LocalError, match="sad words"):
        run(["sh", "-c", "echo sad words >&2; exit 1"])
    with pytest.raises(LocalError, match="no-such-program is not installed"):
        run(["no-such-program"])
