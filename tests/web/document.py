"""A page as tests look at it: its elements with their attributes and texts, by role and accessible name."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""
    inside: list[Element] = field(default_factory=list)


class Document(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(text)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def texts(self, tag: str) -> list[str]:
        return [" ".join(each.text.split()) for each in self.elements if each.tag == tag]

    def role(self, role: str) -> list[str]:
        return [" ".join(each.text.split()) for each in self.elements if each.attributes.get("role") == role]

    def by_id(self, name: str) -> Element:
        (found,) = [each for each in self.elements if each.attributes.get("id") == name]
        return found

    def field(self, label: str) -> Element:
        """The input with this label."""
        (found,) = [each for each in self.elements if each.tag == "label" and each.text.strip() == label]
        return self.by_id(found.attributes["for"])

    def described(self, label: str) -> str:
        """What is said beside a field."""
        return self.by_id(self.field(label).attributes["aria-describedby"]).text
