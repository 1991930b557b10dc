"""Logs: one line an event, for people on a terminal and for machines elsewhere, whoever's logger it comes from.

No line holds the message of an exception: a driver's errors repeat the document they refuse, and so e-mail addresses.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from service.ops.repeats import NotAgainSoon

LogFormat = Literal["auto", "console", "json"]

_QUIET = ("aiokafka", "aiohttp", "pymongo", "motor", "asyncio", "opentelemetry", "urllib3")
_MAX_FRAMES = 30
_MAX_CHAIN = 5


def configure_logging(level: str, log_format: LogFormat = "auto", stream: TextIO | None = None) -> None:
    """Send all logging of this process to `stream` (default stderr), from `level` (`debug` … `error`) up."""
    # What no line says need not be asked of the system for each.
    logging.logProcesses = logging.logThreads = logging.logMultiprocessing = False
    out = stream or sys.stderr
    for_people = log_format == "console" or (log_format == "auto" and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        first_line_of_asyncio,
        exception_without_message,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.addFilter(NotAgainSoon(["aiokafka"]))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(for_people, out)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    sys.excepthook = _log_crash


def describe_exception(error: BaseException) -> list[dict[str, Any]]:
    """The error, then its causes: the class, and where it passed (`file:line function`). No message."""
    described: list[dict[str, Any]] = []
    current: BaseException | None = error
    while current is not None and len(described) < _MAX_CHAIN:
        frames = traceback.extract_tb(current.__traceback__)[-_MAX_FRAMES:]
        kind = type(current)
        described.append(
            {
                "type": f"{kind.__module__}.{kind.__qualname__}",
                "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
            }
        )
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return described


def exception_without_message(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by a description that repeats no data."""
    given = event.pop("exc_info", None)
    error = _error_of(given)
    if error is not None:
        event["exception"] = describe_exception(error)
    return event


def first_line_of_asyncio(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """asyncio's complaints repeat the exception's message from their second line on."""
    if event.get("logger") == "asyncio":
        event["event"] = str(event.get("event")).partition("\n")[0]
    return event


def _error_of(given: Any) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if isinstance(given[1], BaseException) else None
    return sys.exc_info()[1] if given else None


def _renderer(for_people: bool, out: TextIO) -> Processor:
    if not for_people:
        return structlog.processors.JSONRenderer(default=_plain)
    console = structlog.dev.ConsoleRenderer(colors=out.isatty())

    def render(logger: WrappedLogger, name: str, event: MutableMapping[str, Any]) -> str:
        chain = event.pop("exception", None)
        line = str(console(logger, name, event))
        for link in chain or ():
            line += f"\n  {link['type']}" + "".join(f"\n    {frame}" for frame in link["frames"])
        return line

    return render


def _plain(value: Any) -> str:
    # A value that JSON does not know is named, not printed: its repr may hold anything.
    return f"<{type(value).__name__}>"


def _log_crash(kind: type[BaseException], error: BaseException, tb: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("pathbound").critical("crashed", exc_info=(kind, error, tb))
