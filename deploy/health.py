"""Asks the process in this container whether it is `live` or `ready`: what the image's health check runs.

Standard library only, since it runs every few seconds. The exit status is 0 for yes and 1 for no.
"""

import http.client
import os
import sys

_TIMEOUT_S = 4


def main() -> int:
    """Returns the exit status; prints the answer, which names what is away, on standard error where it is a no."""
    question = sys.argv[1] if len(sys.argv) > 1 else "live"
    # Only one of them serves; in the image both are on the same port.
    port = int(os.environ.get("PATHBOUND_OPS_PORT") or os.environ.get("PATHBOUND_API_PORT") or 8080)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", f"/health/{question}")
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        print(f"Nothing answers on port {port} ({type(error).__name__}).", file=sys.stderr)
        return 1
    finally:
        connection.close()
    yes = answer.status == 200
    print(f"{answer.status}: {body}", file=sys.stdout if yes else sys.stderr)
    return 0 if yes else 1


if __name__ == "__main__":
    sys.exit(main())
