"""One page on its way from the host to a client, through a filter: neither side is ever ahead of the other by much.

The client that stops reading stops the host. What fails before ``HELD`` bytes went out is a Status, what fails after
that cuts the client's connection: a page that is not whole never ends cleanly.
"""

import asyncio

from aiohttp import web

from vgateway.errors import ApiError, GatewayError
from vgateway.kube.transport import Incoming
from vgateway.kubelet.coding import BrokenCoding, Gzip, Unpacked, unpacker
from vgateway.kubelet.exposition import Filter
from vgateway.kubelet.labels import MalformedExposition
from vgateway.kubelet.rewrite import HOST_HOP
from vgateway.wire.client_connection import client_of
from vgateway.wire.relay import Relayed

# So much of a page is held back: most pages are whole by then, and what is wrong with them can still be said.
HELD = 64 * 1024
# How long a client may take for what it was given last.
CLIENT_SECONDS = 60.0


class Page:
    """What one client is given: a whole answer while it is small, a stream from then on."""

    def __init__(self, request: web.BaseRequest, content_type: str, *, gzip: bool) -> None:
        self._request = request
        self._packer = Gzip() if gzip else Unpacked()
        self._headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if gzip:
            self._headers["Content-Encoding"] = "gzip"
        self._held: list[bytes] = []
        self._size = 0
        self._stream: web.StreamResponse | None = None

    async def write(self, data: bytes) -> None:
        """Give bytes; waits for a client that is slow."""
        if data:
            await self._put(self._packer.feed(data))

    async def finish(self) -> web.StreamResponse:
        """End the page."""
        last = self._packer.end()
        if self._stream is None:
            return web.Response(body=b"".join([*self._held, last]), headers=self._headers)
        await self._put(last)
        async with asyncio.timeout(CLIENT_SECONDS):
            await self._stream.write_eof()
        return self._stream

    async def _put(self, data: bytes) -> None:
        self._size += len(data)
        if self._stream is None:
            self._held.append(data)
            if self._size <= HELD:
                return
            data, self._held = b"".join(self._held), []
            self._stream = await self._begun()
        if data:
            async with asyncio.timeout(CLIENT_SECONDS):
                await self._stream.write(data)

    async def _begun(self) -> web.StreamResponse:
        response = web.StreamResponse(headers=self._headers)
        client_of(self._request).response_begun = True
        await response.prepare(self._request)
        return response


async def whole(incoming: Incoming, limit: int) -> bytes:
    """Read a body that is judged as a whole. ``GatewayError`` 502 when it is broken, cut, or longer than ``limit``."""
    pieces, size = list[bytes](), 0
    try:
        unpack = unpacker(incoming.header(b"content-encoding"))
        async for packed in incoming.pieces():
            for piece in unpack.pieces(packed):
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    raise GatewayError(502, f"{HOST_HOP}: the answer is longer than {limit} bytes", hop=HOST_HOP)
        unpack.end()
    except BrokenCoding as error:
        raise GatewayError(502, f"{HOST_HOP}: {error}", hop=HOST_HOP) from error
    return b"".join(pieces)


async def filtered(incoming: Incoming, filtering: Filter, page: Page) -> web.StreamResponse:
    """Pass the host's page through a filter to the client. ``GatewayError`` 502 for one that is broken or cut."""
    try:
        unpack = unpacker(incoming.header(b"content-encoding"))
        async for piece in incoming.pieces():
            for part in unpack.pieces(piece):
                await page.write(filtering.feed(part))
                # A page can be a tenth of a second's work: others have their turn in between.
                await asyncio.sleep(0)
        unpack.end()
        await page.write(filtering.end())
        return await page.finish()
    except (MalformedExposition, BrokenCoding) as error:
        raise GatewayError(502, f"{HOST_HOP}: malformed metrics: {error}", hop=HOST_HOP) from error
    except ApiError as error:
        raise GatewayError(502, f"{HOST_HOP}: {error}", hop=HOST_HOP) from error
    except TimeoutError as error:
        raise GatewayError(504, "the client did not read what it asked for") from error
    except ConnectionError:
        # The client has gone; nobody is left to be told.
        return Relayed(0, 0, close=True)
