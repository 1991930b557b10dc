"""From bytes and query strings to validated models, with every fault named and none repeated."""

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar, get_args

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.errors import ErrorCode
from schemas.json_values import UnstorableValueError
from service.api.errors import RequestRefusedError

Model = TypeVar("Model", bound=BaseModel)

JSON_ONLY = ("application/json",)
ANY_TYPE = "*/*"
_MAX_TYPE_LENGTH = 128
_MAX_FIELD_LENGTH = 200
_MAX_DETAILS = 100
"""Faults that are told: a megabyte of them became an answer of seven."""
_INTEGER = re.compile(r"-?[0-9]{1,18}")


class Parameters(BaseModel):
    """A route's query. A parameter that it does not name is refused; this one names none."""

    model_config = ConfigDict(extra="forbid")


async def read_body(request: web.Request, model: type[Model], consumes: Sequence[str] = JSON_ONLY) -> Model:
    """The body, JSON of a media type in `consumes`, as `model`.

    Raises RequestRefusedError: 415 not JSON, or compressed; 400 malformed or not valid (aiohttp: 413).
    """
    _refuse_compressed(request)
    if ANY_TYPE not in consumes and not _is_one_of(consumes, request):
        raise RequestRefusedError(415, ErrorCode.NOT_JSON, "Send JSON in UTF-8, with Content-Type: application/json.")
    return validated(model, parse_json(await request.read()), "body")


async def refuse_body(request: web.Request) -> None:
    """Where none is taken, a body with anything in it: it asks for what would not be done.

    Raises RequestRefusedError: 415 compressed; 400 (aiohttp: 413).
    """
    if not request.can_read_body:
        return
    _refuse_compressed(request)
    raw = await request.read()
    if not raw.strip():
        return
    try:
        value = parse_json(raw)
    except RequestRefusedError:
        value = None
    names = [_shown(name) for name in value] if isinstance(value, dict) else [""]
    if names:
        fault = "is not taken: this request has parameters only, in its query"
        raise _failed("body", [(name, fault) for name in names])


def _refuse_compressed(request: web.Request) -> None:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        sentence = "Send the body as it is, without Content-Encoding."
        raise RequestRefusedError(415, ErrorCode.NOT_JSON, sentence, headers={"Accept-Encoding": "identity"})


def _is_one_of(consumes: Sequence[str], request: web.Request) -> bool:
    # aiohttp's parser takes half a second for a header of 8 KiB, and gives up with an error where it is nested.
    if len(request.headers.get("Content-Type", "")) > _MAX_TYPE_LENGTH:
        return False
    return request.content_type in consumes and (request.charset or "utf-8").lower() == "utf-8"


def read_query(request: web.Request, model: type[Model]) -> Model:
    """The query string as `model`; an unknown or repeated parameter is refused, not ignored."""
    repeated = [name for name in dict.fromkeys(request.query) if len(request.query.getall(name)) > 1]
    if repeated:
        raise _failed("query", [(_shown(name), "must be given once") for name in repeated])
    unreadable = [fault for name, text in request.query.items() if (fault := _misspelt(model, name, text))]
    if unreadable:
        raise _failed("query", unreadable)
    return validated(model, dict(request.query), "query")


def _misspelt(model: type[BaseModel], name: str, text: str) -> tuple[str, str] | None:
    """One way to write each value: pydantic would also read `yes` and `1` as true, and `1_0` and ` 10.0` as ten."""
    field = model.model_fields.get(name)
    kinds = (field.annotation, *get_args(field.annotation)) if field else ()
    if bool in kinds and text.lower() not in ("true", "false"):
        return name, "should be true or false"
    if int in kinds and not _INTEGER.fullmatch(text):
        return name, "should be a whole number"
    return None


def parse_json(raw: bytes) -> Any:
    """Strict JSON (RFC 8259, UTF-8): no NaN, no duplicate keys. Raises RequestRefusedError with status 400."""
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
    except UnicodeDecodeError:
        _malformed("it is not valid UTF-8")
    except RecursionError:
        _malformed("it is nested too deeply")
    except json.JSONDecodeError as error:
        _malformed(f"line {error.lineno}, column {error.colno} is where it breaks")
    except ValueError as error:
        # Python refuses integers of more than 4,300 digits; the other messages are our own.
        _malformed(str(error) if isinstance(error, _JsonRuleError) else "a number in it is too long")


class _JsonRuleError(ValueError):
    """A rule of ours, in words that repeat nothing of the body."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _JsonRuleError("an object in it has a key twice")
    return result


def _no_constant(_: str) -> NoReturn:
    raise _JsonRuleError("NaN and Infinity are no JSON")


def _malformed(reason: str) -> NoReturn:
    raise RequestRefusedError(400, ErrorCode.MALFORMED_JSON, f"The body is not valid JSON: {reason}.") from None


def validated(model: type[Model], value: Any, what: str) -> Model:
    """The value as `model`. Raises RequestRefusedError, with status 400 and its faults, the first hundred."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _failed(what, _details(error, is_one_of_several=_is_one_of_several(model))) from None
    except UnstorableValueError as error:
        raise _failed(what, [(_shown(error.path), error.message)]) from None
    except RecursionError:
        raise _failed(what, [("", "is nested too deeply")]) from None


def _is_one_of_several(model: type[BaseModel]) -> bool:
    root = model.model_fields.get("root")
    return root is not None and root.discriminator is not None


def _details(error: ValidationError, *, is_one_of_several: bool) -> list[tuple[str, str]]:
    details = []
    for fault in error.errors(include_url=False, include_input=False):
        cause = (fault.get("ctx") or {}).get("error")
        # Pydantic begins with which of several models it took, which nobody sent.
        place = ".".join(str(part) for part in fault["loc"][is_one_of_several:])
        if isinstance(cause, UnstorableValueError):
            path = ".".join(part for part in (place, cause.path) if part)
            details.append((_shown(path), cause.message))
        elif fault["type"] == "extra_forbidden":
            details.append((_shown(place), "is not a known field; remove it or check its spelling"))
        elif fault["type"] == "union_tag_invalid":
            # Pydantic's own message repeats the tag that was sent.
            expected = fault["ctx"]["expected_tags"]
            details.append((_shown(f"{place}.type".lstrip(".")), f"must be one of {expected}"))
        elif fault["type"] == "union_tag_not_found":
            details.append((_shown(f"{place}.type".lstrip(".")), "Field required"))
        else:
            details.append((_shown(place), _sentence(fault["msg"])))
    return details


def _sentence(message: str) -> str:
    return message.replace("Input should", "should") if message.startswith("Input should") else message


def _shown(name: str) -> str:
    """A name from the client, safe to give back: cut, and without what a terminal or a page might act on."""
    return "".join(char if char.isprintable() and char not in "<>&\"'`" else "\ufffd" for char in name)[
        :_MAX_FIELD_LENGTH
    ]


def _failed(what: str, details: list[tuple[str, str]]) -> RequestRefusedError:
    first = f"{details[0][0]} {details[0][1]}".strip() if details else "it is not valid"
    more = f" (and {len(details) - 1} more, see details)" if len(details) > 1 else ""
    sentence = f"The {what} failed validation: {first}{more}."
    return RequestRefusedError(400, ErrorCode.VALIDATION_FAILED, sentence, details=details[:_MAX_DETAILS])
