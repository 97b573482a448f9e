"""Keeps words of code with a hyphen on one line: a hook of mkdocs, named in mkdocs.yml.

The surprising thing: a browser breaks ``--out`` after its first hyphen, and what stands there then is no option.
"""

import re

LONGEST = 32  # a longer word may break, or it would stick out of a phone
CODE = re.compile(r"(<code[^>]*>)(.*?)(</code>)", re.DOTALL)
WORD = re.compile(r"(?<![^\s>])[^\s<>]*-[^\s<>]*(?![^\s<])")


def on_page_content(html: str, **_: object) -> str:
    """The page with every such word in a span of class ``unbroken``."""
    return CODE.sub(lambda found: f"{found[1]}{marked(found[2])}{found[3]}", html)


def marked(code: str) -> str:
    """The inside of a piece of code; text between tags alone is looked at.

    >>> marked("info --json")
    'info <span class="unbroken">--json</span>'
    """
    parts = re.split(r"(<[^>]*>)", code)
    return "".join(part if part.startswith("<") else WORD.sub(_span, part) for part in parts)


def _span(found: re.Match[str]) -> str:
    return f'<span class="unbroken">{found[0]}</span>' if len(found[0]) <= LONGEST else found[0]
