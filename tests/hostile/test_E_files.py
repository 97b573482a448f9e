"""Rows E01, E03, E16, E17, F03, F04, G03, G04: files that are none, change, or cannot be written."""

import errno
import os
import socket
import tempfile
from pathlib import Path

import pytest

from marginkit import files
from marginkit.errors import CaseNameError, FileError, SizeError

posix = pytest.mark.skipif(os.name == "nt", reason="pipes and devices have no name there")


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    path = tmp_path / "letter.bin"
    path.write_bytes(b"old")
    return path


def test_E01_empty_file_and_folder(tmp_path: Path) -> None:
    (tmp_path / "empty.tif").write_bytes(b"")
    with pytest.raises(FileError, match=r"^empty\.tif: the file is empty \(E-FILE-01\)"):
        files.head(tmp_path / "empty.tif")
    with pytest.raises(FileError, match=r"E-FILE-01|E-FILE-11"):
        files.head(tmp_path)


@posix
def test_E01_pipe_device_and_socket_never_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    with pytest.raises(FileError, match=r"E-FILE-01\): a pipe"):
        files.head(tmp_path / "pipe.tif")
    with pytest.raises(FileError, match=r"E-FILE-01\): a device"):
        files.head("/dev/zero")
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{short}/s.tif")
        with pytest.raises(FileError, match=r"^s\.tif: not a regular file \(E-FILE-01\)"):
            files.head(f"{short}/s.tif")


def test_E18_vanished_and_forbidden_carry_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileError, match=r"gone\.tif: .*E-FILE-11\): No such file"):
        files.head(tmp_path / "gone.tif")

    def forbidden(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)
    with pytest.raises(FileError, match=r"E-FILE-11\): Permission denied"):
        files.head(tmp_path / "gone.tif")


def test_E03_growing_file(letter: Path) -> None:
    with pytest.raises(FileError, match="still changing"), files.unchanged(letter), letter.open("ab") as stream:
        stream.write(b"more")


@posix
@pytest.mark.parametrize("name", ["new\nline.tif", "😀.tif", "x" * 250 + ".tif", "‮fit.tif", "%s{}.tif"])
def test_E16_odd_names_open_and_are_shown_on_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"II*\0")
    assert files.head(tmp_path / name) == b"II*\0"
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(FileError) as caught:
        files.head(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_E16_nul_in_a_name(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="E-FILE-01"):
        files.head(f"{tmp_path}/a\0b.tif")


@pytest.mark.parametrize("name", ["._x.tif", ".DS_Store", "Thumbs.db", "~$x.csv", ".result.json.123.partial"])
def test_E17_litter(name: str) -> None:
    assert files.litter(name)
    assert not files.litter("x.tif")


def test_bounded_read(letter: Path) -> None:
    assert files.read_bounded(letter, 3) == b"old"
    with pytest.raises(SizeError, match=r"letter\.bin: .*E-SIZE-01"):
        files.read_bounded(letter, 2)


def test_sha256_is_the_published_one(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert files.sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_folder_digest_sees_names_and_content(tmp_path: Path) -> None:
    (tmp_path / "f" / "sub").mkdir(parents=True)
    (tmp_path / "f" / "sub" / "a").write_bytes(b"1")
    first = files.folder_sha256(tmp_path / "f")
    (tmp_path / "f" / "sub" / "a").rename(tmp_path / "f" / "sub" / "b")
    second = files.folder_sha256(tmp_path / "f")
    (tmp_path / "f" / "sub" / "b").write_bytes(b"2")
    assert len({first, second, files.folder_sha256(tmp_path / "f")}) == 3


@posix
def test_E15_link_out_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "out").symlink_to("/etc/hostname")
    with pytest.raises(FileError, match="E-FILE-08"):
        files.inside(tmp_path / "f")


def test_written_whole(letter: Path) -> None:
    with files.write_atomic(letter) as stream:
        stream.write(b"new")
        assert letter.read_bytes() == b"old"
    assert letter.read_bytes() == b"new"
    assert os.listdir(letter.parent) == ["letter.bin"]


def test_F03_an_error_in_the_middle_keeps_the_old_file(letter: Path) -> None:
    with pytest.raises(TypeError), files.write_atomic(letter) as stream:
        stream.writelines([b"ne", None])  # type: ignore[list-item]
    assert letter.read_bytes() == b"old"
    assert os.listdir(letter.parent) == ["letter.bin"]


@pytest.mark.parametrize("step", ["created", "written", "synced", "renamed"])
@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_F03_F04_full_disk_at_every_step(letter: Path, monkeypatch: pytest.MonkeyPatch, step: str, reason: int) -> None:
    def fault(at: str) -> None:
        if at == step:
            raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(files, "commit", fault)
    with pytest.raises(FileError, match=r"letter\.bin: .*E-FILE-12"), files.write_atomic(letter) as stream:
        stream.write(b"new")
    assert letter.read_bytes() == (b"new" if step == "renamed" else b"old")
    assert os.listdir(letter.parent) == ["letter.bin"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_F03_full_disk_as_the_system_says_it(letter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_create", lambda partial: Path("/dev/full").open("wb"))  # noqa: SIM115
    with pytest.raises(FileError, match=r"E-FILE-12\): No space left"), files.write_atomic(letter) as stream:
        stream.write(b"new")
    assert letter.read_bytes() == b"old"


@posix
def test_G04_a_link_is_replaced_not_followed(letter: Path) -> None:
    link = letter.parent / "link"
    link.symlink_to(letter)
    with files.write_atomic(link) as stream:
        stream.write(b"new")
    assert (letter.read_bytes(), link.read_bytes(), link.is_symlink()) == (b"old", b"new", False)


BAD = [
    "../../x",
    "C:\\x",
    "a/b",
    "~",
    "",
    " ",
    "x" * 300,
    "CON",
    "nul.txt",
    "a\nb",
    "a.",
    ".hidden",
    "-rf",
    "a\u202eb",
    "a\0b",
]


@pytest.mark.parametrize("name", BAD)
def test_G03_bad_case_names(name: str) -> None:
    with pytest.raises(CaseNameError, match="E-NAME-01"):
        files.safe_case_name(name)


@pytest.mark.parametrize("name", ["case 07", "é", "S1_A2-3 (block 4)", "console", "腫瘍"])
def test_G03_good_case_names(name: str) -> None:
    assert files.safe_case_name(name) == name
