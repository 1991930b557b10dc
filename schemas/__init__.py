"""Data that crosses a boundary: HTTP bodies, Kafka records, error codes. No I/O and no clock in here."""
