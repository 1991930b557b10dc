"""`pathbound openapi`."""

from pathlib import Path

import click

from service.api.app import ENDPOINTS
from service.api.docs import openapi_text

COMMITTED = Path(__file__).parents[2] / "schemas" / "openapi.json"


@click.command()
@click.option("--write", is_flag=True, help="Write it to schemas/openapi.json of this checkout instead of printing it.")
def openapi(write: bool) -> None:
    """Print the HTTP API's description (OpenAPI 3.1), as it is served at /openapi.json."""
    text = openapi_text(ENDPOINTS)
    if not write:
        click.echo(text, nl=False)
        return
    COMMITTED.write_text(text)
    click.echo(f"Wrote {COMMITTED}.")
