"""The origin of a web page, as browsers send it: `https://www.example.com`, with a port if it is not the usual."""

from urllib.parse import urlsplit

_USUAL_PORTS = {"http": 80, "https": 443}


def parse_origin(text: str) -> str:
    """The origin as browsers spell it. Raises ValueError with a sentence for people."""
    wanted = "must be an origin such as https://www.example.com (scheme, host, port if need be; no path)"
    try:
        parts = urlsplit(text.strip())
        port, host = parts.port, (parts.hostname or "").encode("idna").decode()
    except (ValueError, UnicodeError):
        raise ValueError(wanted) from None
    more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in _USUAL_PORTS or not host or "*" in host or more:
        raise ValueError(wanted)
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}" + ("" if port in (None, _USUAL_PORTS[parts.scheme]) else f":{port}")
