"""overlay.png: what lies where, in which colour, and that no more is read than is shown."""

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
import shapely

from marginkit import measure
from marginkit.errors import MarginError
from marginkit.records import BarrierResult, Level, Margin, Profile, Region, ReportWriter
from marginkit.reports import _colours, _panel, _sidebar, _strokes, _view, overlay
from marginkit.reports._frame import frame
from marginkit.reports._ground import Ground
from marginkit.reports._labels import Labels
from tests.cases import SPACING, pair, picture, square_case, square_masks


def written(case):
    """The picture as a reader decodes it, RGB."""
    stream = io.BytesIO()
    overlay.write(case, stream)
    return cv2.imdecode(np.frombuffer(stream.getvalue(), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def panel(case, across=None, index=0):
    """The main panel without words, and its view."""
    view = _view.main(case, across, index)
    far = _colours.far_mm(case.result.profile.distance_mm)
    return _panel.draw(case, Ground(case), _panel.plane(case, across, index, far), view, False), view, far


def at(canvas, view, corner):
    x, y = view.px(np.array(corner, float))
    return canvas[int(y), int(x)].astype(int)


def close_to(colour, other, most=12):
    return np.abs(np.asarray(colour) - np.asarray(other)).max() <= most


def measured(tumor, specimen, spacing, pixels, axes, **more):
    regions = {"tumor": Region(tumor), "specimen": Region(specimen)}
    result = measure(tumor, specimen, spacing, **more)
    return square_case(result=result, picture=picture(pixels, axes, spacing), regions=regions)


def test_meets_the_protocol():
    assert isinstance(overlay, ReportWriter)
    assert overlay.FILE == "overlay.png"


def test_is_a_png_of_sensible_size():
    found = written(square_case())
    assert 900 < found.shape[1] < 2200
    assert 400 < found.shape[0] < 2200


def test_same_case_same_bytes():
    one, two = io.BytesIO(), io.BytesIO()
    overlay.write(square_case(), one)
    overlay.write(square_case(), two)
    assert one.getvalue() == two.getvalue()


def test_cut_edge_has_the_colour_of_its_distance():
    """Above the tumor 2 mm; at the right, 12 pixels or 6 mm."""
    canvas, view, far = panel(square_case())
    assert close_to(at(canvas, view, (5, 19.5)), _colours.of_distance(np.array(2.0), far), 14)
    assert close_to(at(canvas, view, (12.5, 35)), _colours.of_distance(np.array(6.0), far), 14)
    assert close_to(at(canvas, view, (25, 19.5)), _colours.of_distance(np.array(5.0), far), 14)


def test_tumor_outline_and_ground():
    canvas, view, _ = panel(square_case())
    assert close_to(at(canvas, view, (12, 23)), _colours.TUMOR)
    assert tuple(at(canvas, view, (12, 19))) == (200, 200, 200)
    assert tuple(at(canvas, view, (2, 2))) == (200, 200, 200)


def test_signal_is_not_drawn_as_tumor():
    case = square_case()
    signal = replace(case, result=replace(case.result, region="signal"), regions={"signal": case.regions["tumor"]})
    canvas, view, _ = panel(signal)
    assert close_to(at(canvas, view, (12, 23)), _colours.SIGNAL)


def test_closest_pair_is_drawn_from_end_to_end():
    canvas, view, _ = panel(square_case())
    for row in (5.0, 6.0, 7.0, 8.0, 9.0):
        assert close_to(at(canvas, view, (row, 15.0)), _colours.INK)


def test_frame_is_grey_and_dashed():
    specimen = np.zeros((30, 40), bool)
    specimen[10:, 5:35] = True
    tumor = np.zeros_like(specimen)
    tumor[15:18, 20:25] = True
    canvas, view, _ = panel(measured(tumor, specimen, SPACING, np.zeros((30, 40), np.uint8), "YX"))
    along = np.array([at(canvas, view, (30, col)) for col in np.linspace(7, 33, 400)])
    grey = (np.abs(along - _colours.OTHER_EDGE).max(1) <= 12).mean()
    assert 0.3 < grey < 0.75


def test_barrier_line_is_drawn_and_named():
    case = square_case()
    wall = Region(shapely.LineString([(6, 7), (34, 7)]))
    barrier = BarrierResult("fascia", False, 2.0, None, 2.0, None, 10.0)
    result = replace(case.result, barriers=(barrier,))
    walled = replace(case, result=result, regions={**case.regions, "fascia": wall})
    canvas, view, _ = panel(walled)
    assert close_to(at(canvas, view, (7, 30)), _colours.BARRIER)
    heights = [_sidebar.fill(one, None, 7.5, other_edge=True, planes=[]).shape[0] for one in (case, walled)]
    assert heights[1] > heights[0]


def test_pixels_that_are_not_square_are_drawn_as_long_as_they_are():
    tumor, specimen = square_masks()
    case = measured(tumor, specimen, (0.5, 0.25), np.zeros(tumor.shape, np.uint8), "YX")
    view = _view.main(case, None, 0)
    rows, cols = (n - 2 * _view.RIM_PX for n in view.size_px)
    assert rows / cols == pytest.approx((32 * 0.5) / (42 * 0.25), rel=0.01)


@pytest.mark.parametrize(
    ("shape", "spot"), [((37, 53), (11, 40)), ((1900, 2511), (701, 1803)), ((4100, 900), (3300, 77))]
)
def test_ground_lies_where_the_lines_lie(shape, spot):
    """A bright block of the picture is drawn where the view places its corners, enlarged or shrunk."""
    pixels = np.zeros(shape, np.uint8)
    size = max(1, max(shape) // 60)
    pixels[spot[0] : spot[0] + size, spot[1] : spot[1] + size] = 255
    case = square_case(pixels, regions={})
    view = _view.main(case, None, 0)
    bright = np.argwhere(Ground(case).read(view)[..., 0] > 245)
    inner = bright[(bright > 12).all(1) & (bright < np.array(view.size_px) - 12).all(1)]
    expected = view.px(np.array([spot, (spot[0] + size, spot[1] + size)], float))[:, ::-1]
    assert inner.min(0) == pytest.approx(expected[0], abs=1.5)
    assert inner.max(0) + 1 == pytest.approx(expected[1], abs=1.5)


def pyramid(factor=16):
    """A slide of 32 000 pixels whose fine level may only be read in small pieces; level 1 is brighter."""
    shape = (32_000, 24_000)
    read = []

    def level(value, size, most):
        def pixels(part):
            box = tuple(len(range(*p.indices(n))) for p, n in zip(part, size))
            assert np.prod(box) <= most, f"{box} of {size} was read"
            read.append(value)
            return np.full(box, value, np.uint8)

        return pixels

    coarse = tuple(n // factor for n in shape)
    levels = (
        Level(shape, (1.0, 1.0), level(10, shape, 1_000_000)),
        Level(coarse, (float(factor),) * 2, level(200, coarse, 10_000_000)),
    )
    pixels = np.zeros((1, 1), np.uint8)
    whole = replace(picture(pixels, "YX", (0.0005, 0.0005)), shape=shape, levels=levels)
    return whole, read


def test_a_slide_is_never_read_whole():
    whole, read = pyramid()
    tumor, specimen = shapely.box(8_000, 9_000, 9_000, 10_000), shapely.box(2_000, 3_000, 22_000, 30_000)
    points = np.array([[8_999.5, 1_999.5]])
    profile = Profile(2, np.array([3.0]), np.array([0.5]), points, points + 6_000, {"cut": 0.5})
    ends = pair((8_999.5, 7_999.5), (8_999.5, 7_959.5), (0.0005, 0.0005))
    margin = Margin("all", 0.02, (0.02, 0.02), "exact", ends)
    base = square_case().result
    result = replace(base, spacing_mm=(0.0005, 0.0005), boundary="polygon", margins=(margin,), profile=profile)
    case = square_case(picture=whole, result=result, regions={"tumor": Region(tumor), "specimen": Region(specimen)})
    assert max(written(case).shape) < 2200
    assert set(read) == {10, 200}  # the picture from the coarse level, the close-up from the fine one


def test_one_huge_level_is_left_out():
    shape = (60_000, 60_000)

    def refuse(part):
        raise AssertionError("a whole slide was read")

    whole = replace(picture(np.zeros((1, 1), np.uint8)), shape=shape, levels=(Level(shape, (1.0, 1.0), refuse),))
    case = square_case(picture=whole, regions={})
    assert set(np.unique(Ground(case).read(_view.main(case, None, 0)))) == {238}


def test_measured_on_a_coarser_level():
    """The picture is twice as fine as the measurement; lines and ground still agree."""
    tumor, specimen = square_masks()
    pixels = np.kron(np.where(tumor, 90, np.where(specimen, 160, 240)), np.ones((2, 2))).astype(np.uint8)
    case = square_case(picture=picture(np.repeat(pixels[..., None], 3, 2), "YXS", (0.25, 0.25)))
    canvas, view, _ = panel(case)
    assert close_to(at(canvas, view, (24, 46)), _colours.TUMOR)
    assert tuple(at(canvas, view, (24, 38))) == (90, 90, 90)
    assert tuple(at(canvas, view, (44, 60))) == (160, 160, 160)


def volume_case(**more):
    specimen = np.zeros((12, 40, 44), bool)
    specimen[1:11, 4:36, 4:40] = True
    tumor = np.zeros_like(specimen)
    tumor[4:6, 10:14, 20:25] = True
    pixels = (specimen * 500 + tumor * 900).astype(np.uint16)
    return measured(tumor, specimen, (2.0, 1.0, 1.0), pixels, "ZYX", **more)


def test_volume_is_cut_three_times_at_one_scale():
    case = volume_case()
    views = overlay._views(case)
    assert [view.across for view in views] == [0, 1, 2]
    assert len({view.mm_per_px for view in views}) == 1
    (rows, cols), (deep, wide), (deep_too, tall) = (view.size_px for view in views)
    assert (wide, tall) == (cols, rows)
    assert deep == deep_too
    assert (deep - 20) * views[0].mm_per_px == pytest.approx(12 * 2.0, rel=0.02)
    found = written(case)
    assert found.shape[0] > rows + deep


def test_volume_shows_the_plane_of_the_pair():
    """Along z both ends are 6 mm away, along y also: the first in array order is the upper face, z = 1."""
    case = volume_case()
    assert case.result.value_mm == 6.0
    views = overlay._views(case)
    ends = frame(case).corners([case.result.closest.edge_px, case.result.closest.tumor_px])
    for view in views:
        assert view.index - 1e-9 <= ends[0, view.across] <= view.index + 1 + 1e-9
        assert 1 <= views[0].index <= 10


def test_volume_edge_colours():
    case = volume_case()
    canvas, view, far = panel(case, 0, 4)
    assert close_to(at(canvas, view, (4, 22.5)), _colours.of_distance(np.array(6.0), far), 14)
    assert close_to(at(canvas, view, (12, 25)), _colours.TUMOR)


def test_pair_that_spans_planes_is_said():
    case = volume_case()
    ends = pair((4.5, 11.0, 22.0), (0.5, 11.0, 22.0), case.result.spacing_mm)
    margin = replace(case.result.all, closest=ends, value_mm=8.0, interval_mm=(8.0, 8.0))
    spanning = replace(case, result=replace(case.result, margins=(margin,)))
    words = overlay._planes(spanning, overlay._views(spanning), None)
    assert any("edge at z = 0.5, tumor at z = 4.5" in line for line in words)
    views = overlay._views(spanning)
    assert _panel._in_plane(spanning, margin, views[0]) == [True, False]
    assert _panel._in_plane(spanning, margin, views[1]) == [True, True]


def test_touching_and_nothing_to_assess_are_drawn():
    case = square_case()
    touching = Margin("all", 0.0, (0.0, 0.5), "touching", pair((4.5, 9.5), (4.5, 9.5), SPACING))
    assert written(replace(case, result=replace(case.result, margins=(touching,)))).ndim == 3
    empty = np.empty((0, 2))
    nothing = Profile(2, np.empty(0), np.empty(0), empty, empty, {"cut": 0.0, "frame": 9.0})
    margin = Margin("all", None, None, "not_assessable", reason="no cut edge in view")
    assert written(replace(case, result=replace(case.result, margins=(margin,), profile=nothing))).ndim == 3


def test_without_regions_the_profile_is_drawn():
    case = square_case(regions={})
    canvas, view, far = panel(case)
    assert close_to(at(canvas, view, (5, 19.02)), _colours.of_distance(np.array(2.0), far), 14)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_counts_are_stretched_for_the_eye(dtype):
    tumor, specimen = square_masks()
    dim = (specimen * 20 + tumor * 30 + 5).astype(dtype)
    if dtype is np.float32:
        dim[0, 0] = np.nan
    canvas, view, _ = panel(square_case(dim))
    assert tuple(at(canvas, view, (12, 19))) == (255, 255, 255)
    assert tuple(at(canvas, view, (2, 2))) == (0, 0, 0)


def test_channels_of_fluorescence_are_joined():
    tumor, specimen = square_masks()
    channels = np.stack([specimen * 100, tumor * 7]).astype(np.uint16)
    canvas, view, _ = panel(square_case(picture=picture(channels, "CYX")))
    assert tuple(at(canvas, view, (12, 19))) == (255, 255, 255)
    assert tuple(at(canvas, view, (2, 2))) == (0, 0, 0)


def test_what_was_never_scanned_is_white():
    pixels = np.full((32, 42, 4), 90, np.uint8)
    pixels[:, :, 3] = 255
    pixels[:8, :8, 3] = 0
    canvas, view, _ = panel(square_case(pixels))
    assert tuple(at(canvas, view, (2, 2))) == (255, 255, 255)
    assert tuple(at(canvas, view, (30, 40))) == (90, 90, 90)


def test_letters_beyond_ascii_are_drawn():
    """Each is drawn, and drawn otherwise than the mark for a letter that a font lacks."""

    def drawn(letter):
        canvas = np.full((60, 80, 3), 255, np.uint8)
        _strokes.write(canvas, letter, (10, 10), 32)
        return canvas

    pictures = [drawn(letter).tobytes() for letter in "≤≥µ²×–…ü?深"]
    assert len(set(pictures)) == len(pictures)


def test_G12_control_letters_are_escaped():
    assert _strokes.text_size("a\x1b[2J", 20) == _strokes.text_size("a\\x1b[2J", 20)


def test_labels_do_not_cover_each_other_nor_what_is_drawn():
    canvas = np.zeros((300, 400, 3), np.uint8)
    busy = np.zeros((300, 400), bool)
    busy[140:160] = True
    placed = Labels(canvas, busy)
    boxes = []
    for words in ("superior 3.2 mm", "deep ≤ 5.0 mm", "medial touching"):
        before = canvas.copy()
        placed.place(words, np.array([200.0, 150.0]), 19)
        changed = np.argwhere((canvas != before).any(2) & ~busy)
        boxes.append(shapely.box(*changed.min(0), *(changed.max(0) + 1)))
    washed = canvas[140:160].astype(int).sum(2) > 600
    assert washed.mean() < 0.02
    assert all(a.intersection(b).area < 0.1 * a.area for i, a in enumerate(boxes) for b in boxes[:i])


def test_colours_grow_darker_with_distance():
    """A scale whose lightness falls steadily can be read with any colour vision, and in grey."""
    colours = _colours.of_distance(np.linspace(0, 1, 50), 1.0)
    assert (np.diff(colours @ [0.2126, 0.7152, 0.0722]) < 0).all()


@pytest.mark.parametrize("far", [0.003, 0.15, 1.0, 2.5, 7.5, 40.0])
def test_scale_has_few_round_ticks(far):
    ticks = _colours.ticks(far)
    assert 3 <= len(ticks) <= 6
    assert ticks[0] == 0
    assert ticks[-1] <= far * (1 + 1e-9)


def test_long_names_stay_on_the_paper():
    case = square_case(case="a case with a name that nobody would want to read on a picture" * 3)
    strip = _sidebar.fill(case, None, 7.5, other_edge=True, planes=["plane 3"])
    assert strip.shape[1] == _sidebar.WIDTH
    assert (strip[:, -8:] == 255).all()


def test_an_encoder_that_fails_is_named(monkeypatch):
    monkeypatch.setattr(cv2, "imencode", lambda *a: (False, None))
    with pytest.raises(MarginError, match="E-OUT-03"):
        overlay.write(square_case(), io.BytesIO())
