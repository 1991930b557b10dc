"""`pathbound dlq redrive`, where a topic takes less than a letter has by now."""

import pytest

from schemas.topics import MAX_RECORD_BYTES
from tests.integration.test_dlq_command import Letters, dlq, letters

__all__ = ["letters"]  # the fixture

AS_LARGE_AS_IT_MAY_BE = b"x" * (MAX_RECORD_BYTES - 100)


@pytest.mark.parametrize("behind", [3, 150])
async def test_a_letter_that_its_topic_refuses_keeps_no_other_back(
    letters: Letters, env: dict[str, str], behind: int
) -> None:
    small = [b"%d" % n for n in range(behind)]
    await letters.put(b"first", AS_LARGE_AS_IT_MAY_BE, *small)

    (told,) = await dlq(env, "redrive")

    assert (told["sent"], told["too_large"]) == (1 + behind, 1)
    assert [record.value for record in await letters.source()] == [b"first", *small]
