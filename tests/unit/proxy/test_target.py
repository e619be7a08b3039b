"""A request target has one reading, or is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgateway.errors import GatewayError
from vgateway.proxy.target import read_target

SERVICE = "/api/v1/namespaces/a/services/https:web:8080/proxy"


@pytest.mark.parametrize(
    "raw",
    [
        "/",
        "/api",
        "/apis/",
        "/api/v1/namespaces/default/pods/web-0/exec?command=a%2Fb&command=..%2f..",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:controller:node-controller",
        "/openapi/v3/apis/apps/v1?hash=A%2FB",
        "/api/v1/pods?fieldSelector=metadata.name%3D../x&labelSelector=a//b;c",
        "/api/v1/namespaces/default/pods/a..b/log",
        "/.well-known/openid-configuration",
        "/apis/...",
        SERVICE,
        SERVICE + "/",
        SERVICE + "/a%2Fb",
        SERVICE + "//a;b=c/d\\e?x=/../",
        "/api/v1/namespaces/a/services/https%3Aweb%3A8080/proxy/a%2Fb",
        "/api/v1/nodes/n/proxy/stats%2Fsummary",
        "/apis/cluster.example.com/v1/managedclusters/c/proxy/api//v1",
    ],
)
def test_ordinary_targets_pass_byte_for_byte(raw: str) -> None:
    target = read_target(raw)
    assert target.raw == raw
    assert target.path == raw.partition("?")[0]


@pytest.mark.parametrize(
    ("raw", "node_proxy"),
    [
        ("/api/v1/nodes/n/proxy", "/api/v1/nodes/n/proxy"),
        ("/api/v1/nodes/n/proxy/exec/a/b/c?output=1", "/api/v1/nodes/n/proxy"),
        ("/api/v1/nodes/https:n:10250/proxy/pods", "/api/v1/nodes/https:n:10250/proxy"),
        ("/api/v1/nodes/https%3An%3A10250/proxy/pods", "/api/v1/nodes/https:n:10250/proxy"),
        ("/api/v1/nodes/n%C3%BC%20x/proxy/pods", "/api/v1/nodes/n%C3%BC%20x/proxy"),
        ("/api/v1/nodes/n/status", ""),
        ("/api/v1/namespaces/nodes/pods/n/proxy/pods", ""),
        (SERVICE + "/api/v1/nodes/n/proxy", ""),
    ],
)
def test_a_request_to_a_node_says_which_one(raw: str, node_proxy: str) -> None:
    assert read_target(raw).node_proxy == node_proxy


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "*",
        "api",
        "https://elsewhere/api",
        "//elsewhere/api",
        "/api/v1#x",
        "/api/v1 x",
        "/api\tv1",
        "/api//v1",
        "/api/v1//",
        "/./api",
        "/api/../metrics",
        "/api/..",
        "/api/%2e%2e/metrics",
        "/api/%2E./metrics",
        "/api/v1/namespaces/a%2Fb",
        "/api/v1/namespaces/a%2fpods",
        "/api/v1/namespaces/a\\b",
        "/api/v1/namespaces/a%5Cb",
        "/api/v1/namespaces/a;b",
        "/api/v1/namespaces/a%3Bb",
        "/api/v1/namespaces/a%00",
        "/api/v1/namespaces/a%0d%0aX",
        "/api/v1/namespaces/%",
        "/api/v1/namespaces/%zz",
        SERVICE + "/../../secrets",
        SERVICE + "/a/%2e%2e/b",
        SERVICE + "/a%2F..%2Fb",
        SERVICE + "/%zz",
        "/api/v1/namespaces/a/services/b%2Fproxy/../../secrets",
    ],
)
def test_targets_with_several_readings_are_refused(raw: str) -> None:
    with pytest.raises(GatewayError) as refused:
        read_target(raw)
    assert refused.value.code == 400


@pytest.mark.parametrize(
    ("raw", "application"),
    [
        (SERVICE, True),
        (SERVICE + "/x", True),
        ("/api/v1/namespaces/a/pods/b/proxy/x", True),
        ("/api/v1/nodes/n/proxy/metrics", True),
        ("/api/v1/namespaces/proxy/pods", False),
        ("/api/v1/namespaces/a/pods/proxy", False),
        ("/api/v1/namespaces/a/pods/b/proxyish", False),
        ("/api/v1/namespaces/a/pods?x=/proxy/", False),
        ("/proxy/", False),
    ],
)
def test_what_lies_behind_a_proxy_subresource_is_an_applications(raw: str, application: bool) -> None:
    assert read_target(raw).application is application


@pytest.mark.parametrize(
    ("raw", "watch"),
    [
        ("/api/v1/pods?watch=1", True),
        ("/api/v1/pods?a=b&watch=true&c=d", True),
        ("/api/v1/pods?watch=false", False),
        ("/api/v1/pods?nowatch=1", False),
        ("/api/v1/pods", False),
        (SERVICE + "/?watch=1", False),
        ("/api/v1/namespaces/a/pods/b/log?follow=true", False),
    ],
)
def test_a_watch_is_known_by_its_query(raw: str, watch: bool) -> None:
    assert read_target(raw).watch is watch


@given(st.text(alphabet="/.%2eEfF5cC;\\ab?#", max_size=24))
def test_no_accepted_path_reads_differently_once_decoded(tail: str) -> None:
    """What the API server decodes has the segments that we saw."""
    try:
        target = read_target("/api/" + tail)
    except GatewayError:
        return
    if target.application:
        return
    from urllib.parse import unquote

    raw, decoded = target.path.split("/"), unquote(target.path).split("/")
    assert len(raw) == len(decoded)
    assert not {".", ".."} & set(decoded)
    assert "" not in decoded[1:-1]
