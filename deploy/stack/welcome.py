"""What `pathbound up` prints when everything is ready: what runs where, and what to paste."""

import json
import re
import secrets
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.stack.local import LocalStack, StackAddresses
from deploy.stack.services import TENANT, Services, pathbound_program

# Pasted a second time the creation is refused, by an answer that names the contact at its top.
_ID_OF_CONTACT = "import json, sys; one = json.load(open(sys.argv[1])); print(one.get('contact', one)['contact_id'])"


@dataclass(frozen=True)
class Welcome:
    """Everything that the banner and `stack.json` say."""

    stack: LocalStack
    services: Services
    addresses: StackAddresses
    api_url: str
    api_key: str

    def stack_json(self) -> str:
        """The text of `stack.json`, for programs."""
        return json.dumps(
            {
                "api_url": self.api_url,
                "mongo_url": self.addresses.mongo_url,
                "kafka_bootstrap": self.addresses.kafka_bootstrap,
                "api_key": self.api_key,
                "tenant_id": TENANT,
            },
            indent=2,
        )

    def banner(self) -> str:
        """The text for people."""
        directory = self.stack.directory
        rows: list[tuple[str, str, int | None, Path | None]] = [
            (service.title, f"http://127.0.0.1:{service.port}", service.process.pid, service.process.log)
            for service in self.services.all
        ]
        rows.append(("MongoDB", hide_password(self.addresses.mongo_url), *self._server("mongo")))
        rows.append(("Kafka", self.addresses.kafka_bootstrap, *self._server("kafka")))
        width = max(len(row[1]) for row in rows)
        table = [f"  {title:<17} {where:<{width}}  pid {pid or '-':<7} {log or ''}" for title, where, pid, log in rows]
        titles = ("Somebody looks at a page", "The visitor becomes a contact", "Read the contact's timeline")
        steps = zip(titles, self.commands(), strict=True)
        tries = [f"{number}. {title}:\n\n{command}\n" for number, (title, command) in enumerate(steps, 1)]
        return "\n".join(
            [
                "",
                *table,
                "",
                f"  API key           {self.api_key}  (tenant {TENANT}, every scope; for development only)",
                f"  for programs      {directory.path / 'stack.json'}",
                "",
                "Three commands to paste into another terminal, in any directory:",
                "",
                *tries,
                "So that every other command finds MongoDB and Kafka, there:",
                "",
                self.exports(),
                "",
                "Mail and Intercom's notifications can be sent as well:",
                "",
                *(f"{shlex.quote(str(pathbound_program()))} send {source} --help" for source in ("gmail", "intercom")),
                "",
                "Ctrl-C stops everything.",
            ]
        )

    def _server(self, name: str) -> tuple[int | None, Path | None]:
        kind = self.addresses.mongo_kind if name == "mongo" else self.addresses.kafka_kind
        if kind in ("given", "container"):
            return None, None
        server = self.stack.mongod if name == "mongo" else self.stack.kafka
        return server.pid, self.stack.directory.logs / ("mongod.log" if name == "mongo" else "kafka.log")

    def exports(self) -> str:
        """The shell command that tells the addresses, and where the secret of erasures is, to what is typed after it;
        its owner puts in the password."""
        secret = self.services.erasure_secret_file
        erasure = f' PATHBOUND_ERASURE_SECRET="$(cat {shlex.quote(str(secret))})"' if secret else ""
        mongo, kafka = shlex.quote(hide_password(self.addresses.mongo_url)), shlex.quote(self.addresses.kafka_bootstrap)
        return f"export PATHBOUND_MONGO_URL={mongo} PATHBOUND_KAFKA_BOOTSTRAP={kafka}{erasure}"

    def commands(self) -> tuple[str, str, str]:
        """Three shell commands that need nothing from each other but a file; a new visitor at each start."""
        tag = secrets.token_hex(3)
        saved = shlex.quote(str(self.stack.directory.path / "contact.json"))
        contact = {
            "email": f"ada+{tag}@example.com",
            "properties": {"firstname": "Ada"},
            "visitor_id": f"visitor-{tag}",
        }
        bearer = f"-H 'Authorization: Bearer {self.api_key}'"
        create = (
            f"curl -sS -X POST {self.api_url}/v1/contacts {bearer} -H 'Content-Type: application/json' "
            f"-d '{json.dumps(contact)}' | tee {saved}"
        )
        send = (
            f"{shlex.quote(str(pathbound_program()))} send tracker --kafka-bootstrap {self.addresses.kafka_bootstrap} "
            f"--tenant {TENANT} --visitor-id visitor-{tag} --url https://www.example.com/pricing"
        )
        contact_id = f'$({shlex.quote(sys.executable)} -c "{_ID_OF_CONTACT}" {saved})'
        read = f'curl -sS "{self.api_url}/v1/contacts/events/{contact_id}" {bearer}'
        return send, create, read


def hide_password(url: str) -> str:
    """A connection string with the password masked."""
    return re.sub(r"(://[^:/@]+):[^@/]*@", r"\1:****@", url)
