"""The bundled samples and how each is measured: what ``marginkit demo`` runs."""

from __future__ import annotations

from pathlib import Path

from marginkit.errors import FileError
from marginkit.pipeline import Job

PACKED = Path(__file__).with_name("_samples")  # in a wheel
CHECKOUT = Path(__file__).resolve().parents[1] / "sample_data"


def folder() -> Path:
    """Where the samples lie."""
    for place in (PACKED, CHECKOUT):
        if (place / "answers.json").is_file():
            return place
    raise FileError("E-FILE-12", "the bundled samples are missing", remedy="Install marginkit again.")


def jobs() -> tuple[Job, ...]:
    """One job a sample: a section of an excision, a fluorescence image, a stack."""
    here = folder()

    def path(name: str) -> str:
        return str(here / name)

    return (
        Job(
            image=path("he.ome.tif"),
            tumor=path("he_tumor.ome.tif"),
            specimen=path("he_specimen.ome.tif"),
            edge=f"natural={path('he_margins.ome.tif#label=4')}",  # skin
            names={
                "superior": path("he_margins.ome.tif#label=1"),
                "deep": path("he_margins.ome.tif#label=2"),
                "inferior": path("he_margins.ome.tif#label=3"),
            },
            state="slide",
            policies=("sarcoma-cates-2019", "uicc-r-plus-1mm"),
        ),
        Job(
            image=path("fluorescence.ome.tif"),
            signal=path("fluorescence_tumor.ome.tif"),
            specimen=path("fluorescence_specimen.ome.tif"),
            state="fresh",
        ),
        Job(
            image=path("stack.ome.tif"),
            tumor=path("stack_tumor.ome.tif"),
            specimen=path("stack_specimen.ome.tif"),
            state="fixed",
            policies=("uicc-r-plus-1mm",),
        ),
    )
