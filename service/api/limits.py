"""How much one client may ask for, and for how long."""

from dataclasses import dataclass

from aiohttp import web

from service.api.rate_limit import RateLimiter


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """The API's limits; see `service.settings.ApiSettings` for what each means."""

    rate_limit_per_second: float = 1000.0
    rate_limit_burst: int = 2000
    request_timeout_seconds: float = 15.0


LIMITS: web.AppKey[ApiLimits] = web.AppKey("limits", ApiLimits)
RATE_LIMITER: web.AppKey[RateLimiter] = web.AppKey("rate_limiter", RateLimiter)
