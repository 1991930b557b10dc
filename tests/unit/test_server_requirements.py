"""Which servers and databases a process takes up work on: pure judgements."""

import pytest

from service.mongo.migrations.record import too_new, too_old
from service.mongo.refusals import server_fault

MEMBER = {"setName": "rs0", "isWritablePrimary": True}


@pytest.mark.parametrize("version", ["5.0.0", "5.0.31", "6.0.5", "8.2.1", "10.0.0-rc1"])
def test_members_and_routers_of_a_supported_version_will_do(version: str) -> None:
    assert server_fault(dict(MEMBER), version) is None
    assert server_fault({"msg": "isdbgrid"}, version) is None


@pytest.mark.parametrize("version", ["4.4.29", "4.0.0", "3.6.23"])
def test_an_old_server_is_refused_with_the_version_that_is_needed(version: str) -> None:
    assert server_fault(dict(MEMBER), version) == f"MongoDB is too old ({version}): it must be 5.0 or above."


def test_a_server_of_its_own_is_refused() -> None:
    fault = server_fault({"isWritablePrimary": True}, "6.0.5")
    assert fault is not None
    assert "--replSet" in fault


DONE = {"finished_at": "then"}


def test_a_database_is_too_old_until_every_migration_is_done() -> None:
    assert too_old({}, "crm", latest=0) is None
    assert too_old({1: DONE, 2: DONE}, "crm", latest=2) is None
    for records, version in (({}, 0), ({1: DONE}, 1), ({1: DONE, 2: {}}, 1), ({2: DONE}, 0)):
        fault = too_old(records, "crm", latest=2)
        assert fault is not None
        assert f"crm is at version {version}, and this program needs version 2: run `pathbound init`" in fault


def test_a_database_is_too_new_where_a_migration_says_so() -> None:
    assert too_new({}, "crm", latest=2) is None
    assert too_new({3: {"usable_from": 2}}, "crm", latest=2) is None
    fault = too_new({3: {"usable_from": 3}, 4: {"usable_from": 0}}, "crm", latest=2)
    assert fault is not None
    assert "crm was migrated to version 4" in fault
    assert "version 2: start the newer program" in fault
