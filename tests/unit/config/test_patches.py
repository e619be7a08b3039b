from typing import Any

import pytest

from tests.unit.config.test_load import document
from vgateway.config.load import parse_config, problems_of
from vgateway.config.paths import EVERY, Path, parse_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("spec.containers[*].image", ("spec", "containers", EVERY, "image")),
        ("spec.tls[].secretName", ("spec", "tls", EVERY, "secretName")),
        ("spec.hosts[0]", ("spec", "hosts", 0)),
        ('metadata.annotations["a.b/c"]', ("metadata", "annotations", "a.b/c")),
        ("metadata.labels['a.b/c']", ("metadata", "labels", "a.b/c")),
        ("data.*", ("data", EVERY)),
        ("spec.a-b.$ref", ("spec", "a-b", "$ref")),
        ("spec.rows[1][2].x", ("spec", "rows", 1, 2, "x")),
    ],
)
def test_the_grammar_of_paths(text: str, path: Path) -> None:
    assert parse_path(text) == path


@pytest.mark.parametrize("text", ["", ".a", "a..b", "a.", "a[", "a[b]", "[0]", "a[-1]", "a b", 'a["b]', "a]"])
def test_what_leads_nowhere_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_path(text)


def problems(**patch: Any) -> list[str]:
    return problems_of(document(sync={"toHost": {"configMaps": {"patches": [patch]}}}))


PATH = "sync.toHost.configMaps.patches.0"


@pytest.mark.parametrize(
    ("patch", "line"),
    [
        pytest.param(
            {"path": "spec..x", "labels": {}},
            f"{PATH}.path: a step such as .name, [0], [*] or [\"a.b\"] is expected at '..x', not 'spec..x'",
            id="a path with a hole",
        ),
        pytest.param(
            {"path": "metadata.name", "expression": "value"},
            f"{PATH}.path: the identity of an object cannot be patched, of its metadata only labels and annotations, "
            "not 'metadata.name'",
            id="the name",
        ),
        pytest.param({"path": "data.x"}, f"{PATH}: one of expression", id="no change"),
        pytest.param({"path": "data.x", "expression": "1", "labels": {}}, f"{PATH}: one of expression", id="two"),
        pytest.param({"path": "data.x", "reference": {}}, f"{PATH}.reference: either kind or kindPath", id="no kind"),
        pytest.param(
            {"path": "data.x", "reference": {"kind": "Secret", "namespacePath": "ns"}},
            f"{PATH}.reference: the other paths need a namePath",
            id="where in a name",
        ),
        pytest.param({"path": "data.x", "expr": "1"}, f"{PATH}.expr: unknown key", id="a typing error"),
    ],
)
def test_a_patch_that_makes_no_sense_is_refused_with_its_path(patch: Any, line: str) -> None:
    (found,) = problems(**patch)
    assert found.startswith(line)


@pytest.mark.parametrize(
    "path", ["*.name", "apiVersion", "kind", "metadata", "metadata.*", "metadata.uid", "metadata.finalizers[0]"]
)
def test_what_an_object_is_known_by_is_no_field_to_patch(path: str) -> None:
    (found,) = problems(path=path, expression="value")
    assert found.startswith(f"{PATH}.path: the identity")


def test_every_kind_takes_patches() -> None:
    patches = {"patches": [{"path": "spec.x", "expression": "value"}]}
    sync = {
        "toHost": {"pods": patches, "services": patches, "secrets": patches, "ingresses": patches},
        "fromHost": {"storageClasses": patches, "configMaps": patches, "ingressClasses": patches, "events": patches},
    }
    config = parse_config(document(sync=sync))
    assert config.sync.to_host.pods.patches[0].steps == ("spec", "x")
