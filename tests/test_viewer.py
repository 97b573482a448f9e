"""Whether the tests in a real viewer run here; a run without them says so and why."""

import os

import pytest
from viewer.conftest import REASON


def test_a_viewer_can_be_opened() -> None:
    if REASON and os.environ.get("CI"):
        pytest.fail(REASON)
    if REASON:
        pytest.skip(REASON)
