"""The page of events: complete, and safe whatever the texts say."""

import copy
import json
from html.parser import HTMLParser

from schemas.asyncapi import describe_topics
from service.api.events_page import events_page

DOCUMENT = describe_topics("1.0")


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_message_is_on_it_with_its_example() -> None:
    page = Page(events_page(DOCUMENT))
    for message in DOCUMENT["components"]["messages"].values():
        assert message["title"] in page.text
        for example in message.get("examples", ()):
            assert json.dumps(example["payload"], indent=2, ensure_ascii=False) in page.text
    assert page.tags.count("details") == len(DOCUMENT["components"]["messages"])
    assert "data.contact.associations.companies" in page.text
    assert "data.changed.*.before" in page.text


def test_no_text_of_the_document_becomes_markup() -> None:
    hostile = copy.deepcopy(DOCUMENT)
    for text in ("title", "description"):
        hostile["info"][text] = "<script>"
    message = hostile["components"]["messages"]["contact.deleted"]
    message["summary"] = message["title"] = "`<script>`"
    message["payload"]["properties"]["<script>"] = {"type": "string", "description": "<script>"}
    message["examples"] = [{"payload": {"<script>": "</pre><script>"}}]
    page = Page(events_page(hostile))
    assert "script" not in page.tags
    assert page.text.count("<script>") >= 6
