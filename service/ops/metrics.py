"""Every metric, in one list. A part of the system imports the ones it moves; nobody makes one elsewhere.

Labels are few and bounded: never a tenant, an id, a key or an address.
"""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

# --- Consumers -------------------------------------------------------------------------------------------------------

# Records by what became of them: stored, parked, duplicate, erased, dead_lettered. Each record is counted once per time
# it is handled; the ledger (`pathbound ledger`) counts each once, over all processes and all time.
CONSUMER_RECORDS: Final = Counter(
    "pathbound_consumer_records_total", "Records handled, by outcome.", ["source", "outcome"]
)
# Events that joined a contact's timeline while their batch was handled (a part of stored, parked and duplicate).
CONSUMER_LINKED: Final = Counter(
    "pathbound_consumer_linked_events_total", "Events linked to a contact as they arrived.", ["source"]
)
# Identities that name nobody (`undefined`, `0`, too long): the event is stored and not linked by them.
CONSUMER_REFUSED_IDENTITIES: Final = Counter(
    "pathbound_consumer_refused_identities_total", "Identities that were not believed.", ["source"]
)
# Events that went to the contact of their external id while their visitor id is another contact's, and stays there.
# Many of them mean shared devices, or an external id given to the wrong person.
VISITOR_CONFLICTS: Final = Counter(
    "pathbound_visitor_conflicts_total", "Events whose visitor id is another contact's than their external id."
)
# Small batches under load mean too many partitions for too little traffic, or a slow fetch.
CONSUMER_BATCH_RECORDS: Final = Histogram(
    "pathbound_consumer_batch_records",
    "Records in a batch.",
    ["source"],
    buckets=(1, 5, 10, 25, 50, 100, 250, 500, 1000),
)
# From the first try to the commit, waiting included.
CONSUMER_BATCH_SECONDS: Final = Histogram(
    "pathbound_consumer_batch_seconds",
    "Seconds from taking a batch to committing it.",
    ["source"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
# From Kafka's having a record to its being done with, waiting in the topic included; a redriven record counts from when
# Kafka first had it. What somebody waits who looks at a timeline.
CONSUMER_DELAY_SECONDS: Final = Histogram(
    "pathbound_consumer_delay_seconds",
    "Seconds from a record's arrival in Kafka to its commit.",
    ["source"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600),
)
# Rises while MongoDB or Kafka is away; `stage` is handle, count, dead_letter, commit or connect, `error` the error's
# class.
CONSUMER_RETRIES: Final = Counter(
    "pathbound_consumer_retries_total", "Steps that failed and are tried again.", ["source", "stage", "error"]
)
# Records between the last finished one and the end of the partition.
CONSUMER_LAG: Final = Gauge("pathbound_consumer_lag_records", "Records not yet handled.", ["topic", "partition"])
# Poison. Anything but a flat line wants a look: `pathbound dlq list`.
CONSUMER_DEAD_LETTERS: Final = Counter(
    "pathbound_consumer_dead_letters_total", "Records put on a dead letter topic.", ["source", "error_class"]
)
# Dead letters kept and not sent again. Every consumer of a source tells the same number: take the maximum.
DEAD_LETTERS_WAITING: Final = Gauge("pathbound_dead_letters_waiting", "Dead letters kept and not redriven.", ["topic"])
# Partitions assigned to this process; zero is normal where there are more processes than partitions.
CONSUMER_PARTITIONS: Final = Gauge("pathbound_consumer_partitions", "Partitions assigned to this process.", ["source"])
# Batches being handled now, those that wait for another try included.
CONSUMER_IN_FLIGHT: Final = Gauge("pathbound_consumer_batches_in_flight", "Pieces of work in hand.", ["source"])
# When the poll loop last went round.
CONSUMER_LAST_PROGRESS: Final = Gauge(
    "pathbound_consumer_last_progress_timestamp_seconds", "Unix time of the loop's last round.", ["source"]
)

# --- API -------------------------------------------------------------------------------------------------------------

# Requests by method, route template (never the raw path) and status; 499 is a client that went away.
HTTP_REQUEST_SECONDS: Final = Histogram(
    "pathbound_http_request_seconds",
    "Seconds from a request's head to its answer's end.",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

# --- Outbox relay ----------------------------------------------------------------------------------------------------

# Records that Kafka has acknowledged, a repeat after a lost answer included.
RELAY_PUBLISHED: Final = Counter("pathbound_relay_published_total", "Outbox records published.", ["shard"])
# Each batch is one Kafka transaction.
RELAY_BATCH_RECORDS: Final = Histogram(
    "pathbound_relay_batch_records", "Records in a batch.", buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000)
)
# From the change to Kafka's acknowledgement: what a subscriber waits for. Grows with a backlog.
RELAY_DELAY_SECONDS: Final = Histogram(
    "pathbound_relay_publish_delay_seconds",
    "Seconds from a record's commit to its publication.",
    buckets=(0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600),
)
# By shards this relay holds, counted up to 100,000 each; looked at every few seconds.
RELAY_BACKLOG: Final = Gauge("pathbound_relay_backlog_records", "Outbox records that wait.", ["shard"])
# Alarm on this one: it grows whenever nothing is published, whatever the reason.
RELAY_OLDEST_SECONDS: Final = Gauge(
    "pathbound_relay_oldest_age_seconds", "Seconds since the commit of the shard's oldest waiting record.", ["shard"]
)
# 1 while this process holds the shard's lease. The sum over all relays must be the number of shards.
RELAY_LEASE: Final = Gauge("pathbound_relay_lease_held", "Whether this relay holds the shard's lease.", ["shard"])
# The same three for `contacts.timeline`, which waits for the sweep: an oldest age of a second or two is normal.
RELAY_TIMELINE_PUBLISHED: Final = Counter(
    "pathbound_relay_timeline_published_total", "Events published to contacts.timeline.", ["shard"]
)
RELAY_TIMELINE_BACKLOG: Final = Gauge(
    "pathbound_relay_timeline_backlog_events", "Events that wait for contacts.timeline.", ["shard"]
)
RELAY_TIMELINE_OLDEST_SECONDS: Final = Gauge(
    "pathbound_relay_timeline_oldest_age_seconds", "Seconds since the shard's oldest waiting event came.", ["shard"]
)
