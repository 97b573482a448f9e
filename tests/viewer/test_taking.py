"""The one label of a layer is found strip by strip as it is of the whole."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from napari_marginkit import taking

from marginkit.geometry import sharing

dtypes = st.sampled_from([np.uint8, np.int16, np.uint32])
shapes = st.sampled_from([(0, 3), (1, 1), (7, 5), (4, 3, 2)])


@pytest.fixture(params=[1, 2], autouse=True)
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "threads", request.param)
    monkeypatch.setattr(taking, "STRIP_BYTES", 20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_the_only_label(data: st.DataObject) -> None:
    dtype, shape = data.draw(dtypes), data.draw(shapes)
    some = data.draw(st.sampled_from([(0,), (0, 3), (3,), (0, 3, 4), (0, -1 if dtype is np.int16 else 1)]))
    pixels = data.draw(arrays(dtype, shape, elements=st.sampled_from(some)))
    labels = set(np.unique(pixels).tolist()) - {0}
    found = taking._only(pixels)
    if len(labels) > 1 or min(labels, default=1) < 0:
        assert found is None
    else:
        assert found is not None
        assert np.array_equal(found, pixels != 0)
