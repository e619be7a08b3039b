import pytest

from vgateway.kube.names import Names
from vgateway.syncer.words import host_refusal, in_virtual_words

NAMES = Names("vc", "host-ns")


@pytest.mark.parametrize(
    ("message", "known", "words"),
    [
        pytest.param(
            'pods "web-x-default-x-vc" is forbidden: exceeded quota: q',
            {"web-x-default-x-vc": "web"},
            'pods "web" is forbidden: exceeded quota: q',
            id="a known name",
        ),
        pytest.param('secret "db-x-team-a-x-vc" not found', {}, 'secret "db" not found', id="a name of our form"),
        pytest.param("max-x-height-x-vcard", {}, "max-x-height-x-vcard", id="not one of ours: longer at the end"),
        pytest.param(
            "pods long-name-0123456789 and long-name-0123456789a",
            {"long-name-0123456789": "n"},
            "pods n and long-name-0123456789a",
            id="whole words only",
        ),
        pytest.param("web-0.5f web-0 web-0. x.web-0", {"web-0": "w"}, "w.5f w w. x.web-0", id="every whole word"),
        pytest.param(
            "Successfully assigned host-ns/a-x-b-x-vc to node-1",
            {"a-x-b-x-vc": "a", "host-ns/a-x-b-x-vc": "b/a"},
            "Successfully assigned b/a to node-1",
            id="the longest name first",
        ),
    ],
)
def test_host_names_become_the_tenants(message: str, known: dict[str, str], words: str) -> None:
    assert in_virtual_words(message, NAMES, known) == words


def test_a_refusal_says_who_refused() -> None:
    assert host_refusal("no", NAMES, {}) == "the host cluster refused it: no"
