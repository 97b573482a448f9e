"""The form of the margins panel filled in from a kept case.

The surprising thing: napari adds the layers of a case one by one. The form is filled once all of them are there, and
once only, so that what is chosen afterwards stays.
"""

from __future__ import annotations

from typing import Any

from marginkit.errors import UsageError

from . import keeping, restoring


def limits(text: str) -> tuple[float, ...]:
    """Distances in mm from ``1, 5``, in order. UsageError E-USE-14 where they are none."""
    try:
        found = tuple(float(word) for word in text.replace("mm", "").split(",") if word.strip())
    except ValueError:
        found = (-1.0,)
    if not all(0 < one < 1e4 for one in found) or len(found) > 6 or list(found) != sorted(set(found)):
        raise UsageError("E-USE-14", f"limits {text[:40]!r} not understood", remedy="Write them in mm, rising: 1, 5.")
    return found


def fill(panel: Any) -> None:
    """Fill in the form of a kept case that was opened, as soon as all its layers are there."""
    images = [layer for layer in panel.viewer.layers if type(layer).__name__ == "Image"]
    image = next((one for one in images if keeping.noted(one, restoring.FORM) is not None), None)
    if image is None:
        return
    case, words = keeping.noted(image, restoring.FORM)
    layers = {number: layer for layer in panel.viewer.layers if (number := _number(layer, case)) is not None}
    chosen = {key: words[key] for key in keeping.LAYERS}
    if any(number is not None and number not in layers for number in chosen.values()):
        return
    keeping.note(image, restoring.FORM, None)
    panel.image.choose(image)
    for key, number in chosen.items():
        if number is not None:
            getattr(panel, key).choose(layers[number])
    for key in ("target_labels", "specimen_labels", "sectors"):
        getattr(panel, key).setText(words[key])
    for key in ("role", "state", "radiotherapy"):
        field = getattr(panel, key)
        field.setCurrentIndex(field.findData(words[key]))
    panel.policies.choose(words["policies"])
    panel.limits.setText(", ".join(f"{one:g}" for one in words["limits_mm"]))


def _number(layer: Any, case: str) -> int | None:
    """Which layer of a case a layer is."""
    kept = keeping.noted(layer, "kept")
    return int(kept[1]) if isinstance(kept, tuple) and kept[0] == case else None
