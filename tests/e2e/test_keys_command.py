"""`pathbound keys` and what the command says of bad settings."""

import json
from typing import Any

import aiohttp
import pytest

from deploy.bootstrap import build_core
from service.mongo.store import MongoStore
from service.settings import MongoSettings
from tests.support.api import serve
from tests.support.commands import pathbound, pathbound_bytes


async def status_with(store: MongoStore, api_key: str) -> int:
    headers = {"Authorization": f"Bearer {api_key}"}
    async with (
        serve(build_core(store)) as url,
        aiohttp.ClientSession(url) as http,
        http.get("/v1/auth/status", headers=headers) as response,
    ):
        return response.status


async def test_a_key_is_made_listed_and_revoked(store: MongoStore, env: dict[str, str]) -> None:
    made = pathbound("keys", "create", "--tenant", "acme", "--scope", "contacts:read", "--name", "ci", "--json", **env)
    key: dict[str, Any] = json.loads(made.stdout)
    assert (key["tenant_id"], key["scopes"], key["name"]) == ("acme", ["contacts:read"], "ci")
    assert await status_with(store, key["api_key"]) == 200

    listed = pathbound("keys", "list", "--tenant", "acme", **env).stdout
    assert key["key_id"] in listed
    assert key["api_key"] not in listed
    assert "active" in listed
    kept = await store.database["api_keys"].find_one({"_id": key["key_id"]})
    assert key["api_key"].split("_", 2)[2] not in str(kept)

    # A name does nothing to the terminal, and makes no line that looks like another key's.
    named = pathbound("keys", "create", "--tenant", "b", "--scope", "contacts:read", "--name", "a\x1b[2J\nb", **env)
    assert named.returncode == 0
    [line] = pathbound("keys", "list", "--tenant", "b", **env).stdout.splitlines()
    assert line.endswith(r"  a\x1b[2J\nb")

    assert pathbound("keys", "revoke", key["key_id"], **env).returncode == 0
    assert "revoked" in pathbound("keys", "list", "--tenant", "acme", **env).stdout
    assert await status_with(store, key["api_key"]) == 401
    unknown = pathbound("keys", "revoke", "key_nothing", **env)
    assert unknown.returncode == 1
    assert "pathbound keys list" in unknown.stderr


async def test_a_scope_of_a_later_version_does_not_spoil_a_key(store: MongoStore, env: dict[str, str]) -> None:
    """After a rollback the key does what this version knows of."""
    made = pathbound("keys", "create", "--tenant", "acme", "--scope", "contacts:read", "--json", **env)
    key: dict[str, Any] = json.loads(made.stdout)
    await store.database["api_keys"].update_one({"_id": key["key_id"]}, {"$push": {"scopes": "contacts:merge"}})
    assert await status_with(store, key["api_key"]) == 200
    assert "contacts:read" in pathbound("keys", "list", "--tenant", "acme", **env).stdout


async def test_a_publishable_key_is_made_for_origins(store: MongoStore, env: dict[str, str]) -> None:
    origins = ("--origin", "https://WWW.Example.com/", "--origin", "http://127.0.0.1:3000")
    made = pathbound("keys", "create", "--tenant", "acme", "--publishable", *origins, "--json", **env)
    key: dict[str, Any] = json.loads(made.stdout)
    assert key["scopes"] == ["track:write"]
    assert key["origins"] == ["https://www.example.com", "http://127.0.0.1:3000"]
    assert key["api_key"].startswith("pbp_")
    assert "https://www.example.com" in pathbound("keys", "list", **env).stdout
    assert await store.api_keys.serves_origin("https://www.example.com")
    assert pathbound("keys", "revoke", key["key_id"], **env).returncode == 0
    assert not await store.api_keys.serves_origin("https://www.example.com")


async def test_a_webhooks_secret_is_taken_from_whatever_wrote_it(store: MongoStore, env: dict[str, str]) -> None:
    """A byte order mark was kept as a part of it, so that every webhook was refused; a byte that is no text crashed."""
    arguments = ("webhooks", "intercom", "set", "--tenant", "acme")
    assert pathbound_bytes(*arguments, typed=b"\xef\xbb\xbfhush-secret\r\n", **env).returncode == 0
    assert await store.webhook_secrets.get("acme", "intercom") == "hush-secret"
    refused = pathbound_bytes(*arguments, typed=b"hush\xff\n", **env)
    assert (refused.returncode, b"is not UTF-8" in refused.stderr) == (2, True), refused
    assert await store.webhook_secrets.get("acme", "intercom") == "hush-secret"


async def test_a_webhooks_secret_is_set_unseen_listed_unseen_and_removed(
    store: MongoStore, env: dict[str, str]
) -> None:
    done = pathbound("webhooks", "intercom", "set", "--tenant", "acme", typed="hush-secret\n", **env)
    assert (done.returncode, "/v1/webhooks/intercom/acme" in done.stdout) == (0, True)
    assert await store.webhook_secrets.get("acme", "intercom") == "hush-secret"
    listed = pathbound("webhooks", "intercom", "list", **env)
    assert "acme" in listed.stdout
    assert "hush-secret" not in done.stdout + done.stderr + listed.stdout + listed.stderr
    assert pathbound("webhooks", "intercom", "set", "--tenant", "acme", **env).returncode == 2, "nothing was given"
    assert pathbound("webhooks", "intercom", "remove", "--tenant", "acme", **env).returncode == 0
    assert await store.webhook_secrets.get("acme", "intercom") is None
    again = pathbound("webhooks", "intercom", "remove", "--tenant", "acme", **env)
    assert (again.returncode, "webhooks intercom list" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "env", "status", "sentence"),
    [
        (["keys", "create", "--tenant", "x"], {}, 2, "--scope"),
        (["keys", "create", "--tenant", "x", "--publishable"], {}, 2, "--origin"),
        (
            ["keys", "create", "--tenant", "x", "--scope", "events:read", "--origin", "https://a.example"],
            {},
            2,
            "--origin",
        ),
        (["keys", "create", "--tenant", "x", "--publishable", "--origin", "a.example"], {}, 2, "must be an origin"),
        (["webhooks", "intercom", "set", "--tenant", "$x"], {}, 2, "--tenant"),
        (["keys", "create", "--tenant", "$x", "--scope", "contacts:read"], {}, 2, "--tenant"),
        (["keys", "create", "--tenant", "x", "--scope", "everything"], {}, 2, "--scope"),
        (["keys", "list"], {"PATHBOUND_MONGO_TIMEOUT_MS": "soon"}, 2, "PATHBOUND_MONGO_TIMEOUT_MS"),
        (["init", "--topic-partitions", "0"], {}, 2, "PATHBOUND_TOPIC_PARTITIONS"),
        (["keys", "list"], {"PATHBOUND_MONGO_URL": "mongodb://127.0.0.1:1/?replicaSet=rs0"}, 1, "PATHBOUND_MONGO_URL"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    arguments: list[str], env: dict[str, str], status: int, sentence: str
) -> None:
    told = pathbound(*arguments, **{"PATHBOUND_MONGO_TIMEOUT_MS": "500"} | env)
    assert told.returncode == status
    assert sentence in told.stderr
    assert "Traceback" not in told.stderr


def test_secrets_in_settings_are_masked() -> None:
    settings = MongoSettings(mongo_url="mongodb://user:hush@db.example/")
    assert "hush" not in repr(settings)
    assert "hush" not in settings.model_dump_json()
