"""What providers' webhooks deliver."""

from typing import Any

from pydantic import RootModel


class IntercomNotification(RootModel[dict[str, Any]]):
    """A notification as Intercom sends it; any of its versions."""
