"""What goes up is built: nothing that an API server could trust comes from the client."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgateway.errors import GatewayError
from vgateway.proxy.headers import address_of, outgoing_headers
from vgateway.proxy.identity import UNKNOWN, Identity

ALICE = Identity((("X-Remote-User", "alice"), ("X-Remote-Group", "devs")), vouched=True)
FORWARDED = ("X-Forwarded-For", "10.0.0.9")

KUBECTL = (
    ("Host", "gateway:8443"),
    ("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
    ("Accept-Encoding", "gzip"),
    ("User-Agent", "kubectl/v1.36.3"),
    ("Kubectl-Command", "kubectl get"),
    ("Kubectl-Session", "5a"),
    ("Content-Type", "application/apply-patch+yaml"),
    ("Impersonate-User", "bob"),
    ("Impersonate-Group", "a"),
    ("Impersonate-Group", "b"),
    ("Impersonate-Extra-Scopes", "c"),
    ("X-Stream-Protocol-Version", "v4.channel.k8s.io"),
    ("X-Stream-Protocol-Version", "v3.channel.k8s.io"),
    ("Sec-WebSocket-Key", "k"),
    ("Sec-WebSocket-Protocol", "v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.dG9r"),
    ("If-None-Match", '"x"'),
    ("traceparent", "00-1-2-01"),
)


@pytest.mark.parametrize("application", [False, True])
def test_what_kubernetes_clients_send_passes_in_order(application: bool) -> None:
    assert outgoing_headers(KUBECTL, UNKNOWN, "10.0.0.9", application=application) == (*KUBECTL, FORWARDED)


def test_a_token_passes_untouched_where_nobody_is_vouched_for() -> None:
    sent = (("authorization", "Bearer a.b.c"),)
    assert outgoing_headers(sent, UNKNOWN, "", application=False) == sent


def test_a_token_gives_way_to_a_certificate() -> None:
    sent = (("Authorization", "Bearer a.b.c"), ("Accept", "x"))
    assert outgoing_headers(sent, ALICE, "", application=False) == (("Accept", "x"), *ALICE.headers)


@pytest.mark.parametrize("application", [False, True])
@pytest.mark.parametrize("identity", [UNKNOWN, ALICE])
@pytest.mark.parametrize(
    "name",
    [
        "X-Remote-User",
        "x-remote-user",
        "X-REMOTE-GROUP",
        "X_Remote_User",
        "X-Remote_Group",
        "X-Remote-Uid",
        "X-Remote-Extra-Scopes",
        "x-remote-extra-a%2fb",
        "X-Remote-Anything",
        "Impersonate_User",
        "Impersonate-Extra_Scopes",
        "X-Remote-U\u017fer",
    ],
)
def test_the_identity_namespace_is_closed_in_every_spelling(name: str, identity: Identity, application: bool) -> None:
    with pytest.raises(GatewayError) as refused:
        outgoing_headers(((name, "admin"),), identity, "", application=application)
    assert refused.value.code == 403


@pytest.mark.parametrize(
    "value", ["close", "keep-alive", "Upgrade", "keep-alive, Upgrade", "Upgrade, HTTP2-Settings", ""]
)
def test_connection_may_speak_of_the_connection(value: str) -> None:
    assert outgoing_headers((("Connection", value),), ALICE, "", application=False) == ALICE.headers


@pytest.mark.parametrize(
    "value",
    [
        "impersonate-user",
        "close, Authorization",
        "X-Remote-User",
        "accept",
        "X-Forwarded-For",
        "keep-alive,x-own",
        "a b",
    ],
)
@pytest.mark.parametrize("application", [False, True])
def test_connection_may_not_name_what_is_end_to_end(value: str, application: bool) -> None:
    with pytest.raises(GatewayError) as refused:
        outgoing_headers((("Connection", value),), ALICE, "", application=application)
    assert refused.value.code == 400


def test_applications_get_headers_of_their_own_and_the_api_does_not() -> None:
    own = (("Cookie", "a=b"), ("X-Api-Key", "k"), ("Referer", "r"), ("X-CSRF_Token", "t"))
    assert outgoing_headers(own, UNKNOWN, "", application=True) == own
    assert outgoing_headers(own, UNKNOWN, "", application=False) == ()


@pytest.mark.parametrize("application", [False, True])
def test_headers_of_the_hop_stay_here(application: bool) -> None:
    hop = (
        "Keep-Alive",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Content-Length",
        "Expect",
        "Proxy-Authorization",
    )
    headers = tuple((name, "x") for name in hop)
    assert outgoing_headers(headers, UNKNOWN, "", application=application) == ()


def test_the_clients_address_is_added_behind_those_it_names() -> None:
    sent = (("X-Forwarded-For", "1.2.3.4"), ("x-forwarded-for", "5.6.7.8"))
    headers = outgoing_headers(sent, UNKNOWN, "10.0.0.9", application=False)
    assert headers == (("X-Forwarded-For", "1.2.3.4, 5.6.7.8, 10.0.0.9"),)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("10.0.0.9", "10.0.0.9"),
        ("::ffff:10.0.0.9", "10.0.0.9"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("", ""),
        ("somewhere", ""),
    ],
)
def test_addresses_are_written_as_audit_logs_read_them(host: str, address: str) -> None:
    assert address_of(host) == address


NAMES = st.one_of(
    st.sampled_from(["X-Remote-User", "x_remote-group", "Authorization", "Accept", "Cookie", "Impersonate-User"]),
    st.text(alphabet="abcXrR-_eEmMoOtTuUsS", min_size=1, max_size=16),
)


@given(st.lists(st.tuples(NAMES, st.text(alphabet="ab ,", max_size=5)), max_size=8), st.booleans())
def test_identity_headers_are_exactly_ours_whatever_is_sent(sent: list[tuple[str, str]], application: bool) -> None:
    try:
        headers = outgoing_headers(sent, ALICE, "10.0.0.9", application=application)
    except GatewayError:
        return
    trusted = tuple(item for item in headers if item[0].lower().replace("_", "-").startswith("x-remote-"))
    assert trusted == ALICE.headers
    assert not any(name.lower() == "authorization" for name, _ in headers)
