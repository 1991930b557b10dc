"""Which partition a key goes to: the same as with aiokafka's own choice, and so with Java's."""

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from service.kafka import producers
from service.kafka.producers import partition_of_key


@given(st.binary(max_size=64) | st.binary(min_size=250, max_size=300), st.integers(1, 50))
def test_a_key_goes_where_every_other_client_puts_it(key: bytes, partitions: int) -> None:
    everyone = list(range(partitions))
    assert partition_of_key(key, everyone, everyone[:1]) == DefaultPartitioner()(key, everyone, everyone)


def test_without_a_key_any_partition_that_is_there_will_do() -> None:
    assert partition_of_key(None, [0, 1, 2], [1]) == 1
    assert partition_of_key(None, [2], []) == 2


def test_a_long_key_is_not_kept_in_mind() -> None:
    before = producers._remembered_hash.cache_info().currsize
    partition_of_key(b"x" * 600, [0, 1, 2], [])
    assert producers._remembered_hash.cache_info().currsize == before
