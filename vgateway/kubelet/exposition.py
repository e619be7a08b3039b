"""Filters a page of metrics as a stream: bytes in, bytes out, in pieces of any size and with bounded memory.

Only whole lines are judged. What cannot be a series of the tenant's, because it does not hold the name of the
tenant's host namespace, is passed over without being looked at. A page that ends in the middle of a line, or
(OpenMetrics) without its ``# EOF``, was cut: ``MalformedExposition``.
"""

import re
from collections.abc import Callable
from typing import Protocol

from vgateway.kubelet.labels import LabelSet, MalformedExposition, read_labels

MAX_LINE = 64 * 1024
# Label sets come again in every family of a page; more of them than this are judged anew.
REMEMBERED = 16 * 1024

_COMMENT = re.compile(rb'#[ \t]+(?:HELP|TYPE|UNIT)[ \t]+("[^"\\]*(?:\\.[^"\\]*)*"|[^ \t"]+)')
_NAME = re.compile(rb"(?:[a-zA-Z_:][a-zA-Z0-9_:]*)?[ \t]*")
_REST = re.compile(rb"[ \t]*[-+0-9a-zA-Z.]+(?:[ \t]+[-+0-9eE.]+)?[ \t]*")
_EXEMPLAR = re.compile(rb"[ \t]+#[ \t]")
_MISSING = object()
EOF = b"# EOF"

Judge = Callable[[LabelSet], bytes | None]
"""Returns the label set that the tenant sees, None for a series that is not the tenant's."""


class NodeJudge(Protocol):
    """Judges what is about no pod."""

    def concerns(self, line: bytes) -> bool:
        """Say by a quick look whether a line may be shown at all."""
        ...

    def shown(self, name: bytes, found: LabelSet | None) -> bytes | None:
        """Return the label set that the tenant sees, None for what it does not; ``found`` is None without braces."""
        ...


class Filter(Protocol):
    """Bytes in, bytes out."""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return what is ready."""
        ...

    def end(self) -> bytes:
        """Return the rest."""
        ...


class ExpositionFilter:
    """One page. ``needle`` is what every series of the tenant's holds; ``node`` judges those about no pod, if given."""

    def __init__(
        self, needle: bytes, judge: Judge, *, openmetrics: bool = False, node: NodeJudge | None = None
    ) -> None:
        self._needle = needle
        self._judge = judge
        self._node = node
        self._openmetrics = openmetrics
        self._rest = b""
        self._ended = False
        self._family = b""
        self._about: list[bytes] = []
        self._out: list[bytes] = []
        self._known: dict[bytes, bytes | None] = {}

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the page; return what of the lines that are whole now is the tenant's."""
        cut = data.rfind(b"\n") + 1
        if not cut:
            self._rest += data
        else:
            block, self._rest = self._rest + data[:cut], data[cut:]
            self._pass_over(block) if self._node is None else self._look_at_each(block)
        if len(self._rest) > MAX_LINE:
            raise MalformedExposition(f"a line is longer than {MAX_LINE} bytes")
        return self._take()

    def end(self) -> bytes:
        """Return what is left to say. Raises ``MalformedExposition`` when the page was cut."""
        if self._openmetrics and self._rest == EOF:
            self._comment(self._rest)
        elif self._rest:
            raise MalformedExposition("the page ends within a line")
        if self._openmetrics and not self._ended:
            raise MalformedExposition("the page ends without # EOF")
        if self._openmetrics:
            self._out.append(EOF)
        return self._take()

    def _take(self) -> bytes:
        if not self._out:
            return b""
        self._out.append(b"")
        said, self._out = b"\n".join(self._out), []
        return said

    def _pass_over(self, block: bytes) -> None:
        """Jump from comment to comment and from one line with the needle to the next."""
        needle, at = self._needle, 0
        comment = 0 if block.startswith(b"#") else block.find(b"\n#") + 1 or -1
        hit = block.find(needle)
        self._check_open(block)
        while comment >= 0 or hit >= 0:
            if comment >= 0 and (hit < 0 or comment <= hit):
                stop = block.index(b"\n", comment)
                self._comment(block[comment:stop])
                comment = block.find(b"\n#", stop) + 1 or -1
            else:
                start = max(block.rfind(b"\n", at, hit) + 1, at)
                stop = block.index(b"\n", hit)
                self._sample(block[start:stop])
            at = stop + 1
            if hit < at and hit >= 0:
                hit = block.find(needle, at)
        if self._ended and block[at:].strip():
            raise MalformedExposition("the page goes on behind # EOF")

    def _look_at_each(self, block: bytes) -> None:
        self._check_open(block)
        for line in block.split(b"\n"):
            if line.startswith(b"#"):
                self._comment(line)
            elif self._needle in line:
                self._sample(line)
            elif line and self._node is not None and self._node.concerns(line):
                self._about_the_node(line, self._node)

    def _check_open(self, block: bytes) -> None:
        if self._ended and block.strip():
            raise MalformedExposition("the page goes on behind # EOF")

    def _comment(self, line: bytes) -> None:
        """Keep what is said about a family until a series of it is the tenant's."""
        if self._ended:
            raise MalformedExposition("the page goes on behind # EOF")
        if self._openmetrics and line == EOF:
            self._ended = True
            return
        found = _COMMENT.match(line)
        if found is None:
            return
        if found[1] != self._family:
            self._family, self._about = found[1], []
        if len(self._about) < 4:
            self._about.append(line)

    def _sample(self, line: bytes) -> None:
        if self._ended:
            raise MalformedExposition("the page goes on behind # EOF")
        opened = line.find(b"{")
        if opened < 0:
            raise MalformedExposition("a series is broken")
        if self._openmetrics and b"# " in line:
            self._with_exemplar(line, opened)
            return
        closed = line.rfind(b"}") + 1
        key = line[opened:closed]
        said = self._known.get(key, _MISSING)
        if said is _MISSING:
            said = self._remember(key)
        if said is not None:
            self._say(line[:opened], said, line[closed:])  # type: ignore[arg-type] # it is not the mark any more

    def _remember(self, key: bytes) -> bytes | None:
        found = read_labels(key, 0)
        if found.end != len(key):
            raise MalformedExposition("more than one label set")
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        said = self._known[key] = self._judge(found)
        return said

    def _with_exemplar(self, line: bytes, opened: int) -> None:
        """Leave the exemplar out: its labels are traces of the host's."""
        found = read_labels(line, opened)
        rest = _EXEMPLAR.split(line[found.end :], maxsplit=1)[0]
        said = self._judge(found)
        if said is not None:
            self._say(line[:opened], said, rest)

    def _about_the_node(self, line: bytes, node: NodeJudge) -> None:
        if self._ended:
            raise MalformedExposition("the page goes on behind # EOF")
        opened = line.find(b"{")
        if opened < 0:
            name, blank, rest = line.partition(b" ")
            if node.shown(name, None) is not None:
                self._say(name, b"", blank + _EXEMPLAR.split(rest, maxsplit=1)[0])
            return
        found = read_labels(line, opened)
        said = node.shown(line[:opened], found)
        if said is not None:
            self._say(line[:opened], said, _EXEMPLAR.split(line[found.end :], maxsplit=1)[0])

    def _say(self, name: bytes, labels: bytes, rest: bytes) -> None:
        if not _NAME.fullmatch(name) or not _REST.fullmatch(rest):
            raise MalformedExposition("a series is broken")
        if self._about and (name or labels[1:]).startswith(self._family if name else self._family[:-1]):
            self._out += self._about
            self._about = []
        self._out.append(name + labels + rest)
