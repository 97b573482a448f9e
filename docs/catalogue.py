"""Write what is generated in the docs anew: python docs/catalogue.py

In docs/policies.md the rules of marginkit/policies/*.toml, in docs/validation.md what ``marginkit selftest`` prints.
Only what lies between the two markers of a page is replaced.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import marginkit as mk
from marginkit import phantoms
from marginkit.policy import Policy, PolicyLevel

HERE = Path(__file__).resolve().parent
WORDS = {
    "radiotherapy": ("with adjuvant radiotherapy", "without adjuvant radiotherapy"),
    "barrier": ("with a border structure in the margin", "without one"),
    "macroscopic_residual": ("macroscopic residual tumor", "no macroscopic residual tumor"),
}
MARGINS_MM = (0.0, 0.5, 1.0, 2.0, 5.0, 6.0)


def link(citation: str) -> str:
    """The citation; DOI, PMID and PMC number as links."""
    found = re.fullmatch(r"(doi:|PMID |PMC)(\S+)", citation)
    homes = {
        "doi:": "https://doi.org/",
        "PMID ": "https://pubmed.ncbi.nlm.nih.gov/",
        "PMC": "https://pmc.ncbi.nlm.nih.gov/articles/PMC",
    }
    return f"[{citation}]({homes[found[1]]}{found[2]})" if found else citation


def level(one: PolicyLevel) -> str:
    when = ", ".join(WORDS[name][not value] for name, value in one.when.items())
    rule = one.rule.replace(">=", "≥").replace("<=", "≤").replace("<", "&lt;").replace(">", "&gt;")
    return f"| {one.label} | {rule} | {when or 'always'} |"


def entry(policy: Policy) -> Iterator[str]:
    """One policy, as Markdown."""
    yield from (f"### {policy.id}", "", f"{policy.title}.", "")
    yield f"- Source: {link(policy.citation)}" + (f" ({policy.note})" if policy.note else "")
    yield f"- For: {policy.organ}; {policy.histology}; specimen {', '.join(policy.states)}"
    yield f"- Counted from: {policy.reference}"
    if policy.barriers:
        yield f"- Border structures: {', '.join(policy.barriers)}"
    if policy.counts_as_mm:
        yield f"- Counted as tissue: {', '.join(f'{kind} {mm:g} mm' for kind, mm in policy.counts_as_mm.items())}"
    yield from ("", "| category | margin, mm | when |", "|---|---|---|")
    yield from (*map(level, policy.levels), "")


def label(policy: Policy, margin_mm: float, context: dict[str, bool]) -> str:
    """What a policy calls a margin that is known exactly, without a barrier and without macroscopic residual tumor."""
    known = {"barrier": False, "macroscopic_residual": False, **context}
    return next(one.label for one in policy.levels if one.range.holds(margin_mm) and one.applies(known))


def side_by_side(policies: list[Policy]) -> Iterator[str]:
    """What each policy calls the same margins: where they disagree."""
    yield "| policy | " + " | ".join(f"{mm:g} mm" for mm in MARGINS_MM) + " |"
    yield "|---" * (len(MARGINS_MM) + 1) + "|"
    for policy in policies:
        contexts: list[dict[str, bool]] = [{"radiotherapy": False}, {"radiotherapy": True}]
        for context in contexts if "radiotherapy" in policy.needs else [{}]:
            name = policy.id + "".join(f", {WORDS[key][not value]}" for key, value in context.items())
            yield f"| {name} | " + " | ".join(label(policy, mm, context) for mm in MARGINS_MM) + " |"


def catalogue() -> str:
    """The whole of what is generated."""
    policies = list(mk.policies().values())
    from_tumor = [one for one in policies if one.reference == "tumor"]
    lines = ["## The same margin by every rule", "", *side_by_side(from_tumor), "", "## The rules", ""]
    return "\n".join([*lines, *(line for one in policies for line in entry(one))])


def phantoms_table() -> str:
    """Each phantom with its truth and what was measured; an error under a billionth of a mm is shown as 0."""
    lines = ["| phantom | made of | truth, mm | measured, mm | error, mm | allowed, mm |", "|---|---|---|---|---|---|"]
    for row in phantoms.selftest(cast(phantoms.Measure, mk.measure)):
        if not row.ok or row.error_mm is None:
            raise SystemExit(f"{row.name}: {row.problem}")
        error = 0.0 if abs(row.error_mm) < 1e-9 else row.error_mm
        numbers = (row.truth_mm, row.measured_mm, error, row.tolerance_mm)
        lines.append(f"| {row.name} | {row.kind} | " + " | ".join(f"{number:.4g}" for number in numbers) + " |")
    return "\n".join([*lines, ""])


GENERATED = {"policies.md": ("catalogue", catalogue), "validation.md": ("phantoms", phantoms_table)}


def renewed(name: str) -> str:
    """A page with what is generated in it made anew."""
    what, make = GENERATED[name]
    begin, end = f"<!-- {what}: python docs/catalogue.py -->", f"<!-- end of {what} -->"
    before, rest = (HERE / name).read_text().split(begin)
    return f"{before}{begin}\n\n{make()}\n{end}{rest.split(end)[1]}"


if __name__ == "__main__":
    for page in GENERATED:
        (HERE / page).write_text(renewed(page))
