"""What may be asked of the metrics API, and what is refused with which code."""

import pytest

from vgateway.errors import GatewayError
from vgateway.kube.selectors import Requirement
from vgateway.metricsapi.calls import ROOT, Ask, Form, read_ask, read_form

ALL = ("pods", "nodes")
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def ask(path: str, query: str = "", *, method: str = "GET", accept: str = "", served: tuple[str, ...] = ALL) -> Ask:
    return read_ask(method, ROOT + path, query, accept, served)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("", Ask()),
        ("/", Ask()),
        ("/pods", Ask("pods")),
        ("/nodes", Ask("nodes")),
        ("/nodes/node-1", Ask("nodes", "", "node-1")),
        ("/namespaces/a/pods", Ask("pods", "a")),
        ("/namespaces/a/pods/web.0", Ask("pods", "a", "web.0")),
        ("/namespaces/a/pods/we%62", Ask("pods", "a", "web")),
    ],
)
def test_a_path_is_read_whole(path: str, asked: Ask) -> None:
    assert ask(path) == asked


@pytest.mark.parametrize(
    "path", ["/pods/web", "/namespaces/a", "/namespaces/a/nodes", "/namespaces/a/pods/b/c", "/pods/", "x", "/secrets"]
)
def test_other_paths_are_not_found(path: str) -> None:
    with pytest.raises(GatewayError) as refused:
        ask(path)
    assert refused.value.code == 404


def test_a_resource_that_is_not_wanted_is_not_there() -> None:
    assert ask("/pods", served=("pods",)) == Ask("pods")
    with pytest.raises(GatewayError) as refused:
        ask("/nodes", served=("pods",))
    assert refused.value.code == 404


@pytest.mark.parametrize(
    ("query", "method", "accept", "code"),
    [
        ("watch=true", "GET", "", 405), ("", "DELETE", "", 405), ("labelSelector=a+in", "GET", "", 400),
        ("fieldSelector=spec.x%3D1", "GET", "", 400), ("", "GET", "application/vnd.kubernetes.protobuf", 406),
        ("includeObject=All", "GET", "", 400), ("", "GET", "application/json;as=Chair;v=v1;g=meta.k8s.io", 406),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused(query: str, method: str, accept: str, code: int) -> None:
    with pytest.raises(GatewayError) as refused:
        ask("/pods", query, method=method, accept=accept)
    assert refused.value.code == code


def test_a_list_may_be_narrowed() -> None:
    asked = ask("/pods", "labelSelector=app%3Dweb&fieldSelector=metadata.name%3Da&limit=500&watch=0")
    assert asked.labels == (Requirement("app", "in", ("web",)),)
    assert asked.fields == (Requirement("metadata.name", "in", ("a",)),)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Form()),
        ("application/json", Form()),
        (f"{TABLE},application/json", Form("Table")),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io", Form("Table", "v1beta1")),
        ("application/vnd.kubernetes.protobuf, */*", Form()),
        ("application/json;as=Table;v=v1;g=else,application/json", Form()),
        ("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", Form("PartialObjectMetadataList")),
    ],
)
def test_the_first_form_that_can_be_written_counts(accept: str, form: Form) -> None:
    assert read_form(accept, "") == form
