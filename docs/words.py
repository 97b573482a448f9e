"""Lets mkdocstrings read our docstrings: a Griffe extension, named in mkdocs.yml.

In them ``name : what it is`` stands on one line, and types are in the signature; numpydoc would take the words for a
type.
"""

import re
from collections.abc import Iterator
from typing import Any

import griffe

SECTIONS = ("Parameters", "Returns", "Raises")
ITEM = re.compile(r"^([A-Za-z_*]\w*(?:, [A-Za-z_]\w*)*) : (.*)$")
FIELD = re.compile(r"(?:^|(?<=[.)] ))([a-z_]\w*(?:, [a-z_]\w*)*) : ")


def sectioned(lines: list[str]) -> Iterator[str]:
    """The lines with each ``name : words`` of a section on two lines, as numpydoc has it."""
    section = ""
    for at, line in enumerate(lines):
        if at + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[at + 1]):
            section = line
        found = ITEM.match(line) if section in SECTIONS else None
        if section == "Returns" and not found:
            found = re.match(r"^(\w+)\. (.*)$", line)
        if not found:
            goes_on = section == "Returns" and line[:1].isalpha() and line != section
            yield f"    {line}" if goes_on else line
            continue
        for name in found[1].split(", ") if section == "Raises" else [found[1]]:
            yield from (name, f"    {found[2]}")


def listed(paragraph: str) -> str:
    """A paragraph of fields, ``name : words. name : words.``, as a list; any other paragraph as it is."""
    text = " ".join(line.strip() for line in paragraph.splitlines())
    if not FIELD.match(text) or "---" in text:
        return paragraph
    _, *found = FIELD.split(text)
    return "\n".join(f"- `{name}`: {words.strip()}" for name, words in zip(found[::2], found[1::2]))


def rewritten(text: str) -> str:
    """A docstring as numpydoc would have it."""
    head, *rest = re.split(r"(?m)(?=^\w+\n-{3,}$)", text)
    free = "\n\n".join(listed(paragraph) for paragraph in head.split("\n\n"))
    return free + ("\n" if rest else "") + "\n".join(sectioned("".join(rest).splitlines()))


class Words(griffe.Extension):
    """Rewrites every docstring of the package."""

    def on_object(self, *, obj: griffe.Object, **rest: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = rewritten(obj.docstring.value)
