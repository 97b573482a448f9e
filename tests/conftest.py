"""Where the real images are, and what their absence means: a skip for a user, a failure in CI."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images, which is not part of the project (licences)."""
    folder = Path(os.environ.get("MARGINKIT_SHARED_DATA", BESIDE))
    if folder.is_dir():
        return folder
    if os.environ.get("CI"):
        pytest.fail("the real-data folder is absent; in CI it must be there")
    pytest.skip("the real-data folder is absent (set MARGINKIT_SHARED_DATA)")
