"""Which change wakes which key: subscribes to the caches what the kinds declare, also when the kinds become others."""

from collections.abc import Sequence
from functools import partial

from vgateway.errors import ConfigError
from vgateway.kube.informer import Informer
from vgateway.kube.objects import Resource
from vgateway.syncer.caches import Caches
from vgateway.syncer.controller import Controller
from vgateway.syncer.explain import Explainer
from vgateway.syncer.kind import Kind, Side
from vgateway.syncer.places import At
from vgateway.syncer.reconciler import Reconciler
from vgateway.syncer.resources import NAMESPACES
from vgateway.syncer.sources import all_indexes, all_sources
from vgateway.syncer.view import Place, View
from vgateway.syncer.waker import Settling, Waker, every_key, wakes_of
from vgateway.syncer.workqueue import Rank


class Wiring:
    """Holds the present ``kinds`` and lets everybody know them."""

    def __init__(
        self,
        kinds: Sequence[Kind],
        caches: Caches,
        view: View,
        reconciler: Reconciler,
        controller: Controller,
        explainer: Explainer,
    ) -> None:
        self.kinds = tuple(kinds)
        self._caches = caches
        self._view = view
        self._reconciler = reconciler
        self._controller = controller
        self._explainer = explainer
        self._wakers: list[tuple[Informer, Waker]] = []
        fresh = caches.take(self.kinds)
        for side, resource, informer in caches.by_side():
            self._subscribe(informer, side, resource)
            informer.on_list(partial(self._look_again, side, resource))
            informer.on_list(partial(self._look_at_all, informer))
        if view.names.spread:
            caches.followed[Side.HOST, NAMESPACES].subscribe(Settling(kinds, view, controller.wake))
        self._follow(fresh)

    def change(self, kinds: Sequence[Kind]) -> None:
        """Go on with other kinds, which may read other places of the host but nothing else that is new.

        Raises ConfigError, before anything has changed, if they read what is not followed yet.
        """
        if all_sources(kinds) != all_sources(self.kinds) or len(all_indexes(kinds)) != len(all_indexes(self.kinds)):
            raise ConfigError("these rules read what is not followed yet: that takes a restart")
        known = set(self.kinds)
        self.kinds = tuple(kinds)
        fresh = self._caches.take(self.kinds)
        self._wakers = [one for one in self._wakers if one[1].place is None or self._is_followed(one[1], fresh)]
        for _, waker in self._wakers:
            waker.wakes = wakes_of(self.kinds, waker.side, waker.resource, waker.place)
        self._follow(fresh)
        self._reconciler.take(self.kinds)
        self._explainer.take(self.kinds)
        for kind in self.kinds:
            if kind not in known:
                self._wake_all(kind)

    def stand_by(self) -> None:
        """Let another process do the work; the caches stay."""
        self._controller.sleep()
        self._reconciler.memory.clear()

    def start_over(self) -> None:
        """Look at everything there is, as a process that has just started."""
        self.stand_by()
        self._controller.awake()
        for informer, waker in self._wakers:
            for change in informer.store.as_news():
                waker(change)

    def _is_followed(self, waker: Waker, fresh: Sequence[At]) -> bool:
        return waker.place is not None and (waker.resource, waker.place) in self._caches.places.informers.keys() - fresh

    def _follow(self, places: Sequence[At]) -> None:
        for resource, place in places:
            informer = self._caches.places.informers[resource, place]
            self._subscribe(informer, Side.HOST, resource, place)
            informer.on_list(partial(self._look_at_all, informer))

    def _subscribe(self, informer: Informer, side: Side, resource: Resource, place: Place | None = None) -> None:
        wakes = wakes_of(self.kinds, side, resource, place)
        wake = self._controller.wake
        waker = Waker(side, resource, wakes, self._view, self._reconciler.memory, wake, place)
        self._wakers.append((informer, waker))
        informer.subscribe(waker)

    def _look_again(self, side: Side, resource: Resource) -> None:
        for work in self._reconciler.relisted(side, resource):
            self._controller.wake(work)

    def _look_at_all(self, informer: Informer) -> None:
        """Look at what had to wait for a collection that the host lacked, or that we may not have been shown."""
        for kind in self.kinds:
            if any(one is informer for one in self._caches.lacked_by(kind)):
                self._wake_all(kind)

    def _wake_all(self, kind: Kind) -> None:
        for key in every_key(kind, self._view):
            self._controller.wake((kind.name, key), Rank.REPORTED)
