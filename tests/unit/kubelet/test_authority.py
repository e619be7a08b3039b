import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgateway.errors import GatewayError
from vgateway.kubelet.authority import Authority, dialled, parse_authority, proxied_node


@pytest.mark.parametrize(
    ("text", "authority"),
    [
        ("node-1:10250", Authority("node-1", 10250)),
        ("Node-1.Nodes.vCluster.com:10250", Authority("node-1.nodes.vcluster.com", 10250)),
        ("node-1.nodes.vcluster.com.", Authority("node-1.nodes.vcluster.com")),
        ("10.0.0.1:10250", Authority("10.0.0.1", 10250, is_address=True)),
        ("10.0.0.1", Authority("10.0.0.1", None, is_address=True)),
        ("[fd00::0:1]:10250", Authority("fd00::1", 10250, is_address=True)),
        ("[fd00::1]", Authority("fd00::1", None, is_address=True)),
        ("[::ffff:10.0.0.1]:1", Authority("10.0.0.1", 1, is_address=True)),
    ],
)
def test_an_authority_is_a_name_or_an_address_with_or_without_a_port(text: str, authority: Authority) -> None:
    assert parse_authority(text) == authority


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":10250",
        "node:",
        "node:0",
        "node:65536",
        "node:+1",
        "node:10250:1",
        "node:\u0661",
        "fd00::1",
        "fd00::1:10250",
        "[10.0.0.1]:1",
        "[fd00::1",
        "[fd00::1]10250",
        "[fd00::1%25eth0]:1",
        "user@node:1",
        "node/x:1",
        "no de",
        "-node",
        "a..b",
        "\uff4eode",
        "x" * 255,
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(GatewayError) as refused:
        parse_authority(text)
    assert refused.value.code == 400


@given(st.text(alphabet="[]:.-%@/abf0159_ ", max_size=30) | st.text(max_size=30))
def test_anything_is_read_in_one_way_or_refused(text: str) -> None:
    try:
        found = parse_authority(text)
    except GatewayError:
        return
    host = f"[{found.host}]" if ":" in found.host else found.host
    again = host if found.port is None else f"{host}:{found.port}"
    assert parse_authority(again) == found
    assert not set(found.host) & set("/@%[] ")


def test_the_host_header_counts_once() -> None:
    assert dialled([("Accept", "*/*"), ("Host", "n:1")]) == Authority("n", 1)
    assert dialled([]) is None
    with pytest.raises(GatewayError):
        dialled([("Host", "n:1"), ("host", "n:1")])


@pytest.mark.parametrize(
    ("uri", "node"),
    [
        ("/api/v1/nodes/node-1/proxy/pods", "node-1"),
        ("/api/v1/nodes/node-1:10250/proxy/metrics/resource", "node-1"),
        ("/api/v1/nodes/https:node-1:10250/proxy/", "node-1"),
        ("/api/v1/nodes/https:node-1:/proxy", "node-1"),
        ("/api/v1/nodes/a/proxy/api/v1/nodes/b/proxy/pods", "a"),
        ("/api/v1/namespaces/x/pods/nodes/proxy/a", ""),
        ("/somewhere/else", ""),
        ("/x/api/v1/nodes/a/proxy/pods", ""),
    ],
)
def test_the_api_server_says_which_node_it_was_asked_for(uri: str, node: str) -> None:
    assert proxied_node([("X-Forwarded-Uri", uri)]) == node


def test_two_forwarded_addresses_are_refused() -> None:
    with pytest.raises(GatewayError):
        proxied_node([("X-Forwarded-Uri", "/api/v1/nodes/a/proxy/"), ("x-forwarded-uri", "/api/v1/nodes/b/proxy/")])
