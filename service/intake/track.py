"""Visitor events from browsers: validated already, they are put on `tracker.events` and nothing else."""

from collections.abc import Sequence

from schemas.topics import TRACKER_EVENTS
from schemas.tracker import BrowserEvent, TrackerEnvelope
from schemas.visitor_ids import MAX_IDENTITY_LENGTH
from service.contacts.context import Caller
from service.intake.model import InboundRecord
from service.intake.ports import InboundPublisher


class TrackIntake:
    """The use-case behind `POST /v1/track`."""

    def __init__(self, publisher: InboundPublisher) -> None:
        self._publisher = publisher

    async def __call__(self, caller: Caller, events: Sequence[BrowserEvent], user_agent: str | None) -> int:
        """Kafka has all of them on return; how many. `user_agent` is for those that name none.

        The same events sent again are the same records, so that the consumer stores each once. Raises
        StreamUnavailableError.
        """
        await self._publisher.publish([_record(caller, event, user_agent) for event in events])
        return len(events)


def _record(caller: Caller, event: BrowserEvent, user_agent: str | None) -> InboundRecord:
    said = {name: getattr(event, name) for name in event.model_fields_set}
    if event.userAgent is None and user_agent:
        said["userAgent"] = user_agent
    envelope = TrackerEnvelope.model_construct(tenant_id=caller.tenant_id, **said)
    return InboundRecord(
        topic=TRACKER_EVENTS,
        # A longer one is nobody's id, and going through all of it takes the event loop's time.
        key=event.visitorId[:MAX_IDENTITY_LENGTH].encode() if event.visitorId else None,
        value=envelope.model_dump_json(exclude_unset=True).encode(),
        request_id=caller.request_id,
        traceparent=caller.traceparent,
    )
