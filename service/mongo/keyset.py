"""Keyset paging: what comes behind a position in a sort by time and id, so that page 10,000 costs what page 1 does."""

from datetime import datetime

from service.mongo.documents import Document


def behind(order: str, position: tuple[datetime, str], *, newest_first: bool) -> Document:
    """Criteria for it. `order` is the field with the time, `position` the time and id of the last one given out.

    The bound on the time lets the index start at the position. The rest settles ties; as an $or, it would invite the
    planner to walk the `_id` index, across tenants.
    """
    moment, last_id = position
    onward, given_out = ("$lte", "$gte") if newest_first else ("$gte", "$lte")
    return {order: {onward: moment}, "$nor": [{order: moment, "_id": {given_out: last_id}}]}
