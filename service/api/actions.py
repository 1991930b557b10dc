"""Routes of actions."""

from typing import Any

from aiohttp import web
from pydantic import Field, RootModel

from schemas.actions import ActionStatus, ActionType, ExecuteAction
from schemas.answers import COUNTED_EXACTLY, ActionAnswer, ActionExecutedAnswer, ActionListAnswer
from schemas.errors import ErrorCode
from schemas.scopes import Scope
from service.actions.execute import summary_of
from service.actions.model import Action, ActionQuery
from service.actions.view import action_object
from service.api.endpoint import Call, Endpoint, success
from service.api.paging import PageParameters, Text


class ExecuteActionBody(RootModel[ExecuteAction]):
    """The body of `POST /v1/actions`."""


class ActionParameters(PageParameters):
    """The query of `GET /v1/actions`."""

    contact_id: Text | None = Field(None, description="Only actions on this contact, deleted or not.")
    type: ActionType | None = Field(None, description="Only actions of this type.")
    status: ActionStatus | None = Field(None, description="Only actions in this state.")
    fields: None = None


async def execute_action(call: Call) -> web.Response:
    """Executed at once: 201 with the action."""
    return _executed(await call.use_cases.execute_action(call.caller(_executed), call.body.root))


async def list_actions(call: Call) -> web.Response:
    """A page of the tenant's actions, newest first."""
    asked: ActionParameters = call.query
    query = _query(call.tenant_id, asked)
    if asked.count_only:
        return success(count=await call.use_cases.actions.count(query, None))
    counted = asked.known_total
    if counted is None:
        counted = await call.use_cases.actions.count(query, COUNTED_EXACTLY + 1)
    found = await call.use_cases.actions.page(query)
    shown = found[: asked.limit]
    behind = (shown[-1].created_at, shown[-1].action_id) if len(found) > len(shown) else None
    return success(actions=[action_object(action) for action in shown], pagination=asked.pagination(counted, behind))


async def get_action(call: Call) -> web.Response:
    """One action."""
    return success(action=action_object(await call.use_cases.actions.one(call.tenant_id, call.part("action_id"))))


def _query(tenant_id: str, asked: ActionParameters) -> ActionQuery:
    return ActionQuery(
        tenant_id,
        contact_id=asked.contact_id,
        type=asked.type,
        status=asked.status,
        # One more than asked for tells whether there is a next page.
        limit=asked.limit + 1,
        offset=asked.offset,
        behind=asked.moment_position,
    )


def _executed(action: Action) -> web.Response:
    told: dict[str, Any] = {"action_summary": summary_of(action), "action": action_object(action)}
    return success(201, action_id=action.action_id, **told)


_ALL = "/v1/actions"

ENDPOINTS = (
    Endpoint(
        "POST",
        _ALL,
        Scope.ACTIONS_WRITE,
        execute_action,
        "Execute an action.",
        body=ExecuteActionBody,
        answer=ActionExecutedAnswer,
        status=201,
        errors=(ErrorCode.CONTACT_NOT_FOUND, ErrorCode.EMAIL_TAKEN, ErrorCode.VISITOR_ID_TAKEN),
    ),
    Endpoint(
        "GET",
        _ALL,
        Scope.ACTIONS_READ,
        list_actions,
        "Actions, newest first.",
        query=ActionParameters,
        answer=ActionListAnswer,
    ),
    Endpoint("GET", "/v1/actions/{action_id}", Scope.ACTIONS_READ, get_action, "One action.", answer=ActionAnswer),
)
