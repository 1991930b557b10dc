"""`pathbound`: one command for everything."""

import click

from deploy.cli.api import api
from deploy.cli.asyncapi import asyncapi
from deploy.cli.consume import consume
from deploy.cli.dlq import dlq
from deploy.cli.erase import erase
from deploy.cli.feed import feed
from deploy.cli.init import init
from deploy.cli.keys import keys
from deploy.cli.ledger import ledger
from deploy.cli.openapi import openapi
from deploy.cli.profiles import profiles
from deploy.cli.relay import relay
from deploy.cli.seed import seed
from deploy.cli.send import send
from deploy.cli.trace import trace
from deploy.cli.up import up
from deploy.cli.webhooks import webhooks


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="pathbound-contacts", prog_name="pathbound")
def pathbound() -> None:
    """Pathbound Contacts: a contacts service with an HTTP API, a change feed on Kafka, and timelines that visitor
    events are stitched into.

    Every option is also an environment variable (named in each command's --help); options win.
    """


for command in (
    up,
    api,
    relay,
    consume,
    init,
    keys,
    webhooks,
    profiles,
    erase,
    seed,
    send,
    feed,
    dlq,
    ledger,
    trace,
    openapi,
    asyncapi,
):
    pathbound.add_command(command)


def main() -> None:
    """The entry point."""
    pathbound(prog_name="pathbound", auto_envvar_prefix=None)


if __name__ == "__main__":
    main()
