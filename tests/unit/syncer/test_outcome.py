import pytest

from vgateway.errors import ApiError, Conflict, TooManyRequests, Unavailable, api_error, status_body
from vgateway.syncer.outcome import HostRefusal, NameTaken, is_refusal, judge, refuses_addresses


@pytest.mark.parametrize(
    ("error", "name", "tell"),
    [
        (HostRefusal("quota"), "refused", "HostRefused"),
        (NameTaken("there"), "name taken", "NameTaken"),
        (Conflict(409, {}), "moved on", ""),
        (Unavailable(503, {}), "unavailable", ""),
        (ApiError(400, {}), "rejected", ""),
        (ValueError("bug"), "failed", ""),
    ],
)
def test_each_failure_has_one_verdict(error: Exception, name: str, tell: str) -> None:
    verdict = judge(error)
    assert (verdict.name, verdict.tell, verdict.after) == (name, tell, None)


@pytest.mark.parametrize(("asked", "after"), [(4.0, 4.0), (0.0, 0.2), (None, 0.2)])
def test_a_429_comes_back_when_the_host_asks_and_never_at_once(asked: float | None, after: float) -> None:
    assert judge(TooManyRequests(429, {}, retry_after=asked)).after == after


@pytest.mark.parametrize(
    ("code", "busy"), [(429, True), (502, True), (503, True), (504, True), (500, False), (409, False)]
)
def test_what_a_server_suffers_from_is_told_from_what_an_object_does(code: int, busy: bool) -> None:
    assert judge(api_error(code, {})).busy is busy


def test_a_webhook_that_gives_no_answer_is_a_refusal_of_the_object_that_it_is_asked_about() -> None:
    words = 'Internal error occurred: failed calling webhook "a.example.io": connection refused'
    assert is_refusal(api_error(500, status_body(500, words)))
    assert not is_refusal(api_error(500, status_body(500, "etcd has no leader")))


def test_quota_admission_and_validation_are_refusals_and_a_busy_server_is_none() -> None:
    assert [is_refusal(api_error(code, {})) for code in (400, 403, 422, 404, 409, 429, 503)] == [
        True,
        True,
        True,
        False,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("field", "addresses"),
    [("spec.clusterIPs[0]", True), ("spec.ports[0].nodePort", True), ("spec.type", False), ("metadata.name", False)],
)
def test_a_refusal_of_addresses_is_told_from_others(field: str, addresses: bool) -> None:
    body = status_body(422, "invalid")
    body["details"] = {"causes": [{"reason": "FieldValueInvalid", "message": "m", "field": field}]}
    assert refuses_addresses(api_error(422, body)) is addresses
