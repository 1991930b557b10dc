"""Command-line options made of the settings: each field is an option with its description, type check and variable."""

import asyncio
import functools
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, get_args, get_origin

import click
import structlog
from pydantic import SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from deploy.tracing import traced
from schemas.tenants import TENANT_PATTERN, TenantId
from service.errors import (
    FeedRequestError,
    SetupError,
    StoreRefusedError,
    StoreUnavailableError,
    StreamRefusedError,
    StreamUnavailableError,
)
from service.ops.logging import configure_logging
from service.settings import Settings, misspelt

S = TypeVar("S", bound=Settings)
_SAME_WISH_SECONDS = 1.0
_Command = Callable[..., Any]
_SETTINGS: dict[_Command, type[Settings]] = {}
_TENANT: TypeAdapter[str] = TypeAdapter(TenantId)
_log = structlog.get_logger(__name__)


def with_settings(model: type[S]) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], _Command]:
    """Make an async function a command body: it gets validated settings first, then the command's own parameters.

    Foreseeable faults (a setting out of range, MongoDB or Kafka away) end in one sentence and exit status 1 or 2.
    """

    def decorate(function: Callable[..., Coroutine[Any, Any, None]]) -> _Command:
        @functools.wraps(function)
        def command(**given: Any) -> None:
            chosen = {name: given.pop(name) for name in model.model_fields}
            settings = _validated(model, {name: value for name, value in chosen.items() if value is not None})
            configure_logging(settings.log_level, settings.log_format)
            for variable, meant in misspelt(os.environ).items():
                _log.warning("variable_unknown", variable=variable, meant=meant)
            with traced(settings, click.get_current_context().command_path):
                asyncio.run(_told(function(settings, **given), settings))

        decorated: _Command = command
        _SETTINGS[command] = model
        for name, info in reversed(model.model_fields.items()):
            decorated = _option(name, info)(decorated)
        return decorated

    return decorate


def settings_of(command: click.Command) -> type[Settings] | None:
    """The settings that a command takes, if it takes any."""
    function: Any = command.callback
    while function is not None:
        if function in _SETTINGS:
            return _SETTINGS[function]
        function = getattr(function, "__wrapped__", None)
    return None


def _option(name: str, info: FieldInfo) -> Callable[[_Command], _Command]:
    default = info.default.get_secret_value() if isinstance(info.default, SecretStr) else info.default
    variable = f"PATHBOUND_{name.upper()}"
    flag = f"--{name.replace('_', '-')}"
    if info.annotation is bool:
        flag = f"{flag}/--no-{name.replace('_', '-')}"
    description = f"{info.description}  [env: {variable}; default: {default if default != '' else 'empty'}]"
    # Without a default of its own, what is not given falls through to the environment, read by the settings.
    return click.option(flag, name, type=_type(info), default=None, help=description)


def _type(info: FieldInfo) -> Any:
    if get_origin(info.annotation) is not None:
        return click.Choice([str(choice) for choice in get_args(info.annotation)])
    return {int: int, float: float, bool: bool}.get(info.annotation, str)  # type: ignore[arg-type]


def _validated(model: type[S], given: dict[str, Any]) -> S:
    try:
        return model(**given)
    except ValidationError as error:
        raise click.UsageError("; ".join(_fault(fault) for fault in error.errors(include_input=False))) from None


def _fault(fault: Any) -> str:
    said = str(fault["msg"]).removeprefix("Value error, ")
    return f"PATHBOUND_{str(fault['loc'][0]).upper()}: {said}" if fault["loc"] else said


async def _told(work: Coroutine[Any, Any, None], settings: Settings) -> None:
    try:
        await work
    except FeedRequestError as refused:
        raise click.UsageError(str(refused)) from None
    except (SetupError, StoreRefusedError, StreamRefusedError) as told:
        raise click.ClickException(str(told)) from None
    except ExceptionGroup as group:
        # What a loop beside the command's own work raised.
        refused_there, other = group.split(SetupError)
        if refused_there is None or other is not None:
            raise
        raise click.ClickException(str(refused_there.exceptions[0])) from None
    except StoreUnavailableError:
        message = (
            "MongoDB cannot be used: check that it runs as a replica set, that PATHBOUND_MONGO_URL points to it, and "
            "PATHBOUND_MONGO_TLS_CA_FILE if it asks for TLS."
        )
        raise click.ClickException(message) from None
    except StreamUnavailableError:
        bootstrap = getattr(settings, "kafka_bootstrap", "")
        message = (
            f"Kafka cannot be used at {bootstrap}: check that it runs, PATHBOUND_KAFKA_BOOTSTRAP, and "
            "PATHBOUND_KAFKA_SECURITY_PROTOCOL."
        )
        raise click.ClickException(message) from None


def tenant_option(description: str, **settings: Any) -> Callable[[_Command], _Command]:
    """The option --tenant, checked."""
    return click.option("--tenant", callback=_tenant, help=description, **settings)


def _tenant(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    try:
        return None if value is None else _TENANT.validate_python(value)
    except ValidationError:
        raise click.BadParameter(f"must match {TENANT_PATTERN}") from None


def stop_on_signals() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set. A second signal ends the process at once, but not within the first second:
    `timeout` and others send one to the process and its group, which is the same wish told twice."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    first = 0.0

    def on_signal() -> None:
        nonlocal first
        if not stop.is_set():
            first = loop.time()
            stop.set()
        elif loop.time() - first >= _SAME_WISH_SECONDS:
            sys.exit(1)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    return stop
