"""What a key is."""

from aiohttp import web

from schemas.answers import AuthStatusAnswer
from service.api.endpoint import Call, Endpoint, success


async def auth_status(call: Call) -> web.Response:
    """Any valid key may ask about itself."""
    return success(
        authenticated=True,
        auth_type="api_key",
        key_id=call.key.key_id,
        scopes=sorted(scope.value for scope in call.key.scopes),
        user={"tenant_id": call.key.tenant_id, "name": call.key.name},
    )


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/auth/status",
        None,
        auth_status,
        "Which key this is, and what it may do.",
        answer=AuthStatusAnswer,
    ),
)
