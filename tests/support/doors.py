"""Pages and providers, as they knock at the doors for sources."""

import hashlib
import hmac
import io
import json
from typing import Any

from deploy.bootstrap import Core
from tests.support.api import ApiUser, Reply

SITE = "https://www.shop.example"
VISIT = {"event": "page_view", "visitorId": "v-1", "url": f"{SITE}/", "message_id": "m-1"}
CORS = "Access-Control-Allow-Origin"


async def page_key(core: Core, tenant_id: str, *origins: str) -> str:
    """A publishable key's text."""
    _, text = await core.use_cases.access_keys.issue_publishable(tenant_id, "site", origins or (SITE,))
    return text


async def beacon(user: ApiUser, key: str, body: Any, origin: str | None = SITE, **given: Any) -> Reply:
    """As `navigator.sendBeacon(url, text)` sends it: no header of one's own, and plain text."""
    headers = {"Content-Type": "text/plain;charset=UTF-8"} | ({"Origin": origin} if origin else {})
    data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    async with user.http.post("/v1/track", params={"key": key}, data=data, headers=headers, **given) as response:
        return Reply(response.status, response.headers, await response.json())


async def preflight(user: ApiUser, origin: str | None) -> Reply:
    """What a browser asks before a request with a header of its own."""
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    headers = asked | ({"Origin": origin} if origin else {})
    async with user.http.options("/v1/track", headers=headers) as response:
        return Reply(response.status, response.headers, await response.read())


async def notify(user: ApiUser, tenant_id: str, secret: str, body: bytes, **headers: str) -> Reply:
    """As Intercom sends it."""
    signature = f"sha1={hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()}"
    signed = {"Content-Type": "application/json", "X-Hub-Signature": signature} | headers
    async with user.http.post(f"/v1/webhooks/intercom/{tenant_id}", data=io.BytesIO(body), headers=signed) as response:
        return Reply(response.status, response.headers, await response.json())
