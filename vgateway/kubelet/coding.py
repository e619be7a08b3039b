"""gzip as a stream, in both directions, with bounded memory.

A stream that ends before its trailer, or goes wrong within, is ``BrokenCoding``: never a shorter page.
"""

import zlib
from collections.abc import Iterator

GZIP = 31
# How much may come out at once, however well it was packed.
PIECE = 256 * 1024
FAST = 1


class BrokenCoding(Exception):
    """The bytes are no gzip, or not the whole of it."""


class Plain:
    """No coding at all."""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Give the bytes as they are."""
        yield data

    def end(self) -> None:
        """Everything may be the end."""


class Gunzip:
    """Unpacks; members that follow each other are one stream."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(GZIP)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Give what these bytes unpack to, a piece at a time. Raises ``BrokenCoding``."""
        while data:
            if self._member.eof:
                self._member = zlib.decompressobj(GZIP)
            try:
                piece = self._member.decompress(data, PIECE)
            except zlib.error as error:
                raise BrokenCoding(f"broken gzip: {error}") from error
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if piece:
                yield piece

    def end(self) -> None:
        """Take note that nothing follows. Raises ``BrokenCoding`` when something should; nothing at all is no gzip."""
        if not self._member.eof:
            raise BrokenCoding("the gzip stream was cut")


class Gzip:
    """Packs, quickly rather than tightly."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(FAST, zlib.DEFLATED, GZIP)

    def feed(self, data: bytes) -> bytes:
        """Return what is ready of the packed stream, maybe nothing."""
        return self._packer.compress(data)

    def end(self) -> bytes:
        """Return the rest and the trailer."""
        return self._packer.flush()


class Unpacked:
    """The other choice: bytes go out as they are."""

    def feed(self, data: bytes) -> bytes:
        """Return the bytes."""
        return data

    def end(self) -> bytes:
        """Nothing is kept back."""
        return b""


def unpacker(coding: str) -> Plain | Gunzip:
    """Return what undoes a Content-Encoding. Raises ``BrokenCoding`` for one that was not asked for."""
    match coding.strip().lower():
        case "" | "identity":
            return Plain()
        case "gzip" | "x-gzip":
            return Gunzip()
        case other:
            raise BrokenCoding(f"the content coding {other[:20]!r} was not asked for")
