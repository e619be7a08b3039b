from ipaddress import IPv4Network
from itertools import islice
from pathlib import Path

import pytest

from vgateway.local.errors import LocalError
from vgateway.local.instances import candidates, is_alone, parse_routes, reclaim, release, reserve, reserved


def test_two_state_directories_get_two_numbers_and_each_keeps_its_own(tmp_path: Path) -> None:
    root, one, other = tmp_path / "run", tmp_path / "one", tmp_path / "other"
    first, second = reserve(root, one, rooted=False), reserve(root, other, rooted=False)
    assert first != second
    assert reserve(root, one, rooted=False) == reserved(root, one) == first


def test_a_released_number_is_free_and_the_last_one_leaves_nothing(tmp_path: Path) -> None:
    root = tmp_path / "run"
    number = reserve(root, tmp_path / "one", rooted=False)
    release(root, number)
    assert reserved(root, tmp_path / "one") is None
    assert not root.exists()


def test_a_reservation_that_a_reboot_forgot_is_made_again_unless_somebody_else_has_it(tmp_path: Path) -> None:
    root, one = tmp_path / "run", tmp_path / "one"
    reclaim(root, one, 251)
    reclaim(root, one, 251)
    assert reserved(root, one) == 251
    with pytest.raises(LocalError, match="another instance"):
        reclaim(root, tmp_path / "other", 251)


def test_an_instance_knows_when_it_is_the_last_one(tmp_path: Path) -> None:
    root = tmp_path / "run"
    first, second = (reserve(root, tmp_path / name, rooted=False) for name in ("one", "other"))
    assert not is_alone(root, first)
    release(root, second)
    assert is_alone(root, first)


def test_networks_in_use_and_taken_ports_are_passed_over() -> None:
    taken = [IPv4Network("10.251.7.0/24"), IPv4Network("10.252.0.0/15")]
    free = candidates(rooted=True, taken=taken, listens=lambda address, _port: address != "127.254.0.1")
    assert list(islice(free, 2)) == [250, 249]


def test_routes_are_read_without_the_default_one() -> None:
    listed = '[{"dst":"default"},{"dst":"10.1.0.0/16"},{"type":"local","dst":"10.1.0.1"}]'
    assert parse_routes(listed) == [IPv4Network("10.1.0.0/16"), IPv4Network("10.1.0.1/32")]
    assert parse_routes("") == []
