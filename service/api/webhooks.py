"""The doors for providers' webhooks."""

from aiohttp import web

from schemas.answers import Success
from schemas.errors import ErrorCode
from schemas.webhooks import IntercomNotification
from service.api.access import INTERCOM_SIGNATURE
from service.api.endpoint import Call, Endpoint, success
from service.api.validation import ANY_TYPE

INTERCOM_PATH = "/v1/webhooks/intercom/{tenant}"


async def intercom_webhook(call: Call) -> web.Response:
    """Signed with the client secret that was set for the tenant (`pathbound webhooks intercom set`): `X-Hub-Signature`
    is `sha1=` and the HMAC-SHA1 of the raw body, in hexadecimal. A wrong signature and an unknown tenant get the same
    answer. 202 says that Kafka has the notification; after 503 Intercom sends it again, and it is stored once."""
    await call.use_cases.intercom(call.caller(), await call.request.read(), call.body.root)
    return success(202)


async def url_is_there(_: web.Request) -> web.Response:
    """Intercom asks for the address before it uses it. The answer is the same for any tenant."""
    return web.Response()


ENDPOINTS = (
    Endpoint(
        "POST",
        INTERCOM_PATH,
        None,
        intercom_webhook,
        "Receive a notification from Intercom.",
        body=IntercomNotification,
        consumes=(ANY_TYPE,),  # its signature says that it is right, whatever it calls itself
        answer=Success,
        status=202,
        errors=(ErrorCode.STREAM_UNAVAILABLE,),
        access=INTERCOM_SIGNATURE,
    ),
)
ROUTES = (web.head(INTERCOM_PATH, url_is_there),)
