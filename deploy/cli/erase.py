"""`pathbound erase`."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

import click
from pydantic_core import PydanticCustomError

from deploy.bootstrap import Core, open_core
from deploy.cli.options import stop_on_signals, tenant_option, with_settings
from deploy.cli.progress import NowAndThen
from schemas.contacts import normalise_email
from schemas.timestamps import iso_millis
from service.contacts.context import Caller
from service.erasure.erase import ErasureHeldError, ErasureStoppedError
from service.erasure.model import Erasure, Subject
from service.errors import ContactNotFoundError
from service.identity.model import Identity, IdentityKind
from service.settings import MongoSettings

_LOOK_AGAIN_SECONDS = 1.0
_RETENTION = "What Kafka holds of the person ends with the retention of its topics: see deploy/docs/erasure.md."


@click.command()
@tenant_option("Whose contact it is.", required=True)
@click.option("--email", required=True, help="The person's e-mail address.")
@click.option("--visitor-id", "visitor_ids", multiple=True, help="A visitor id too (with --without-contact).")
@click.option("--external-id", "external_ids", multiple=True, help="An external id too (with --without-contact).")
@click.option("--without-contact", is_flag=True, help="Erase what is stored under the identities if nobody has them.")
@click.option("--dry-run", is_flag=True, help="Only tell how much is stored.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@with_settings(MongoSettings)
async def erase(
    settings: MongoSettings,
    tenant: str,
    email: str,
    visitor_ids: tuple[str, ...],
    external_ids: tuple[str, ...],
    without_contact: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Erase a person: the contact, its history, its part in conversations, what was and will be published of it.

    There is no way back. What comes of the person later is kept out, until somebody creates a contact with the address
    anew. A run that was cut off goes on where it was when the same command is given again.
    """
    identity = Identity(tenant, IdentityKind.EMAIL, _address(email))
    beside = [Identity(tenant, IdentityKind.VISITOR, one) for one in visitor_ids]
    beside += [Identity(tenant, IdentityKind.EXTERNAL, one) for one in external_ids]
    stop = stop_on_signals()
    async with open_core(settings) as core:
        await core.guard.check(core.store)
        owner = (await core.store.identities.owners([identity])).get(identity)
        if beside and not without_contact:
            raise click.UsageError("--visitor-id and --external-id need --without-contact: a contact has its own.")
        if dry_run:
            known = [identity] if owner is None else await core.store.remains.registered(tenant, owner)
            identities = dict.fromkeys([*known, *beside])
            counts = await core.erase.count(Subject(tenant, (owner,) if owner else (), tuple(identities)))
            _tell(counts, "would be erased", as_json=as_json)
            return
        erasure = await begin_or_go_on(core, identity, owner, beside if without_contact else None)
        erasures = [erasure]
        if more := [one for one in beside if one not in erasure.subject.identities]:
            erasures.append(await core.begin_erasure.of_identities(tenant, more))
        gone: Counter[str] = Counter()
        for one in erasures:
            gone.update(await _to_the_end(core, one, stop))
    _tell(gone, "erased", as_json=as_json)
    click.echo(_RETENTION, err=True)


def _address(email: str) -> str:
    try:
        return normalise_email(email)
    except PydanticCustomError:
        raise click.BadParameter("--email must be an e-mail address, such as ada@example.com.") from None


async def begin_or_go_on(core: Core, identity: Identity, owner: str | None, without: list[Identity] | None) -> Erasure:
    """A new erasure, or the one that was cut off. Raises ClickException where there is nobody to erase."""
    tenant = identity.tenant_id
    if owner is not None:
        with suppress(ContactNotFoundError):  # another process has begun with it, or has deleted the contact
            return await core.begin_erasure.of_contact(Caller(tenant, actor=None, request_id=None), owner)
    earlier = await core.begin_erasure.earlier(identity)
    known = earlier[1] if earlier else None
    if known is not None and known.done_at is None:
        click.echo("Going on with an erasure that was cut off.", err=True)
        return known
    if without is not None:
        return await core.begin_erasure.of_identities(tenant, [identity, *without])
    if known is not None and known.done_at is not None:
        raise click.ClickException(
            f"This person was erased on {iso_millis(known.done_at)}, and no contact has the address since."
        )
    raise click.ClickException(
        f"No contact of {tenant} has this address. What is stored under the address all the same (mail, say) is"
        " erased, and kept out from now on, with --without-contact."
    )


async def _to_the_end(core: Core, erasure: Erasure, stop: asyncio.Event) -> Mapping[str, int]:
    progress = NowAndThen()

    def so_far(gone: Mapping[str, int]) -> None:
        progress.say(f"{_in_words(gone)} so far ...")

    while True:
        try:
            return await core.erase(erasure.subject.tenant_id, erasure.erasure_id, so_far, stop)
        except (ErasureStoppedError, ErasureHeldError):
            if stop.is_set():
                click.echo("Stopped. The same command goes on from here.", err=True)
                sys.exit(1)
        progress.say("Another process has it in hand; waiting for that.")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK_AGAIN_SECONDS)


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count) or "nothing"


def _tell(counts: Mapping[str, int], fate: str, *, as_json: bool) -> None:
    told = json.dumps({name: count for name, count in counts.items() if count})
    click.echo(told if as_json else f"{_in_words(counts)}: {fate}.".capitalize())
