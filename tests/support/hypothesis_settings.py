"""Settings that hypothesis tests share."""

from hypothesis import HealthCheck, settings

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The first example of a process pays for tables that are built once, and the machine may be busy."""
