"""What `pathbound feed tail` prints of an event whose names strangers chose."""

from datetime import UTC, datetime

from deploy.cli.feed_tail import _line
from service.feed.model import FeedRecord


def test_a_strangers_name_does_nothing_to_the_terminal_and_makes_no_line() -> None:
    told = {"source": "tracker", "event": "a\x1b[2J\x9b2J\nb", "timestamp": "2026-11-23T09:00:00.000Z"}
    event = {"tenantid": "acme", "type": "timeline.event_added", "data": {"event": told}}
    record = FeedRecord(0, 0, datetime(2026, 11, 23, tzinfo=UTC), "ct_1", event, None, ())
    line = _line(record, event)
    assert line.isprintable()
    assert r"tracker a\x1b[2J\x9b2J\nb of 2026-11-23T09:00:00.000Z" in line
