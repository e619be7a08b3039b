"""What a pod keeps in its Secret, and what it reads in the host's refusal."""

import pytest

from vgateway.errors import ConfigError
from vgateway.install.keeping import decoded, encoded, range_in

REFUSED = (
    'Service "x" is invalid: spec.clusterIPs: Invalid value: ["1.1.1.1"]: failed to allocate IP 1.1.1.1: '
    "the provided IP (1.1.1.1) is not in the valid range. The range of valid IPs is "
)


@pytest.mark.parametrize("found", ["10.96.0.0/12", "10.253.128.0/17", "fd00:10:96::/108"])
def test_the_range_is_read_from_the_refusal_of_an_address_outside_of_it(found: str) -> None:
    assert range_in(REFUSED + found) == found


def test_a_host_that_does_not_say_its_range_is_told_to_the_operator_with_the_key_to_set() -> None:
    with pytest.raises(ConfigError, match=r"^networking\.serviceCIDR is needed: .*quota"):
        range_in("exceeded quota: services=1")


def test_what_is_kept_comes_back_as_it_was() -> None:
    files = {"ca.crt": b"\x00\xff", "service-cidr": b"10.96.0.0/12"}
    assert decoded(encoded(files)) == files
    assert decoded(None) == {}
