"""The token bucket, with time in the test's hands."""

from service.api.rate_limit import Allowance, RateLimiter


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def take(limiter: RateLimiter, key_id: str = "a") -> Allowance:
    allowance = limiter.take(key_id)
    assert allowance is not None
    return allowance


def test_a_burst_then_the_rate() -> None:
    time = Time()
    limiter = RateLimiter(2, 3, time)
    assert [take(limiter).remaining for _ in range(3)] == [2, 1, 0]
    refused = take(limiter)
    assert (refused.retry_after, refused.remaining, refused.reset_seconds) == (1, 0, 2)
    time.now += 0.5
    assert take(limiter).retry_after == 0
    assert take(limiter).retry_after == 1


def test_waiting_as_long_as_told_is_enough() -> None:
    time = Time()
    limiter = RateLimiter(0.1, 1, time)
    take(limiter)
    refused = take(limiter)
    assert refused.retry_after == 10
    time.now += refused.retry_after
    assert take(limiter).retry_after == 0


def test_a_bucket_holds_no_more_than_the_burst() -> None:
    time = Time()
    limiter = RateLimiter(5, 2, time)
    take(limiter)
    time.now += 3600
    assert [take(limiter).retry_after for _ in range(3)] == [0, 0, 1]


def test_a_part_of_a_token_is_none() -> None:
    time = Time()
    limiter = RateLimiter(2, 1, time)
    take(limiter)
    time.now += 0.25
    refused = take(limiter)
    assert (refused.retry_after, refused.remaining) == (1, 0)


def test_a_bucket_is_forgotten_once_it_is_full_and_no_earlier() -> None:
    time = Time()
    limiter = RateLimiter(1, 3, time)
    assert [take(limiter, "a").remaining for _ in range(3)] == [2, 1, 0]
    time.now += 2
    take(limiter, "b")
    assert take(limiter, "a").remaining == 1, "it had two tokens, not a new bucket's three"
    time.now += 3
    take(limiter, "b")
    assert len(limiter) == 1


def test_keys_do_not_spend_each_others_tokens() -> None:
    limiter = RateLimiter(1, 1, Time())
    assert [take(limiter, key_id).retry_after for key_id in "abab"] == [0, 0, 1, 1]


def test_zero_is_no_limit() -> None:
    limiter = RateLimiter(0, 1, Time())
    assert [limiter.take("a") for _ in range(3)] == [None, None, None]
    assert len(limiter) == 0


def test_memory_is_bounded_and_the_busy_are_kept() -> None:
    limiter = RateLimiter(1, 5, Time(), max_buckets=3)
    for key_id in ("a", "busy", "b", "busy", "c", "d", "busy", "busy"):
        take(limiter, key_id)
    assert len(limiter) == 3
    assert take(limiter, "busy").remaining == 0


def test_headers() -> None:
    assert take(RateLimiter(10, 20, Time())).headers == {
        "RateLimit-Limit": "20",
        "RateLimit-Remaining": "19",
        "RateLimit-Reset": "1",
    }
