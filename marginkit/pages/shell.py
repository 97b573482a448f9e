"""A page as bytes: template, style and script in one file that asks nobody for anything.

The surprising thing: a case name is written by somebody else, and a page is a program. So everything is escaped, what
steers the direction of text is shown as its number, and the page itself forbids every script but its own, by hash.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marginkit.errors import plain

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TEMPLATES = Path(__file__).with_name("templates")
SOURCE = re.compile(r"(doi:10\.\d{4,9}/[A-Za-z0-9._;()/:-]+|PMID \d+|PMC\d+)")
HOMES = {
    "doi:": "https://doi.org/",
    "PMID ": "https://pubmed.ncbi.nlm.nih.gov/",
    "PMC": "https://pmc.ncbi.nlm.nih.gov/articles/PMC",
}


def render(template: str, **words: Any) -> bytes:
    """The page of a template, UTF-8; every word escaped, style and script inside."""
    import marginkit

    style, script = _text("style.css"), _text("script.js")
    whole = _environment().get_template(template)
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    )
    shell = {"style": _markup(style), "script": _markup(script), "policy": policy, "version": marginkit.__version__}
    return whole.render(**words, **shell).encode("utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["cited"] = cited
    return made


def _shown(value: Any) -> Any:
    """Text without control characters and without what turns its direction; markup as it is."""
    return plain(value) if type(value) is str and not value.isprintable() else value


def cited(text: str) -> Markup:
    """A citation with its DOI, PMID or PMC number as a link; the rest escaped.

    >>> str(cited("<i> doi:10.1000/xyz"))
    '&lt;i&gt; <a href="https://doi.org/10.1000/xyz" rel="noopener noreferrer">doi:10.1000/xyz</a>'
    >>> str(cited("PMID 123"))
    '<a href="https://pubmed.ncbi.nlm.nih.gov/123" rel="noopener noreferrer">PMID 123</a>'
    """
    from markupsafe import escape

    link = '<a href="{0}" rel="noopener noreferrer">{1}</a>'
    parts = SOURCE.split(plain(text))  # text, DOI, text, DOI, …
    done = [_markup(link.format(*map(escape, (_home(p), p)))) if k % 2 else escape(p) for k, p in enumerate(parts)]
    return _markup("").join(done)


def _home(source: str) -> str:
    """Where a DOI, PMID or PMC number is found."""
    return next(home + source.removeprefix(kind) for kind, home in HOMES.items() if source.startswith(kind))


def embedded(data: bytes, kind: str) -> str:
    """Bytes as a ``data:`` address, for a picture that travels in the page."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


@cache
def _text(name: str) -> str:
    return (TEMPLATES / name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}"


def _markup(text: str) -> Markup:
    from markupsafe import Markup

    return Markup(text)
