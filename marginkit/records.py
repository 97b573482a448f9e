"""The nouns of marginkit: thin, frozen, checked when built, without I/O and without drawing.

The surprising thing: absence is spelled out. A margin that could not be measured has ``value_mm`` None
*and* a ``reason``; there is no NaN anywhere, and the constructor refuses one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from marginkit.errors import CalibrationError, MarginError, SizeError

if TYPE_CHECKING:
    from shapely.geometry import MultiPolygon, Polygon

    from marginkit.geometry.run_mask import RunMask

Floats: TypeAlias = NDArray[np.float64]
Qualifier: TypeAlias = Literal["exact", "touching", "at_most", "at_least", "not_assessable"]
State: TypeAlias = Literal["certain", "indeterminate", "not_assessable"]
SpecimenState: TypeAlias = Literal["fresh", "fixed", "slide", "in-vivo"]

QUALIFIERS: tuple[Qualifier, ...] = ("exact", "touching", "at_most", "at_least", "not_assessable")
STATES: tuple[SpecimenState, ...] = ("fresh", "fixed", "slide", "in-vivo")


def check_spacing(spacing_mm: Sequence[float], ndim: int | None = None) -> tuple[float, ...]:
    """The spacing as a tuple of floats; refuses what is not finite, not positive or of the wrong length.

    >>> check_spacing((0.5, 0.5), 2)
    (0.5, 0.5)
    """
    try:
        values = tuple(float(s) for s in spacing_mm)
    except TypeError as error:
        raise TypeError(
            f"spacing: wanted one number of millimetres per pixel an axis, got {type(spacing_mm).__name__}"
        ) from error
    if ndim is not None and len(values) != ndim:
        raise CalibrationError(
            "E-CAL-02", "wrong number of spacings", cause=f"spacing has {len(values)} values for {ndim} axes"
        )
    for value in values:
        if not math.isfinite(value) or value <= 0:
            raise CalibrationError("E-CAL-02", "impossible spacing", cause=f"{value!r} mm is not a positive number")
        if not 1e-9 <= value <= 1e4:
            raise CalibrationError("E-CAL-03", "implausible spacing", cause=f"{value!r} mm a pixel")
    return values


@dataclass(frozen=True, slots=True)
class Claim:
    """A pixel size and who says so.

    source : the named field, e.g. ``OME PhysicalSize``, ``TIFF resolution``, ``ImageJ``, ``OpenSlide mpp``.
    spacing_mm : millimetres per pixel of each spatial axis of the picture in array order, or None where the field
        does not give one (its reason is then in ``problem``).
    detail : the raw text of the field.
    problem : why it cannot be taken, in words, with a code; empty where it can.
    """

    source: str
    spacing_mm: tuple[float, ...] | None
    detail: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Millimetres per pixel and their source.

    spacing_mm : array order, spatial axes only. source, detail : as in the claim that was taken.
    relative_uncertainty : of the length, e.g. 0.01; 0 where the source states none.
    flags : names from ``marginkit.flags``. asked : the words of ``--pixel-size``, where they gave it.
    """

    spacing_mm: tuple[float, ...]
    source: str
    detail: str = ""
    relative_uncertainty: float = 0.0
    flags: tuple[str, ...] = ()
    asked: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "spacing_mm", check_spacing(self.spacing_mm))
        if not 0 <= self.relative_uncertainty < 1:
            raise CalibrationError("E-CAL-02", "impossible uncertainty", cause=f"{self.relative_uncertainty!r}")
        if not self.source:
            raise CalibrationError("E-CAL-01", "calibration without a source", remedy="Name where it comes from.")


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a picture's pyramid; pixels are read when asked for.

    shape : of the level, in the picture's axes. downsample : (y, x), true ratios of level 0's size to this one's.
    read : ``read(slices)`` gives the pixels of a region as an array in native byte order.
    """

    shape: tuple[int, ...]
    downsample: tuple[float, float]
    read: Callable[[tuple[slice, ...]], NDArray[Any]] = field(repr=False)


@dataclass(frozen=True)
class Picture:
    """An opened image: lazy levels, its axes, what it claims of its scale and what was taken.

    name : the file's name without folders. format : e.g. ``OME-TIFF``, ``ImageJ TIFF``, ``Aperio SVS``, ``NIfTI``.
    axes : one letter an axis of the array, from ``T C Z Y X S`` (S: the samples of a colour picture).
    kind : ``slide``, ``photo``, ``microscopy``, ``volume`` or ``unknown``; it decides which pixel sizes are plausible.
    claims : every statement about pixel size in the file. calibration : what was taken; None where nothing could be.
    refusal : the error that says why there is no calibration; None where there is one.
    window_px : (y, x, height, width) of the part of the scanner's canvas that holds the picture, where it is stated.
    origin_mm : (x, y, z) of the first voxel's centre in the patient, towards left, posterior, superior; volumes only.
    direction : unit vectors (x, y, z) of the array's axes Z, Y, X in the same frame; volumes only.
    """

    name: str
    format: str
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    levels: tuple[Level, ...]
    kind: str = "unknown"
    channels: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    calibration: Calibration | None = None
    refusal: CalibrationError | None = None
    flags: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    window_px: tuple[int, int, int, int] | None = None
    sha256: str = ""
    origin_mm: tuple[float, ...] | None = None
    direction: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        if len(self.axes) != len(self.shape):
            raise ValueError(f"{self.name}: axes {self.axes!r} do not fit shape {self.shape}")
        if not self.levels or self.levels[0].shape != self.shape:
            raise ValueError(f"{self.name}: level 0 does not have the picture's shape")

    @property
    def spacing_mm(self) -> tuple[float, ...] | None:
        """Millimetres per pixel in the order of the spatial axes (Z, Y, X), or None where it is not known."""
        return None if self.calibration is None else self.calibration.spacing_mm

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Size along Z (where present), Y and X."""
        return tuple(n for axis, n in zip(self.axes, self.shape) if axis in "ZYX")

    def read(self, level: int = 0, *, limit_bytes: int = 8 << 30) -> NDArray[Any]:
        """All pixels of a level; refused (E-SIZE-01) above ``limit_bytes``."""
        chosen = self.levels[level]
        need = math.prod(chosen.shape) * self.dtype.itemsize
        if need > limit_bytes:
            raise SizeError(
                "E-SIZE-01",
                "image larger than the memory limit",
                cause=f"level {level} needs {need} bytes, the limit is {limit_bytes}",
                remedy="Choose a coarser level.",
                file=self.name,
            )
        return chosen.read(tuple(slice(0, n) for n in chosen.shape))


RegionKind: TypeAlias = Literal["mask", "probability", "polygon"]


@dataclass(frozen=True, eq=False)
class Region:
    """A segmented region on its own grid, with its maker.

    data : bool array or, of a slide, its runs (mask), float array in [0, 1] (probability), or shapely (Multi)Polygon in
        (x, y), pixel corners.
    spacing_mm : of its own grid, array order; None: that of the image it belongs to.
    origin_px : position of its first pixel's centre in index units of the image, array order.
    maker : file name or segmenter with options. flags : names from ``marginkit.flags``.
    """

    data: NDArray[np.bool_] | NDArray[np.floating[Any]] | RunMask | Polygon | MultiPolygon
    spacing_mm: tuple[float, ...] | None = None
    origin_px: tuple[float, ...] | None = None
    name: str = ""
    maker: str = ""
    flags: tuple[str, ...] = ()

    @property
    def kind(self) -> RegionKind:
        """What the data are."""
        kind = getattr(self.data, "dtype", None)
        if kind is None:
            return "polygon"
        return "mask" if kind == np.bool_ else "probability"


@dataclass(frozen=True, slots=True)
class ClosestPair:
    """The two points that realise a margin, array order.

    tumor_px, edge_px : index units (pixel centres are integers). tumor_mm, edge_mm : the same times the spacing.
    through_tissue_mm : length of the shortest way inside the tissue, where the straight line leaves it.
    """

    tumor_mm: tuple[float, ...]
    edge_mm: tuple[float, ...]
    tumor_px: tuple[float, ...]
    edge_px: tuple[float, ...]
    through_tissue_mm: float | None = None


@dataclass(frozen=True, slots=True)
class Margin:
    """One margin: the shortest distance from tumor to one (named) part of the resection edge.

    value_mm : unrounded; None only where qualifier is ``not_assessable``, and then ``reason`` says why.
    interval_mm : (low, high). parts : what the interval is made of, part -> (low, high) in mm.
    edge_size : mm of cut edge in 2-D, mm² in 3-D. unseen_mm : distance of the tumor to the nearest unseen part.
    """

    name: str
    value_mm: float | None
    interval_mm: tuple[float, float] | None
    qualifier: Qualifier
    closest: ClosestPair | None = None
    focus: int | None = None
    piece: int | None = None
    behind_barrier: str | None = None
    edge_size: float = 0.0
    unseen_mm: float | None = None
    reason: str = ""
    flags: tuple[str, ...] = ()
    parts: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.qualifier not in QUALIFIERS:
            raise ValueError(f"qualifier {self.qualifier!r} is none of {QUALIFIERS}")
        if (self.value_mm is None) != (self.qualifier == "not_assessable"):
            raise ValueError("a margin without a value is not_assessable, and the reverse")
        if self.value_mm is None and not self.reason:
            raise ValueError("a margin without a value needs a reason")
        numbers = [self.value_mm, self.unseen_mm, *(self.interval_mm or ())]
        if any(n is not None and not (math.isfinite(n) and n >= 0) for n in numbers):
            raise ValueError(f"a margin's numbers are finite and not negative: {numbers}")
        if self.value_mm is not None:
            if self.interval_mm is None:
                raise ValueError("a margin with a value has an interval")
            low, high = self.interval_mm
            if not low <= self.value_mm <= high:
                raise ValueError(f"interval {self.interval_mm} does not hold {self.value_mm}")


@dataclass(frozen=True)
class Profile:
    """The margin seen from the edge: for each bit of cut edge its distance to the tumor.

    distance_mm : (n,). size : (n,) mm in 2-D, mm² in 3-D. edge_px, tumor_px : (n, ndim), index units.
    by_class : size of the outline by class, all classes. named : margin to (n,) bool, its own bits.
    """

    ndim: int
    distance_mm: Floats
    size: Floats
    edge_px: Floats
    tumor_px: Floats
    by_class: Mapping[str, float]
    named: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def length_mm(self) -> Floats:
        """Length of each bit of cut edge, 2-D."""
        if self.ndim != 2:
            raise MarginError("E-MSR-06", "an edge in 3-D has an area", remedy="Use profile.area_mm2.")
        return self.size

    @property
    def area_mm2(self) -> Floats:
        """Area of each bit of cut edge, 3-D."""
        if self.ndim != 3:
            raise MarginError("E-MSR-06", "an edge in 2-D has a length", remedy="Use profile.length_mm.")
        return self.size

    @property
    def total(self) -> float:
        """Size of the whole cut edge: mm in 2-D, mm² in 3-D."""
        return float(self.size.sum())

    def below(self, limit_mm: float) -> float:
        """Size of cut edge nearer to tumor than ``limit_mm``: mm in 2-D, mm² in 3-D."""
        return float(self.size[self.distance_mm < limit_mm].sum())

    def quantile_mm(self, share: float) -> float:
        """Distance that ``share`` (0 to 1) of the cut edge does not exceed."""
        order = np.argsort(self.distance_mm, kind="stable")
        reached = np.cumsum(self.size[order])
        at = int(np.searchsorted(reached, share * reached[-1] * (1 - 1e-12)))
        return float(self.distance_mm[order[min(at, len(order) - 1)]])


@dataclass(frozen=True, slots=True)
class Focus:
    """One connected part of the tumor.

    margin_mm : its own distance to the cut edge, None where its piece has none.
    to_main_mm : its distance to the largest focus (0 for that one).
    """

    id: int
    piece: int
    margin_mm: float | None
    to_main_mm: float
    pixels: int
    area_mm2: float | None = None
    volume_mm3: float | None = None


@dataclass(frozen=True, slots=True)
class BarrierResult:
    """What a barrier of one type does, topologically and on the straight segment.

    behind_mm, free_mm : least margin over the edge that tumor cannot reach without crossing the barrier, and over
        the rest. behind_on_segment_mm, free_on_segment_mm : the same by the nearest-tumor segment alone.
    None where there is no such edge. behind_size : mm (mm² in 3-D) of cut edge behind it.
    """

    type: str
    breached: bool
    behind_mm: float | None
    free_mm: float | None
    behind_on_segment_mm: float | None
    free_on_segment_mm: float | None
    behind_size: float


@dataclass(frozen=True, slots=True)
class TumorSize:
    """Size of the tumor inside the specimen: greatest extent, and area (2-D) or volume (3-D)."""

    extent_mm: float
    area_mm2: float | None = None
    volume_mm3: float | None = None


@dataclass(frozen=True)
class Margins:
    """The result of one measurement. ``margins[0]`` is always named ``all``; its fields are the result's own.

    outside : tumor outside every piece, mm² in 2-D, mm³ in 3-D. boundary : how the boundary was read.
    """

    ndim: int
    spacing_mm: tuple[float, ...]
    boundary: str
    margins: tuple[Margin, ...]
    profile: Profile
    foci: tuple[Focus, ...]
    size: TumorSize | None
    outside: float = 0.0
    barriers: tuple[BarrierResult, ...] = ()
    flags: tuple[str, ...] = ()
    region: Literal["tumor", "signal"] = "tumor"
    planes: int = 1
    plane_spacing_mm: float | None = None
    state: SpecimenState | None = None

    def __post_init__(self) -> None:
        if not self.margins or self.margins[0].name != "all":
            raise ValueError("the first margin is named 'all'")

    @property
    def all(self) -> Margin:
        """The margin over the whole cut edge."""
        return self.margins[0]

    @property
    def value_mm(self) -> float | None:
        """Shortest distance from tumor to the cut edge, unrounded."""
        return self.all.value_mm

    @property
    def interval_mm(self) -> tuple[float, float] | None:
        """Interval that holds the margin, by the parts it states."""
        return self.all.interval_mm

    @property
    def qualifier(self) -> Qualifier:
        """What the value is: exact, touching, at_most, at_least or not_assessable."""
        return self.all.qualifier

    @property
    def closest(self) -> ClosestPair | None:
        """The closest pair."""
        return self.all.closest

    @property
    def reason(self) -> str:
        """Why there is no value; empty where there is one."""
        return self.all.reason

    @property
    def named(self) -> Mapping[str, Margin]:
        """The named margins, without ``all``."""
        return MappingProxyType({margin.name: margin for margin in self.margins[1:]})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one policy says of one margin.

    category : the level's label; for ``indeterminate`` both labels joined by ' or '. reason : one sentence.
    """

    policy: str
    category: str
    state: State
    reason: str
    margin: str = "all"


@dataclass(frozen=True, slots=True)
class Measured:
    """A case that was measured.

    slices : (index, result) of planes that were measured one by one. plane : index of the plane that ``result`` is of,
        where it is 2-D and the picture is a stack.
    regions : what was drawn or found, by name: ``tumor`` (or ``signal``), ``specimen``, named edges, barriers.
    signal : the numbers of fluorescence (tbr, cnr, background, threshold, saturated …), None where there is none.
    limits_mm : distances below which the length of cut edge is reported.
    ink : outline that each colour covers, in mm, and which margin it names; None where ink was not looked for.
    resolution : how finely each region was segmented near the closest pairs and elsewhere; None where that was one.
    """

    case: str
    picture: Picture
    result: Margins
    verdicts: tuple[Verdict, ...]
    warnings: tuple[str, ...]
    provenance: Mapping[str, Any]
    slices: tuple[tuple[int, Margins], ...] = ()
    plane: int | None = None
    regions: Mapping[str, Region] = field(default_factory=dict)  # a plain dict: it travels to workers
    signal: Mapping[str, Any] | None = None
    limits_mm: tuple[float, ...] = (1.0, 5.0)
    ink: Mapping[str, Any] | None = None
    resolution: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A case that could not be measured, and why."""

    case: str
    error: MarginError


Outcome: TypeAlias = Measured | Failed


@runtime_checkable
class Reader(Protocol):
    """A module that opens one family of files. The contract:

    - ``NAME`` is unique; ``claims`` looks at the first bytes; the suffix only breaks ties;
    - ``claims`` returns 0 (not mine), 1 (could be) or 2 (mine for sure), and never raises;
    - ``read`` raises only ``MarginError``; it decodes no pixels beyond what metadata need.
    """

    NAME: str

    def claims(self, head: bytes, name: str) -> int:
        """How sure this reader is that the file is its own: 0, 1 or 2."""

    def read(self, path: str) -> Picture:
        """The opened picture."""


@runtime_checkable
class Segmenter(Protocol):
    """A module that finds a region in a picture.

    ``NAME`` is unique; ``GIVES`` names what it can find (tissue, tumor, signal, ink); ``Options`` is a frozen
    dataclass whose defaults are all usable; ``segment`` returns a Region on the picture's grid.

    Where one option is a threshold, ``SLIDER`` may name it and ``values(picture, options)`` give the array that it is
    compared with: viewers then offer a slider.

    One that decides by a bounded neighbourhood and fixed parameters may have ``coarse(picture, options, pixel_mm)``: a
    ``patchwork.Coarse`` on a level of pixels of at most that size, or None where none is coarser than its own.
    """

    NAME: str
    GIVES: tuple[str, ...]
    Options: type[Any]

    def segment(self, picture: Picture, options: Any) -> Region:
        """The region."""


@runtime_checkable
class ReportWriter(Protocol):
    """A module that writes one kind of file about a case, into a binary stream, never a path."""

    NAME: str
    FILE: str

    def write(self, case: Measured, stream: Any) -> None:
        """Write the case to the stream."""
