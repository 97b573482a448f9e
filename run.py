#!/usr/bin/env python3
"""Set up a private environment in .venv and run marginkit in it. Needs nothing but python3.

python3 run.py demo [--out DIR]        the main job on the bundled samples
python3 run.py test [PYTEST OPTIONS]   every test
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
# a display without a screen, and what Qt needs of X
XVFB = ["xvfb", "xauth", "libgl1", "libegl1", "libxkbcommon-x11-0", "libxcb-cursor0", "libxcb-icccm4"]
XVFB += ["libxcb-keysyms1", "libxcb-shape0", "libdbus-1-3", "libglib2.0-0", "fontconfig"]


def call(*words: object) -> int:
    """Exit code of a command run in the project's folder."""
    return subprocess.call([str(word) for word in words], cwd=ROOT)


def install(*what: str) -> int:
    """Install into .venv."""
    return call(BIN / "uv", "pip", "install", "-q", "--python", BIN / "python", *what)


def set_up() -> int:
    """Make .venv, bring uv into it, and install marginkit with its development tools."""
    if not (BIN / "python").exists() and call(sys.executable, "-m", "venv", VENV):
        return 1
    if call(BIN / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "uv"):
        return 1
    return install("--group", "dev", "-e", ".[dicom,onnx,train]")


def bring_viewer() -> None:
    """Bring napari and a display, for the tests in a real viewer. Where that fails they are left out and say why."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY") and not shutil.which("Xvfb"):
        bring_xvfb()
    if install("--group", "viewer"):
        print("run.py: napari could not be installed; tests in a viewer are left out", file=sys.stderr)


def bring_xvfb() -> None:
    """Install Xvfb where this is root on a Debian-like system; elsewhere nothing."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    patience = ("-qq", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20")
    with open(os.devnull, "w") as silence:
        for words in (["update"], ["install", "-y", "--no-install-recommends", *XVFB]):
            if subprocess.call(["apt-get", *patience, *words], stdout=silence, stderr=silence):
                print(f"run.py: apt-get {words[0]} failed; tests in a viewer may be left out", file=sys.stderr)


def tools() -> None:
    """Bring Debian's Chromium and Groovy where that can be done; without them the tests that need them are skipped."""
    wanted = []
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        wanted.append(("chromium", "fonts-dejavu-core"))
    if not shutil.which("groovy"):
        wanted.append(("groovy",))
    if wanted and shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        print("run.py: installing what the tests of the pages and of the QuPath script need", file=sys.stderr)
        call("apt-get", "update", "-qq")
        for packages in wanted:  # one that cannot be had is not to keep the other away
            call("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)


def main(words: list[str]) -> int:
    """Run one of the commands of the README."""
    if not words or words[0] not in ("demo", "test"):
        print(__doc__)
        return 2
    if set_up():
        print("run.py: the environment could not be set up (see the message above)", file=sys.stderr)
        return 1
    if words[0] == "demo":
        return call(BIN / "python", "-m", "marginkit", "demo", *words[1:])
    bring_viewer()
    tools()
    # a test that hangs ends its worker, whatever code it is in; worksteal goes on without it, loadfile waits for ever
    side_by_side = ("-n", min(4, os.cpu_count() or 1), "--dist", "worksteal", "--timeout-method", "thread")
    return call(BIN / "python", "-m", "pytest", "-rs", *side_by_side, *words[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
