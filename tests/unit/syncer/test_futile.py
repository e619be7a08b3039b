from dataclasses import replace

import pytest

from vgateway.kube.objects import HostKey, VirtualKey
from vgateway.syncer.futile import AGAIN_SECONDS, Futile
from vgateway.syncer.memory import Work
from vgateway.syncer.resources import PODS
from vgateway.syncer.steps import PatchHost

WORK: Work = ("pods", VirtualKey("default", "web"))
STEP = PatchHost(PODS, HostKey("host-ns", "web"), {"spec": {"unknown": 1}}, uid="u1")


@pytest.mark.parametrize(
    ("work", "step", "now", "known"),
    [
        (WORK, STEP, 101.0, True),
        (WORK, STEP, 100.0 + AGAIN_SECONDS, False),
        (WORK, replace(STEP, patch={"spec": {"unknown": 2}}), 101.0, False),
        (WORK, replace(STEP, uid="u2"), 101.0, False),
        (WORK, replace(STEP, subresource="status"), 101.0, False),
        (("pods", VirtualKey("default", "other")), STEP, 101.0, False),
    ],
)
def test_only_the_very_patch_that_changed_nothing_is_not_sent_again(
    work: Work, step: PatchHost, now: float, known: bool
) -> None:
    futile = Futile()
    futile.note(WORK, STEP, 100.0, in_vain=True)
    assert futile.is_known(work, step, now) is known


def test_after_a_patch_with_an_effect_others_may_have_one_again() -> None:
    futile = Futile()
    futile.note(WORK, STEP, 100.0, in_vain=True)
    futile.note(WORK, replace(STEP, patch={"spec": {"known": 1}}), 100.0, in_vain=False)
    assert not futile.is_known(WORK, STEP, 101.0)
