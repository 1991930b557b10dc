"""Where an HTTP server listens: an address that bears that no descriptors are left."""

import asyncio
import errno
import socket
from typing import Any

from aiohttp import web

_NOTHING_LEFT = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class _Listener(socket.socket):
    """After a connection that could not be accepted for want of resources, says once that no other waits.

    asyncio does not stop at such an error: it asks again, as often as the backlog is long, logs each and plans a new
    start for each, all of which do the same a second later: 150,000 lines in ten seconds.
    """

    _nothing_left = False

    def accept(self) -> tuple[socket.socket, Any]:
        if self._nothing_left:
            self._nothing_left = False
            raise BlockingIOError
        try:
            return super().accept()
        except OSError as error:
            self._nothing_left = error.errno in _NOTHING_LEFT
            raise


async def listen(runner: web.AppRunner, host: str, port: int, *, backlog: int = 128) -> None:
    """Serve at each address of the host, all of them if it is empty; the runner's cleanup ends it.

    Raises OSError if an address is taken or unknown.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, address in dict.fromkeys((one[0], one[4]) for one in found):
        try:
            listener = _bound(family, address)
        except OSError as error:
            if error.errno == errno.EAFNOSUPPORT and len(found) > 1:
                continue  # names have addresses of IPv6 where the kernel has none
            raise
        await web.SockSite(runner, listener, backlog=backlog).start()


def _bound(family: int, address: Any) -> socket.socket:
    listener = _Listener(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener
