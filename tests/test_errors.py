"""One line, file without folders, code, remedy: whatever stands in the names."""

import pickle

from marginkit.errors import CalibrationError, MarginError


def test_line_names_file_without_its_folders() -> None:
    error = CalibrationError("E-CAL-01", "pixel size missing", cause="no tag", remedy="Give it.", file="/x/y/a.tif")
    assert str(error) == "a.tif: pixel size missing (E-CAL-01): no tag. Give it."


def test_E16_control_characters_are_escaped() -> None:
    assert str(MarginError("E-X-1", "bad", file="a\x1b[31m\n‮.tif")) == "a\\x1b[31m\\n\\u202e.tif: bad (E-X-1)"


def test_survives_pickling_between_processes() -> None:
    error = CalibrationError("E-CAL-01", "w", cause="c", remedy="r", file="f")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.code) == (CalibrationError, str(error), "E-CAL-01")
