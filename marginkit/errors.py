"""Errors that a user can act on: one line with file, cause, code and remedy.

MarginError
├── CalibrationError   E-CAL-…   the pixel size is missing, refused or contradictory
├── PixelError         E-PIX-…   the pixel values cannot mean what was asked
├── AxesError          E-AXE-…   the axes are ambiguous
├── GridError          E-GRID-…  two inputs do not lie on one grid
├── OutlineError       E-GEO-…   a polygon cannot be used
├── MeasureError       E-MSR-…   there is nothing to measure
├── FileError          E-FILE-…  the file is broken, unsafe or of no known kind
├── SizeError          E-SIZE-…  the file asks for more memory than allowed
├── PolicyError        E-POL-…   a policy is not usable
├── ModelError         E-MOD-…   a trained model is broken, unsafe, or not made for this image
├── AgreementError   E-AGR-…   tables of readers cannot be compared
├── CaseNameError      E-NAME-…  a case name cannot be a file name
├── ShelfError         E-SHELF-… two extensions of one name, or none
├── UsageError         E-USE-…   what was asked for is not understood
└── MissingExtraError  E-EXTRA-… an optional part is not installed

The surprising thing: every one of them is also a ``ValueError``, so that scripts that know nothing of
marginkit still catch what they expect. A value of the wrong *type* is the builtin ``TypeError``.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path


def plain(text: str) -> str:
    """Text on one line with control characters escaped, safe for a terminal.

    >>> plain("a\\nb")
    'a\\\\nb'
    """
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else c
        for c in text
    )


class MarginError(ValueError):
    """What went wrong, for whom, and what to do about it, on one line.

    Parameters
    ----------
    code : stable code such as ``E-CAL-01``.
    what : what is wrong, in a few words.
    cause : why marginkit thinks so (values, tags, shapes).
    remedy : what the user can do.
    file : the file in question; only its name is shown, never its folders.

    Examples
    --------
    >>> str(MarginError("E-CAL-01", "pixel size missing", cause="no tag", remedy="Give --pixel-size.", file="x/a.tif"))
    'a.tif: pixel size missing (E-CAL-01): no tag. Give --pixel-size.'
    """

    def __init__(
        self, code: str, what: str, *, cause: str = "", remedy: str = "", file: str | Path | None = None
    ) -> None:
        self.code = code
        self.what = what
        self.cause = cause
        self.remedy = remedy
        self.file = None if file is None else Path(file).name
        super().__init__(self._line())

    def _line(self) -> str:
        head = f"{self.file}: " if self.file else ""
        cause = f": {self.cause.rstrip('.')}" if self.cause else ""
        remedy = f". {self.remedy}" if self.remedy else ""
        return plain(f"{head}{self.what} ({self.code}){cause}{remedy}")

    def about(self, file: str | Path) -> MarginError:
        """The same error, naming the file that it is about."""
        return type(self)(self.code, self.what, cause=self.cause, remedy=self.remedy, file=file)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.code, self.what, self.cause, self.remedy, self.file)


def _rebuild(kind: type[MarginError], code: str, what: str, cause: str, remedy: str, file: str | None) -> MarginError:
    return kind(code, what, cause=cause, remedy=remedy, file=file)


class CalibrationError(MarginError):
    """The pixel size is missing, refused or contradictory."""


class PixelError(MarginError):
    """The pixel values cannot mean what was asked of them."""


class AxesError(MarginError):
    """The axes are ambiguous."""


class GridError(MarginError):
    """Two inputs do not lie on one grid."""


class OutlineError(MarginError):
    """A polygon cannot be used."""


class MeasureError(MarginError):
    """There is nothing to measure."""


class FileError(MarginError):
    """The file is broken, unsafe or of no known kind."""


class SizeError(MarginError):
    """The file asks for more memory than allowed."""


class PolicyError(MarginError):
    """A policy is not usable."""


class ModelError(MarginError):
    """A trained model is broken, unsafe, or not made for this image."""


class AgreementError(MarginError):
    """Tables of readers cannot be compared."""


class RunError(MarginError):
    """A batch cannot go on, or a case of it was lost to something that is no error of the case."""


class CaseNameError(MarginError):
    """A case name cannot be a file name."""


class ShelfError(MarginError):
    """Two extensions of one name, or none of that name."""


class UsageError(MarginError):
    """What was asked for is not understood: the command line exits with 2, as for any wrong usage."""


class MissingExtraError(MarginError):
    """An optional part of marginkit is not installed."""
