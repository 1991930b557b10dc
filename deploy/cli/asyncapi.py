"""`pathbound asyncapi`."""

import json
from pathlib import Path

import click

from schemas.evolution import breaks
from schemas.published import dataschemas
from service.api.docs import asyncapi_text

SCHEMAS = Path(__file__).parents[2] / "schemas"
COMMITTED = SCHEMAS / "asyncapi.json"
DATASCHEMAS = SCHEMAS / "dataschemas"


@click.command()
@click.option("--write", is_flag=True, help="Write it, and schemas/dataschemas/, into this checkout instead.")
def asyncapi(write: bool) -> None:
    """Print the description of what is on Kafka (AsyncAPI 3.0), as it is served at /asyncapi.json."""
    if not write:
        click.echo(asyncapi_text(), nl=False)
        return
    faults = broken()
    if faults:
        raise click.ClickException(
            f"Subscribers would break, and nothing was written; change by addition, or make a new version. {faults[0]}"
        )
    COMMITTED.write_text(asyncapi_text())
    DATASCHEMAS.mkdir(exist_ok=True)
    for name, schema in dataschemas().items():
        (DATASCHEMAS / name).write_text(schema_text(schema))
    click.echo(f"Wrote {COMMITTED} and {DATASCHEMAS}.")


def schema_text(schema: dict[str, object]) -> str:
    """A schema as it is committed."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def broken() -> list[str]:
    """What a subscriber that knows the committed schemas could stumble over in those of the models."""
    current = dataschemas()
    faults = []
    for path in sorted(DATASCHEMAS.glob("*.json")):
        if path.name not in current:
            faults.append(f"{path.name}: the type is gone.")
            continue
        faults += [f"{path.name}: {fault}" for fault in breaks(json.loads(path.read_text()), current[path.name])]
    return faults
