"""Random tumors in random specimens for Hypothesis."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


@st.composite
def cases(draw: st.DrawFn, max_side: int = 10, ndims: tuple[int, ...] = (2, 3)) -> tuple:
    """(tumor, specimen, spacing) with at least one pixel of tumor in tissue and one pixel of background."""
    ndim = draw(st.sampled_from(ndims))
    side = max_side if ndim == 2 else max(3, max_side // 2)
    shape = draw(hnp.array_shapes(min_dims=ndim, max_dims=ndim, min_side=2, max_side=side))
    specimen = draw(hnp.arrays(bool, shape, elements=st.sampled_from([True, True, True, False])))
    specimen = np.pad(specimen, 1) if draw(st.booleans()) else specimen
    tumor = draw(hnp.arrays(bool, specimen.shape, elements=st.sampled_from([False, False, False, False, True])))
    if not (tumor & specimen).any():
        specimen.flat[specimen.size // 2] = tumor.flat[specimen.size // 2] = True
    if specimen.all():
        specimen.flat[0] = False
        tumor.flat[specimen.size - 1] = True
    spacing = tuple(draw(st.sampled_from([0.1, 0.25, 0.5, 1.0, 1.7, 3.0])) for _ in range(ndim))
    return tumor, specimen, spacing
