"""ServiceAccounts on the host: names and annotations only, for clouds that give identities by annotation.

They hold no Secret and mount no token: what a pod shows to its API server is issued by the tenant's cluster.
"""

from vgateway.kube.objects import HostObj, VirtualObj
from vgateway.syncer.kind import SyncedKind
from vgateway.syncer.resources import SERVICEACCOUNTS
from vgateway.syncer.rules import push
from vgateway.syncer.view import View


def _never(_virtual: VirtualObj, _host: HostObj, _view: View) -> bool:
    return False


class ServiceAccountKind(SyncedKind):
    """Every ServiceAccount of the tenant, without rights of any kind."""

    resource = SERVICEACCOUNTS
    rules = (push("automountServiceAccountToken", via=_never),)
