"""Answers that are written piece by piece, so that memory is bounded whatever their length."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import orjson
from aiohttp import web

from service.api.app_keys import DEADLINE, STREAM_BEGUN

Item = TypeVar("Item")
_CHUNK_BYTES = 256 * 1024


class _HeadersOnly(web.StreamResponse):
    """The answer to HEAD. What is written would be sent, and a client would take it for the next answer."""

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Nothing."""


async def begin(
    request: web.Request, head: bytes, headers: Mapping[str, str] = MappingProxyType({})
) -> web.StreamResponse:
    """Start a 200 in JSON with `head`. From now on a fault can only drop the connection, so read something before."""
    kind = _HeadersOnly if request.method == "HEAD" else web.StreamResponse
    response = kind(headers={"Content-Type": "application/json; charset=utf-8", **headers})
    request[STREAM_BEGUN] = True
    if DEADLINE in request:
        request[DEADLINE].reschedule(None)
    await response.prepare(request)
    await response.write(head)
    return response


async def write_items(
    response: web.StreamResponse,
    portion: list[Item],
    portions: AsyncIterator[list[Item]],
    to_object: Callable[[Item], dict[str, Any]],
    limit: int | None,
) -> Item | None:
    """Write up to `limit` items, comma-separated, beginning with `portion`; the last one written, if there are more."""
    written = 0
    while portion and not isinstance(response, _HeadersOnly):
        room = portion if limit is None else portion[: limit - written]
        for number, chunk in enumerate(_chunks(orjson.dumps(to_object(item)) for item in room)):
            await response.write(b"," + chunk if written or number else chunk)
        written += len(room)
        if len(room) < len(portion):
            return room[-1]
        last = portion[-1]
        portion = room = []  # not to be held while the next is read
        portion = await anext(portions, [])
        if portion and written == limit:
            return last
    return None


def _chunks(items: Iterable[bytes]) -> Iterator[bytes]:
    """Comma-separated, many small ones together."""
    held: list[bytes] = []
    size = 0
    for item in items:
        held.append(item)
        size += len(item)
        if size >= _CHUNK_BYTES:
            yield b",".join(held)
            held, size = [], 0
    if held:
        yield b",".join(held)


async def end(response: web.StreamResponse, tail: bytes) -> web.StreamResponse:
    """Finish it well."""
    await response.write(tail)
    await response.write_eof()
    return response
