"""The filter of metrics pages: what it lets through, in which words, and what it takes for a broken page."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from vgateway.kube.objects import HostKey, VirtualKey
from vgateway.kubelet import nodeseries
from vgateway.kubelet.exposition import MAX_LINE, ExpositionFilter
from vgateway.kubelet.labels import LabelSet, MalformedExposition, quoted, translated
from vgateway.kubelet.residents import Resident

HOST_UID, UID = "11111111-2222-3333-4444-555555555555", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
NS = "tenant-a"
WEB = Resident(
    HostKey(NS, "web-x-default-x-vc"),
    HOST_UID,
    VirtualKey("default", "web"),
    UID,
    {"app": "registry/app:1"},
    {"data-x-default-x-vc": "data"},
    frozenset({"data", "scratch"}),
)
RUNTIME_ID = "ab" * 32


class Neighbours:
    """One pod of the tenant's, one claim; everybody else is a stranger."""

    def pod(self, key: HostKey) -> Resident | None:
        return WEB if key == WEB.host else None

    def claim(self, key: HostKey) -> VirtualKey | None:
        return VirtualKey("default", "data") if key == HostKey(NS, "data-x-default-x-vc") else None


def judge(found: LabelSet) -> bytes | None:
    return translated(found, Neighbours())


def filtered(page: bytes, pieces: Iterable[int] = (), *, openmetrics: bool = False, node: bool = False) -> bytes:
    """Filter a page cut at these places."""
    filtering = ExpositionFilter(f'"{NS}"'.encode(), judge, openmetrics=openmetrics, node=nodeseries if node else None)
    cuts = [0, *sorted(pieces), len(page)]
    out = [filtering.feed(page[start:stop]) for start, stop in pairwise(cuts)]
    return b"".join(out) + filtering.end()


OURS = f'namespace="{NS}",pod="web-x-default-x-vc"'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"a{{{OURS}}} 1", 'a{namespace="default",pod="web"} 1'),
        (f"a{{{OURS},}} 1 1700000000000", 'a{namespace="default",pod="web"} 1 1700000000000'),
        (f"a {{ {OURS} }} NaN", 'a {namespace="default",pod="web"} NaN'),
        (f'a{{{OURS},uid="{HOST_UID}"}} +Inf', f'a{{namespace="default",pod="web",uid="{UID}"}} +Inf'),
        (f'a{{{OURS},pod_uid="{HOST_UID}"}} 1', f'a{{namespace="default",pod="web",pod_uid="{UID}"}} 1'),
        (f'a{{pod_namespace="{NS}",pod_name="{WEB.host.name}"}} 1', 'a{pod_namespace="default",pod_name="web"} 1'),
        (
            f'a{{container="app",image="mirror/app@sha256:1",name="{RUNTIME_ID}",{OURS}}} 1',
            f'a{{container="app",image="registry/app:1",name="{RUNTIME_ID}",namespace="default",pod="web"}} 1',
        ),
        (
            f'a{{container="",image="mirror/pause:3",name="",{OURS}}} 1',
            'a{container="",image="pause",name="",namespace="default",pod="web"} 1',
        ),
        (f'a{{container="app",image="",{OURS}}} 1', 'a{container="app",image="",namespace="default",pod="web"} 1'),
        (
            f'a{{id="/kubepods/burstable/pod{HOST_UID}/{RUNTIME_ID}",{OURS}}} 1',
            f'a{{id="/kubepods/pod{UID}/{RUNTIME_ID}",namespace="default",pod="web"}} 1',
        ),
        (
            f'a{{id="/docker/host-1/kubelet/kubepods/pod{HOST_UID}",{OURS}}} 1',
            f'a{{id="/kubepods/pod{UID}",namespace="default",pod="web"}} 1',
        ),
        (
            f'a{{id="/kubepods.slice/kubepods-pod{HOST_UID.replace("-", "_")}.slice/cri-{RUNTIME_ID}.scope",{OURS}}} 1',
            f'a{{id="/kubepods/pod{UID}/cri-{RUNTIME_ID}.scope",namespace="default",pod="web"}} 1',
        ),
        (
            f'a{{id="/k8s.io/{RUNTIME_ID}",{OURS}}} 1',
            f'a{{id="/kubepods/pod{UID}/{RUNTIME_ID}",namespace="default",pod="web"}} 1',
        ),
        (
            f'a{{device="/var/lib/kubelet/pods/{HOST_UID}/v",{OURS}}} 1',
            f'a{{device="/var/lib/kubelet/pods/{UID}/v",namespace="default",pod="web"}} 1',
        ),
        (
            f'a{{namespace="{NS}",persistentvolumeclaim="data-x-default-x-vc"}} 1',
            'a{namespace="default",persistentvolumeclaim="data"} 1',
        ),
        (
            f'a{{{OURS},persistentvolumeclaim="data-x-default-x-vc"}} 1',
            'a{namespace="default",pod="web",persistentvolumeclaim="data"} 1',
        ),
        (f'a{{path="C:\\\\x\\"y\\n",{OURS}}} 1', 'a{path="C:\\\\x\\"y\\n",namespace="default",pod="web"} 1'),
        (f'a{{path="}} {{",{OURS}}} 1', 'a{path="} {",namespace="default",pod="web"} 1'),
        (f'{{"a.b",{OURS},"c.d"="e"}} 1', '{"a.b",namespace="default",pod="web","c.d"="e"} 1'),
        (f'{{"a.b","namespace"="{NS}","pod"="{WEB.host.name}"}} 1', '{"a.b","namespace"="default","pod"="web"} 1'),
    ],
)
def test_a_series_of_the_tenants_is_said_in_its_names(line: str, said: str) -> None:
    assert filtered(f"{line}\n".encode()) == f"{said}\n".encode()


@pytest.mark.parametrize(
    "line",
    [
        "a 1",
        "a{} 1",
        'a{namespace="other",pod="web-x-default-x-vc"} 1',
        f'a{{namespace="{NS}"}} 1',
        f'a{{namespace="{NS}",pod="stranger"}} 1',
        f'a{{namespace="other",pod="web-x-default-x-vc",exported_namespace="{NS}"}} 1',
        f'a{{image="{NS}",namespace="other",pod="x"}} 1',
        f'a{{{OURS},container="injected-by-the-host"}} 1',
        f'a{{{OURS},uid="of-a-namesake-before-it"}} 1',
        f'a{{{OURS},pod_name="another"}} 1',
        f'a{{{OURS},pod_namespace="other"}} 1',
        f'a{{{OURS},persistentvolumeclaim="of-another"}} 1',
        f'a{{namespace="{NS}",persistentvolumeclaim="of-another"}} 1',
        f'a{{namespace="\\"{NS}",pod="web-x-default-x-vc"}} 1',
        f'a{{pod="x",note="namespace=\\"{NS}\\""}} 1',
        f"# EOF {{{OURS}}} 1",
        f'node_cpu{{namespace="{NS}\\n"}} 1',
    ],
)
def test_what_is_not_provably_the_tenants_is_left_out(line: str) -> None:
    assert filtered(f"{line}\n".encode()) == b""


@pytest.mark.parametrize(
    "page",
    [
        f"a{{{OURS}}} 1",
        f"a{{{OURS}",
        f"a{{{OURS}\n",
        f'a{{"{NS}"',
        f'"{NS}"\n',
        f'a{{{OURS},namespace="{NS}"}} 1\n',
        f"a{{{OURS} x}} 1\n",
        f"a{{{OURS},pod}} 1\n",
        f"a{{{OURS}}}\n",
        f"a{{{OURS}}} one two three\n",
        f"a{{{OURS}}} 1 # {{}} 1\n",
        f"a b{{{OURS}}} 1\n",
        f'{{{OURS},"name.too.late"}} 1\n',
        f'{{"one","two",{OURS}}} 1\n',
        "# half a comment",
        "x" * (MAX_LINE + 1),
    ],
)
def test_a_broken_or_cut_page_is_said_to_be_one(page: str) -> None:
    with pytest.raises(MalformedExposition):
        filtered(page.encode())


@pytest.mark.parametrize(
    "page", ["a 1\n", "# EOF\na 1\n", f"# EOF\na{{{OURS}}} 1\n", "# EOF\n# HELP a b\n", "# EOF\nx"]
)
def test_an_openmetrics_page_ends_with_its_mark_and_nothing_behind_it(page: str) -> None:
    with pytest.raises(MalformedExposition):
        filtered(page.encode(), openmetrics=True)


@pytest.mark.parametrize("end", [b"# EOF", b"# EOF\n"])
def test_an_openmetrics_page_keeps_its_mark_and_loses_the_hosts_exemplars(end: bytes) -> None:
    page = f'# TYPE a counter\n# UNIT a x\na_total{{{OURS},le="# "}} 1 2.5 # {{trace_id="t"}} 1 2\n'.encode() + end

    said = b'# TYPE a counter\n# UNIT a x\na_total{namespace="default",pod="web",le="# "} 1 2.5\n# EOF\n'
    assert filtered(page, openmetrics=True) == said


def test_a_family_is_spoken_of_only_if_a_series_of_it_is_left() -> None:
    page = f"""\
# HELP a Of strangers.
# TYPE a gauge
a{{namespace="other",pod="x"}} 1
# HELP b Of the tenant's.
# TYPE b histogram
b_bucket{{namespace="other",pod="x",le="1"}} 1
b_bucket{{{OURS},le="1"}} 1
b_sum{{{OURS}}} 1
# a remark
# HELP c Without a series.
# TYPE "d.e" gauge
{{"d.e",{OURS}}} 1
unannounced{{{OURS}}} 1
"""
    assert (
        filtered(page.encode()).decode()
        == """\
# HELP b Of the tenant's.
# TYPE b histogram
b_bucket{namespace="default",pod="web",le="1"} 1
b_sum{namespace="default",pod="web"} 1
# TYPE "d.e" gauge
{"d.e",namespace="default",pod="web"} 1
unannounced{namespace="default",pod="web"} 1
"""
    )


NODE_PAGE = f"""\
# TYPE node_cpu_usage_seconds_total counter
node_cpu_usage_seconds_total 5 1700000000000
# TYPE machine_cpu_cores gauge
machine_cpu_cores{{boot_id="b",machine_id="m",system_uuid="s"}} 2
container_memory_rss{{container="",id="/",image="",name="",namespace="",pod=""}} 7
container_memory_rss{{container="",id="/kubepods/podforeign",image="",name="",namespace="",pod=""}} 7
container_memory_rss{{container="",id="/",image="",name="",namespace="other",pod="x"}} 7
container_fs_usage_bytes{{device="/var/lib/kubelet/pods/foreign",id="/"}} 7
kubelet_running_pods 9
kubelet_volume_stats_used_bytes{{namespace="other",persistentvolumeclaim="x"}} 1
rest_client_requests_total{{host="10.0.0.1:6443"}} 1
storage_operation_duration_seconds_count{{volume_plugin="secret-driver"}} 1
kubelet_pod_start_total_duration_seconds_count{{pod="foreign"}} 1
a{{{OURS}}} 1
"""


def test_node_series_are_shown_by_a_list_and_only_where_they_are_wanted() -> None:
    assert filtered(NODE_PAGE.encode()) == b'a{namespace="default",pod="web"} 1\n'
    assert (
        filtered(NODE_PAGE.encode(), node=True).decode()
        == """\
# TYPE node_cpu_usage_seconds_total counter
node_cpu_usage_seconds_total 5 1700000000000
# TYPE machine_cpu_cores gauge
machine_cpu_cores{boot_id="",machine_id="",system_uuid=""} 2
container_memory_rss{container="",id="/",image="",name="",namespace="",pod=""} 7
kubelet_running_pods 9
a{namespace="default",pod="web"} 1
"""
    )


# --- against another reader of the same format ----------------------------------------------------------------------

VALUES = st.one_of(
    st.sampled_from(
        [NS, "other", WEB.host.name, HOST_UID, "app", "", "/", "data-x-default-x-vc", f'"{NS}"', "\\", "}"]
    ),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r"), max_size=8),
)
LABEL_NAMES = ["namespace", "pod", "container", "uid", "image", "path", "persistentvolumeclaim", "le_", "pod_name"]
LABELS = st.dictionaries(st.sampled_from(LABEL_NAMES), VALUES, max_size=6)
SERIES = st.tuples(LABELS | LABELS.map(lambda more: more | {"namespace": NS, "pod": WEB.host.name}), st.integers(0, 99))
FAMILIES = st.dictionaries(st.sampled_from(["a", "b_x", "c", "node_y"]), st.lists(SERIES, max_size=4), max_size=4)


def written(families: dict[str, list[tuple[dict[str, str], int]]], *, openmetrics: bool) -> bytes:
    """Write a page as an exporter would."""
    lines = []
    for name, series in families.items():
        lines += [f"# HELP {name} About {NS}.".encode(), f"# TYPE {name} gauge".encode()]
        for labels, value in distinct(series):
            inner = b",".join(label.encode() + b"=" + quoted(text) for label, text in labels.items())
            lines.append(name.encode() + b"{" + inner + b"} " + str(value).encode())
    return b"".join(line + b"\n" for line in lines) + (b"# EOF\n" if openmetrics else b"")


def distinct(series: list[tuple[dict[str, str], int]]) -> list[tuple[dict[str, str], int]]:
    """Tell series apart by a label of their own: OpenMetrics has none twice."""
    return [(labels | {"n": str(at)}, value) for at, (labels, value) in enumerate(series)]


def expected(sample: dict[str, str]) -> dict[str, str] | None:
    """Say by the parsed labels what the filter must make of a series."""
    said = judge(LabelSet(b"", tuple((name.encode(), value) for name, value in sample.items()), 0))
    if said is None:
        return None
    (family,) = text_families("x" + said.decode() + " 1\n")
    return dict(family.samples[0].labels)


@given(FAMILIES, st.booleans(), st.lists(st.integers(0, 2000), max_size=12))
@settings(max_examples=150, deadline=None)
def test_the_filtered_page_is_what_filtering_parsed_samples_gives_however_it_is_cut(
    families: dict[str, list[tuple[dict[str, str], int]]], openmetrics: bool, cuts: list[int]
) -> None:
    page = written(families, openmetrics=openmetrics)
    parse = openmetrics_families if openmetrics else text_families

    out = filtered(page, [cut for cut in cuts if cut <= len(page)], openmetrics=openmetrics)

    wanted = [
        (name, said, float(value))
        for name, series in families.items()
        for labels, value in distinct(series)
        if (said := expected(labels)) is not None
    ]
    text = out.decode()
    got = [(one.name, dict(one.labels), one.value) for family in parse(text) for one in family.samples]
    assert got == wanted
    assert out == filtered(page, openmetrics=openmetrics)


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode), st.lists(st.integers(0, 300), max_size=8))
@settings(max_examples=150, deadline=None)
def test_no_bytes_at_all_bring_out_a_word_of_the_hosts_names(noise: bytes, cuts: list[int]) -> None:
    page = noise + f'\na{{{OURS},x="'.encode() + noise.replace(b"\n", b"").replace(b'"', b"") + b'"} 1\n'
    try:
        out = filtered(page, [cut for cut in cuts if cut <= len(page)])
    except MalformedExposition:
        return
    assert HOST_UID.encode() not in out
    assert WEB.host.name.encode() not in out
