import orjson
import pytest

from vgateway.errors import GatewayError, status_body
from vgateway.kube.objects import HostKey, VirtualKey
from vgateway.kubelet.calls import STREAMS, parse_call
from vgateway.kubelet.rewrite import (
    Headers,
    PlainWords,
    Twins,
    host_headers,
    host_refusal,
    host_request,
    wants_upgrade,
)

HOST = HostKey("tenant-a", "web-x-default-x-vc")
TWINS = Twins(VirtualKey("default", "web"), HOST)
POD = "/api/v1/namespaces/tenant-a/pods/web-x-default-x-vc"


def target(method: str, path: str, query: str = "") -> str:
    is_upgrade = path.split("/")[1] in {call.value for call in STREAMS}
    call = parse_call(method, path, query, is_upgrade=is_upgrade)
    outgoing = host_request(call, TWINS, ())
    assert outgoing.method == method
    return outgoing.target


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("", ""),
        ("follow=true&tailLines=2", "&follow=true&tailLines=2"),
        ("previous=true", "&previous=true"),
        ("sinceSeconds=60&timestamps=true", "&sinceSeconds=60&timestamps=true"),
        ("sinceTime=2026-11-20T20%3A00%3A00%2B01%3A00", "&sinceTime=2026-11-20T20%3A00%3A00%2B01%3A00"),
        ("limitBytes=10&stream=Stdout", "&limitBytes=10&stream=Stdout"),
        ("tail=5", "&tailLines=5"),
        ("tail=all&tailLines=3", ""),
        ("insecureSkipTLSVerifyBackend=true&container=other&pretty=1", ""),
        ("tailLines=1&tailLines=2", "&tailLines=1"),
        ("f%6Fllow=1", "&follow=1"),
    ],
)
def test_logs_keep_their_options_and_no_others(asked: str, sent: str) -> None:
    assert target("GET", "/containerLogs/default/web/app", asked) == f"{POD}/log?container=app{sent}"


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("command=id&error=1&output=1", "stdout=true&stderr=true&command=id"),
        ("input=1&output=1&tty=1&command=sh", "stdin=true&stdout=true&tty=true&command=sh"),
        (
            "output=1&command=sh&command=-c&command=echo%20a%26b%3Bc%3Dd%2B%25&command=",
            "stdout=true&command=sh&command=-c&command=echo%20a%26b%3Bc%3Dd%2B%25&command=",
        ),
        ("command=a+b&output=1&command=%C3%A4", "stdout=true&command=a+b&command=%C3%A4"),
        ("output=1&input=0&error=true&command=id", "stdout=true&command=id"),
        ("output=1&container=other&stdin=true&command=id", "stdout=true&command=id"),
    ],
)
def test_exec_says_its_streams_in_the_apis_words_and_keeps_the_command(asked: str, sent: str) -> None:
    assert target("POST", "/exec/default/web/app", asked) == f"{POD}/exec?container=app&{sent}"
    assert target("GET", "/exec/default/web/u-1/app", asked) == f"{POD}/exec?container=app&{sent}"


def test_attach_takes_streams_and_no_command() -> None:
    asked = target("POST", "/attach/default/web/app", "input=1&output=1&command=id")

    assert asked == f"{POD}/attach?container=app&stdin=true&stdout=true"


@pytest.mark.parametrize(
    ("asked", "sent"),
    [("", ""), ("port=80", "?ports=80"), ("port=80,81&port=82", "?ports=80,81&ports=82"), ("ports=9", "?ports=9")],
)
def test_port_forward_passes_its_ports(asked: str, sent: str) -> None:
    assert target("POST", "/portForward/default/web", asked) == f"{POD}/portforward{sent}"


@pytest.mark.parametrize("query", ["", "tty=1", "input=0", "stdin=true", "output=yes"])
def test_streams_that_would_carry_nothing_are_refused(query: str) -> None:
    with pytest.raises(GatewayError, match="at least 1 of"):
        target("POST", "/exec/default/web/app", query)


@pytest.mark.parametrize("query", ["output=1;command=id", "command=%zz&output=1", "output=1&command=%", "output=1#x"])
def test_a_query_that_go_would_read_differently_is_refused(query: str) -> None:
    with pytest.raises(GatewayError, match="malformed"):
        target("POST", "/exec/default/web/app", query)


IDENTITY: Headers = (
    ("Authorization", "Bearer secret"),
    ("authorization", "Basic secret"),
    ("X-Remote-User", "secret"),
    ("X-Remote-Group", "secret"),
    ("X-Remote-Extra-Scopes", "secret"),
    ("Impersonate-User", "secret"),
    ("Impersonate-Group", "secret"),
    ("X_Remote_User", "secret"),
    ("Cookie", "secret"),
    ("X-Forwarded-For", "secret"),
    ("Forwarded", "secret"),
    ("Origin", "secret"),
    ("Referer", "secret"),
    ("User-Agent", "secret"),
    ("Host", "secret"),
    ("Content-Length", "secret"),
    ("Sec-Websocket-Protocol", "base64url.bearer.authorization.k8s.io.secret"),
)


@pytest.mark.parametrize("connection", [(), (("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"))])
def test_nothing_that_says_who_calls_reaches_the_host(connection: Headers) -> None:
    sent = host_headers((*connection, *IDENTITY))

    assert sent == (("Accept", "application/json, */*"), ("User-Agent", "vgateway-kubelet"))


def test_what_streams_are_negotiated_with_is_kept_and_the_browsers_token_taken_out() -> None:
    offered = (
        ("X-Stream-Protocol-Version", "v5.channel.k8s.io"),
        ("X-Stream-Protocol-Version", "v4.channel.k8s.io"),
        ("Sec-WebSocket-Key", "key"),
        ("Sec-WebSocket-Version", "13"),
        (
            "Sec-WebSocket-Protocol",
            "v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.c2VjcmV0,  v4.channel.k8s.io",
        ),
    )

    assert host_headers(offered)[2:] == (*offered[:4], (offered[4][0], "v5.channel.k8s.io, v4.channel.k8s.io"))


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ((), False),
        ((("Connection", "keep-alive"),), False),
        ((("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1")), True),
        ((("connection", "keep-alive, upgrade"), ("upgrade", "WebSocket")), True),
    ],
)
def test_an_upgrade_is_seen(headers: Headers, wanted: bool) -> None:
    assert wants_upgrade(headers) is wanted


@pytest.mark.parametrize(
    "headers",
    [
        (("Upgrade", "SPDY/3.1"),),
        (("Connection", "Upgrade"),),
        (("Connection", "Upgrade"), ("Upgrade", "h2c")),
        (("Connection", "Upgrade"), ("Upgrade", "tcp")),
        (("Connection", "Upgrade"), ("Upgrade", "websocket, SPDY/3.1")),
        (("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Upgrade", "SPDY/3.1")),
    ],
)
def test_a_half_or_foreign_upgrade_is_refused(headers: Headers) -> None:
    with pytest.raises(GatewayError) as refused:
        wants_upgrade(headers)
    assert refused.value.code == 400


def refused(code: int, message: str) -> GatewayError:
    return host_refusal(TWINS, code, orjson.dumps(status_body(code, message)))


@pytest.mark.parametrize(
    ("code", "host", "virtual"),
    [
        (
            400,
            'container "app" in pod "web-x-default-x-vc" is waiting to start: ContainerCreating',
            'container "app" in pod "web" is waiting to start: ContainerCreating',
        ),
        (404, 'pods "web-x-default-x-vc" not found', 'pods "web" not found'),
        (
            500,
            'Get "https://10.0.0.1:10250/containerLogs/tenant-a/web-x-default-x-vc/app": dial tcp: refused',
            'Get "https://10.0.0.1:10250/containerLogs/default/web/app": dial tcp: refused',
        ),
        (403, 'the namespace "tenant-a" is not tenant-ab', 'the namespace "default" is not tenant-ab'),
        (400, "two\r\nlines\0", "two lines\0"),
    ],
)
def test_a_refusal_of_the_host_is_told_in_virtual_names(code: int, host: str, virtual: str) -> None:
    error = refused(code, host)

    assert (error.code, error.message) == (code, virtual)


def test_a_virtual_name_that_equals_the_host_namespace_survives() -> None:
    twins = Twins(VirtualKey("default", "tenant-a"), HOST)

    error = host_refusal(twins, 404, orjson.dumps(status_body(404, 'pods "web-x-default-x-vc" in tenant-a')))

    assert error.message == 'pods "tenant-a" in default'


@pytest.mark.parametrize("code", [200, 204, 301, 302, 307, 308, 401])
def test_a_redirect_or_that_the_host_does_not_know_us_is_the_gateways_failure(code: int) -> None:
    error = refused(code, "https://elsewhere web-x-default-x-vc")

    assert (error.code, error.message, error.hop) == (502, f"the host cluster answered {code}", "host API server")


def test_a_kubelets_own_words_stay_plain_and_are_told_in_virtual_names() -> None:
    error = host_refusal(TWINS, 500, b'container not found ("app") in tenant-a/web-x-default-x-vc\n')

    assert (type(error), error.code, error.message) == (PlainWords, 500, 'container not found ("app") in default/web')


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>web-x-default-x-vc</html>",
        b'{"kind":"Pod","message":"web-x-default-x-vc"}',
        b"[1]",
        b'{"kind":"Status"}',
        b"x" * 2000,
        b"\xff\xfe",
        b'{"kind":"Status","message":3}',
        orjson.dumps(status_body(500, "cut off at the limit"))[:-3],
    ],
)
def test_an_answer_that_is_no_status_is_not_shown(body: bytes) -> None:
    assert host_refusal(TWINS, 500, body).message == "the host cluster answered 500"
