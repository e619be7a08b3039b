from pathlib import Path

import pytest

from vgateway.local.errors import LocalError
from vgateway.local.state import State, VirtualCluster, load_state, save_state

STATE = State(251, rooted=True, nodes=2, kwok_nodes=3, virtual={"demo": VirtualCluster(1, "etcd", "10.251.65.2")})


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    save_state(tmp_path / "new" / "state.json", STATE)
    assert load_state(tmp_path / "new" / "state.json") == STATE


def test_no_record_is_no_state(tmp_path: Path) -> None:
    assert load_state(tmp_path / "state.json") is None


@pytest.mark.parametrize("text", ["", "{", "{}", '{"virtual": {"a": {"nope": 1}}}'])
def test_a_record_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(LocalError, match=r"state\.json: not a record"):
        load_state(path)


def test_a_new_virtual_cluster_takes_the_lowest_free_index() -> None:
    assert State(251, rooted=True).next_index() == 1
    taken = {"a": VirtualCluster(1), "c": VirtualCluster(3)}
    assert State(251, rooted=True, virtual=taken).next_index() == 2
