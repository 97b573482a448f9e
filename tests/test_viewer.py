"""Whether the tests in a real viewer run here; a run without them says so, and why."""

import os

import pytest
from viewer.conftest import lacking


def test_a_viewer_can_be_opened() -> None:
    reason = lacking()
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(f"no tests in a viewer: {reason}")
