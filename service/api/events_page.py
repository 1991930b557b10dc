"""The description of what is on Kafka as a page: made once from the AsyncAPI document, without a script."""

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any

Json = dict[str, Any]

STYLE = """body { font: 16px/1.5 system-ui, sans-serif; color: #1b1f24; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { font-family: system-ui, sans-serif; line-height: 1.2; }
h2 { margin-top: 3rem; border-bottom: 1px solid #d0d7de; }
details { border: 1px solid #d0d7de; border-radius: 6px; margin: .5rem 0; padding: .5rem 1rem; }
summary { cursor: pointer; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #eaeef2; }
code, pre { font: 14px/1.4 ui-monospace, monospace; }
pre { background: #f6f8fa; padding: 1rem; overflow: auto; border-radius: 6px; }
@media (prefers-color-scheme: dark) {
  body { background: #0d1117; color: #e6edf3; }
  a { color: #58a6ff; }
  pre { background: #161b22; }
}
"""
_DEEPEST = 4


def events_page(document: Json) -> str:
    """The whole page. Every text in it is escaped."""
    title = escape(document["info"]["title"])
    body = "\n".join(_channel(document, name, channel) for name, channel in document["channels"].items())
    links = " · ".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in document["channels"])
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="events.css">
</head>
<body>
<h1>{title}</h1>
<p>For programs: <a href="../asyncapi.json">asyncapi.json</a> (AsyncAPI {escape(document["asyncapi"])}).
The HTTP API: <a href="../docs">docs</a>. Topics: {links}</p>
{body}
</body>
</html>
"""


def _channel(document: Json, name: str, channel: Json) -> str:
    actions = {one["channel"]["$ref"]: one["action"] for one in document["operations"].values()}
    reads = actions[f"#/channels/{name}"] == "receive"
    messages = "\n".join(
        _message(document, f"{name}.{key}", _resolved(document, reference))
        for key, reference in channel["messages"].items()
    )
    return f"""<h2 id="{escape(name)}">{escape(name)}</h2>
<p>{_text(channel["description"])}</p>
<p>{"The service reads this topic." if reads else "The service publishes to this topic."}</p>
{messages}"""


def _message(document: Json, anchor: str, message: Json) -> str:
    fields = "\n".join(
        f"<tr><td><code>{escape(path)}</code></td><td>{escape(kind)}</td><td>{_text(description)}</td></tr>"
        for path, kind, description in _fields(document, message["payload"], "", 0)
    )
    table = f"<table><tr><th>Field</th><th>Type</th><th></th></tr>\n{fields}</table>" if fields else ""
    examples = "\n".join(
        f"<pre>{escape(json.dumps(one['payload'], indent=2, ensure_ascii=False))}</pre>"
        for one in message.get("examples", ())
    )
    return f"""<details id="{escape(anchor)}">
<summary><code>{escape(message["title"])}</code> {_text(message["summary"])}</summary>
<p>Content type: <code>{escape(message["contentType"])}</code></p>
{table}
{examples}
</details>"""


def _fields(document: Json, schema: Json, prefix: str, depth: int) -> Iterator[tuple[str, str, str]]:
    """Each field's path, type and description; those that need not be there say so."""
    whole = _resolved(document, schema)
    for name, field in whole.get("properties", {}).items():
        inner = _resolved(document, field)
        path = f"{prefix}{name}"
        optional = "" if name in whole.get("required", ()) else ", may be absent"
        yield path, f"{_kind(document, field)}{optional}", field.get("description") or inner.get("description", "")
        if depth < _DEEPEST:
            yield from _fields(document, inner, f"{path}.", depth + 1)
            if "items" in inner:
                yield from _fields(document, inner["items"], f"{path}[].", depth + 1)
            if isinstance(inner.get("additionalProperties"), dict):
                yield from _fields(document, inner["additionalProperties"], f"{path}.*.", depth + 1)


def _kind(document: Json, schema: Json) -> str:
    whole = _resolved(document, schema)
    if "const" in whole:
        return json.dumps(whole["const"])
    if "enum" in whole:
        return " or ".join(json.dumps(value) for value in whole["enum"])
    if "anyOf" in whole:
        return " or ".join(dict.fromkeys(_kind(document, one) for one in whole["anyOf"]))
    kind = whole.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _resolved(document: Json, schema: Json) -> Json:
    """What a reference within the document means; itself without one."""
    while "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    return schema


def _text(text: str) -> str:
    """Escaped, with `code` as code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))
