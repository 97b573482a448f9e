"""The command line: words in, exit code out; tables and JSON on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from casefiles import SPECIMEN, TUMOR, ome, square, square_file, stack_file
from typer.testing import CliRunner

from marginkit import __main__, cli, frontpage

COMMANDS = tuple(frontpage.COMMANDS)


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of the command line, in this process."""
    code = cli.code_of([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def case(folder: Path, *words: object) -> list[object]:
    image = square_file(folder)
    return ["measure", image, "--tumor", TUMOR, "--specimen", SPECIMEN, "--confirm-pixel-size", *words]


def shell(*words: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "marginkit", *map(str, words)], capture_output=True, **options)


def test_help_fits_one_screen_and_names_every_command() -> None:
    shown = CliRunner().invoke(cli.app(), ["--help"], terminal_width=80)
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    for command in COMMANDS:
        assert f"  {command} " in shown.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(command: str) -> None:
    shown = CliRunner().invoke(cli.app(), [command, "--help"], terminal_width=100)
    assert shown.exit_code == 0
    assert f"Example: marginkit {command}" in shown.output


@pytest.mark.parametrize("columns", [40, 60, 73, 80, 99, 100, 101, 200])
def test_the_front_page_is_the_one_that_typer_sets(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.argv", ["marginkit", "--help"])
    _, slow, _ = call(capsys, "--help")
    __main__.main()
    quick = capsys.readouterr().out
    assert quick == slow
    assert "Usage: marginkit [OPTIONS] COMMAND [ARGS]...\n" in quick


def test_every_file_of_a_command_is_on_the_front_page_with_its_first_sentence() -> None:
    files = {path.stem for path in (Path(cli.__file__).parent / "commands").glob("*.py")}
    assert files - {"__init__", "case", "terminal", "words"} == set(COMMANDS)
    for name, text in frontpage.COMMANDS.items():
        said = getattr(import_module(f"marginkit.commands.{name}"), name).__doc__
        assert said.startswith(text)


@pytest.mark.parametrize("word", ["--help", "-h", "--version"])
def test_help_loads_nothing_heavy(word: str) -> None:
    heavy = {"numpy", "scipy", "skimage", "cv2", "tifffile", "zarr", "shapely", "openslide", "rich", "pydicom", "typer"}
    code = (
        f"import sys\nfrom marginkit import __main__\nsys.argv[1:] = ['{word}']\n__main__.main()\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(done.stdout.splitlines()[-1].split())


def test_measure_prints_a_table_and_the_reasons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, *case(tmp_path, "--policy", "sarcoma-cates-2019", "--radiotherapy", "no"))
    assert code == 0
    assert "2.0 mm" in out
    assert "cut edge 50.0 mm: 0.0 mm nearer than 1 mm" in out
    assert "sarcoma-cates-2019, all: inadequate (certain). Margin 2.0 mm, inadequate is < 5 mm without radio" in out
    assert "note: One plane was examined" in err
    assert "Traceback" not in err


def test_json_alone_is_on_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(
        capsys, *case(tmp_path, "--json", "--state", "slide", "--limits", "2.5,5", "--case", "Fall 7 ü")
    )
    assert code == 0
    told = json.loads(out)
    assert told["schema"] == "marginkit.result/1"
    assert told["case"] == "Fall 7 ü"
    assert told["region"] == "tumor"
    assert told["image"]["state"] == "slide"
    assert told["margins"][0]["name"] == "all"
    assert told["margins"][0]["value_mm"] == pytest.approx(2.0)
    assert told["margins"][0]["closest"]["edge_px"] == [4.5, 14.5]
    assert set(told["profile"]["below_mm"]) == {"2.5", "5"}
    assert told["provenance"]["options"]["confirmed"] is True
    assert out.isascii()
    assert "measuring" in err


def test_out_holds_every_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, *case(tmp_path, "--out", tmp_path / "deep" / "out"))
    assert code == 0
    names = {file.name for file in (tmp_path / "deep" / "out").iterdir()}
    assert names == {"result.json", "margins.csv", "margins.geojson", "overlay.png", "report.html"}
    assert "wrote" in err


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_G04_a_link_where_a_result_should_go_is_replaced_not_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    precious, out = tmp_path / "precious.txt", tmp_path / "out"
    precious.write_text("mine")
    out.mkdir()
    (out / "result.json").symlink_to(precious)
    assert call(capsys, *case(tmp_path, "--out", out))[0] == 0
    assert precious.read_text() == "mine"
    assert not (out / "result.json").is_symlink()


def test_the_demo_gives_the_known_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from marginkit import samples

    answers = json.loads((samples.folder() / "answers.json").read_text())
    code, out, _ = call(capsys, "demo", "--out", tmp_path / "demo", "--json")
    assert code == 0
    cases = {one["case"]: one for one in json.loads(out)}
    assert set(cases) == {"he", "fluorescence", "stack"} <= set(answers)
    for name, one in cases.items():
        assert (tmp_path / "demo" / name / "overlay.png").is_file()
        assert f'href="{name}/report.html"' in (tmp_path / "demo" / "report.html").read_text("utf-8")
        known = answers[name]["margins"]
        for margin in one["margins"]:
            wanted = known["tumor"] if name == "stack" else known[margin["name"]]
            assert margin["value_mm"] == pytest.approx(wanted["pixel_mm"], abs=1e-6)
            low, high = margin["interval_mm"]
            assert low <= wanted["analytic_mm"] <= high


def test_names_sectors_barriers_and_edges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tumor, specimen = square()
    wall = np.zeros_like(specimen)
    wall[7, 5:35] = True
    image = ome(tmp_path / "wall.ome.tif", [specimen * 90, tumor, specimen, wall])
    drawn = "threshold:channel=3,above=0.5"
    words = ["measure", image, "--tumor", TUMOR, "--specimen", SPECIMEN, "--confirm-pixel-size", "--json"]
    code, out, _ = call(capsys, *words, "--barrier", f"capsule={drawn}", "--sectors", "up=superior,down=deep")
    told = json.loads(out)
    assert code == 0
    assert [margin["name"] for margin in told["margins"]] == ["all", "superior", "deep"]
    assert [margin["behind_barrier"] for margin in told["margins"]] == ["capsule", "capsule", None]
    code, out, _ = call(
        capsys, *words, "--barrier", drawn, "--name", f"whole={SPECIMEN}", "--edge", f"natural={SPECIMEN}"
    )
    told = json.loads(out)
    assert code == 0
    assert [margin["qualifier"] for margin in told["margins"]] == ["not_assessable"] * 2
    assert told["barriers"][0]["type"] == "barrier"


def test_signal_instead_of_tumor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = square_file(tmp_path)
    words = ["measure", image, "--signal", TUMOR, "--specimen", SPECIMEN, "--confirm-pixel-size", "--json"]
    code, out, _ = call(capsys, *words)
    assert code == 0
    assert json.loads(out)["region"] == "signal"


def test_a_stack_tells_its_least_plane(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["measure", stack_file(tmp_path), "--tumor", TUMOR, "--specimen", SPECIMEN, "--confirm-pixel-size"]
    code, out, _ = call(capsys, *words)
    assert code == 0
    assert "planes one by one: 3 with tumor, least 1.0 mm" in out
    assert "in slice 2" in out
    code, out, _ = call(capsys, *words, "--slice", 1, "--json")
    assert json.loads(out)["plane"] == 1
    assert call(capsys, *words, "--slice", 9)[0] == 1


def test_D01_no_tumor_is_a_result_with_exit_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tumor, specimen = square()
    image = ome(tmp_path / "clean.ome.tif", [specimen * 90, tumor & False, specimen])
    words = [
        "measure",
        image,
        "--tumor",
        TUMOR,
        "--specimen",
        SPECIMEN,
        "--confirm-pixel-size",
        "--out",
        tmp_path / "o",
    ]
    code, out, _ = call(capsys, *words)
    assert code == 0
    assert "no tumor in the image" in out
    assert (tmp_path / "o" / "overlay.png").stat().st_size > 1000


WRONG = {
    "no command": ["mesure"],
    "no such option": ["info", "x.tif", "--colour"],
    "no image": ["measure"],
    "no specimen": ["measure", "x.tif", "--tumor", TUMOR],
    "neither tumor nor signal": ["measure", "IMAGE", "--specimen", SPECIMEN],
    "tumor and signal": ["measure", "IMAGE", "--specimen", SPECIMEN, "--tumor", TUMOR, "--signal", TUMOR],
    "state": ["measure", "IMAGE", "--specimen", SPECIMEN, "--tumor", TUMOR, "--state", "raw"],
    "radiotherapy": ["measure", "IMAGE", "--specimen", SPECIMEN, "--tumor", TUMOR, "--radiotherapy", "maybe"],
    "limits": ["measure", "IMAGE", "--specimen", SPECIMEN, "--tumor", TUMOR, "--limits", "1,x"],
    "negative limit": ["measure", "IMAGE", "--specimen", SPECIMEN, "--tumor", TUMOR, "--limits", "-1"],
    "nan": ["measure", "IMAGE", "--specimen", SPECIMEN, "--tumor", TUMOR, "--link-mm", "nan"],
    "slice": ["measure", "IMAGE", "--specimen", SPECIMEN, "--tumor", TUMOR, "--slice", "two"],
    "name without a name": ["measure", "IMAGE", "--specimen", SPECIMEN, "--tumor", TUMOR, "--name", SPECIMEN],
    "segmenter": ["measure", "IMAGE", "--specimen", "treshold:above=1", "--tumor", TUMOR],
    "segmenter option": ["measure", "IMAGE", "--specimen", "threshold:abov=1", "--tumor", TUMOR],
    "sectors": ["measure", "IMAGE", "--specimen", SPECIMEN, "--tumor", TUMOR, "--sectors", "north=a"],
}


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG.keys())
def test_wrong_usage_is_2(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = str(square_file(tmp_path))
    shown = [image if word == "IMAGE" else word for word in words]
    code, out, err = call(capsys, *shown, *(["--confirm-pixel-size"] if image in shown else []))
    assert code == 2
    assert out == ""
    assert err.strip()
    assert "Traceback" not in err


def bad(folder: Path, name: str) -> list[object]:
    """A command whose input cannot be used."""
    made = {
        "empty.tif": b"",
        "cut.tif": b"II*\0\x08\0\0\0",
        "text.png": b"not a picture",
        "E16 %s{} \n.tif": b"II*\0",
    }
    if name in made:
        (folder / name).write_bytes(made[name])
        return ["info", folder / name]
    if name == "fifo":
        if not hasattr(os, "mkfifo"):
            pytest.skip("no pipes with names here")
        os.mkfifo(folder / "pipe.tif")
        return ["info", folder / "pipe.tif"]
    if name == "not calibrated":
        import tifffile

        tifffile.imwrite(folder / "bare.tif", np.zeros((8, 8), np.uint8))
        return ["measure", folder / "bare.tif", "--tumor", "threshold", "--specimen", "threshold"]
    more: dict[str, list[object]] = {
        "policy": ["--policy", "nobody"],
        "case name": ["--case", "../x"],
        "file as folder": ["--out", folder / "square.ome.tif"],
        "pixel size": ["--pixel-size", "half a mm"],
        "mask missing": ["--name", "deep=no-such.tif"],
    }
    return case(folder, *more[name])


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("empty.tif", "E-FILE-01", "empty.tif"),
        ("cut.tif", "E-FILE", "cut.tif"),
        ("text.png", "E-FILE", "text.png"),
        ("E16 %s{} \n.tif", "E-FILE", "%s{} \\n.tif"),
        ("fifo", "E-FILE-01", "pipe.tif"),
        ("not calibrated", "E-CAL-01", "Give --pixel-size"),
        ("policy", "E-POL-04", "sarcoma-cates-2019"),
        ("case name", "E-NAME-01", "Rename"),
        ("file as folder", "E-FILE-12", "square.ome.tif"),
        ("pixel size", "E-CAL", "square.ome.tif"),
        ("mask missing", "E-FILE-11", "no-such.tif"),
    ],
)
def test_bad_input_is_one_line_and_1(
    name: str, code: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, out, err = call(capsys, *bad(tmp_path, name))
    assert found == 1
    assert out == ""
    last = err.rstrip("\n").splitlines()[-1]
    assert last.startswith("marginkit: ")
    assert code in last
    assert says in last
    assert str(tmp_path) not in last
    assert "Traceback" not in err


def test_a_fault_of_ours_is_one_line_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from marginkit import opening

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("what\nhappened")

    monkeypatch.setattr(opening, "open", broken)
    code, out, err = call(capsys, "info", square_file(tmp_path))
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith(r"marginkit: internal error (E-BUG-01): RuntimeError: what\nhappened.")
    monkeypatch.setenv(cli.DEBUG, "1")
    with pytest.raises(RuntimeError):
        cli.code_of(["info", "x.tif"])


@pytest.mark.parametrize(("raised", "wanted"), [(KeyboardInterrupt, 130), (MemoryError, 1)])
def test_F02_stopped_by_the_user_or_for_want_of_memory(
    raised: type[BaseException], wanted: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from marginkit import opening

    def stop(*_: Any, **__: Any) -> None:
        raise raised

    monkeypatch.setattr(opening, "open", stop)
    code, _, err = call(capsys, "info", "x.tif")
    assert code == wanted
    assert "Traceback" not in err


def test_info_tells_the_pixel_size_and_its_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = ome(tmp_path / "small.ome.tif", list(square()), pixel_um=0.5)
    code, out, _ = call(capsys, "info", image, "--json")
    told = json.loads(out)
    assert code == 0
    wanted = "format axes shape levels dtype channels spacing_mm calibration claims warnings"
    assert set(wanted.split()) <= set(told)
    assert (told["axes"], told["shape"], told["dtype"]) == ("CYX", [2, 32, 42], "uint8")
    assert told["spacing_mm"] == pytest.approx([0.0005, 0.0005])
    assert told["calibration"]["source"] == "OME PhysicalSize"
    assert [claim["source"] for claim in told["claims"] if claim["taken"]] == ["OME PhysicalSize"]
    code, out, _ = call(capsys, "info", image)
    assert code == 0
    assert "0.0005 x 0.0005 mm  from OME PhysicalSize" in out


def test_info_says_why_there_is_no_pixel_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import tifffile

    tifffile.imwrite(tmp_path / "dpi.tif", np.zeros((8, 8), np.uint8), resolution=(96, 96), resolutionunit="INCH")
    code, out, _ = call(capsys, "info", tmp_path / "dpi.tif", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["spacing_mm"] is None
    assert told["calibration"] is None
    assert "96 dpi" in told["refusal"]
    assert any("96 dpi" in warning for warning in told["warnings"])
    code, out, _ = call(capsys, "info", tmp_path / "dpi.tif", "--pixel-size", "2um", "--json")
    assert json.loads(out)["spacing_mm"] == [0.002, 0.002]


def test_policies_with_their_citation(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "policies", "--json")
    told = json.loads(out)
    assert code == 0
    assert len(told) >= 10
    assert all(one["citation"] and one["levels"] for one in told)
    code, out, _ = call(capsys, "policies", "sarcoma-cates-2019")
    assert code == 0
    assert "doi:10.1038/s41379-019-0278-9" in out
    assert call(capsys, "policies")[0] == 0
    code, out, err = call(capsys, "policies", "nobody")
    assert (code, out) == (1, "")
    assert "E-POL-04" in err


def test_selftest_fails_loudly_where_a_phantom_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from marginkit import phantoms
    from marginkit.phantoms import Row

    rows = [Row("half-plane", "pixels", 1.0, 1.0, 0.0, 0.0, True)]
    monkeypatch.setattr(phantoms, "selftest", lambda measure: rows)
    code, out, _ = call(capsys, "selftest")
    assert code == 0
    assert "half-plane" in out
    rows.append(Row("disc", "pixels", 1.0, 1.5, 0.5, 0.1, False, "off by 0.5 mm"))
    code, out, err = call(capsys, "selftest", "--json")
    assert code == 1
    assert [row["ok"] for row in json.loads(out)] == [True, False]
    assert "do not use this installation" in err


def test_G14_formats_says_whose_each_extension_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "readers").mkdir()
    (tmp_path / "readers" / "mine.py").write_text("NAME = 'mine'\ndef claims(head, name): ...\ndef read(path): ...\n")
    monkeypatch.setenv("MARGINKIT_SHELF", str(tmp_path))
    code, out, _ = call(capsys, "formats", "--json")
    told = {(one["kind"], one["name"]): one["origin"] for one in json.loads(out)}
    assert code == 0
    assert told["reader", "mine"] == "file readers/mine.py"
    assert {told["reader", "tiff"], told["segmenter", "ink"], told["report", "page"]} == {"marginkit"}
    assert "mine" in call(capsys, "formats")[1]


def test_G12_escape_sequences_in_a_name_are_shown_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = ome(tmp_path / "red\x1b[31m.ome.tif", list(square()), pixel_um=0.5)
    for words in (["info", image], ["info", image, "--json"], ["info", f"{image}x"]):
        _, out, err = call(capsys, *words)
        assert "\x1b" not in out + err


@pytest.mark.skipif(sys.platform != "linux", reason="names of bytes that are no text are a matter of Linux")
def test_E16_a_name_that_is_no_text(tmp_path: Path) -> None:
    made = square_file(tmp_path)
    odd = os.fsencode(tmp_path) + b"/caf\xe9.ome.tif"
    os.rename(made, odd)
    words = [b"measure", odd, b"--tumor", TUMOR.encode(), b"--specimen", SPECIMEN.encode(), b"--confirm-pixel-size"]
    out = os.fsencode(tmp_path / "out")
    done = subprocess.run(
        [sys.executable.encode(), b"-m", b"marginkit", *words, b"--case", b"cafe", b"--out", out], capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "result.json").read_text())["image"]["name"] == "caf\\udce9.ome.tif"


def test_F14_a_console_of_another_alphabet_is_no_reason_to_stop(tmp_path: Path) -> None:
    for encoding, words, said in (
        ("ascii", case(tmp_path), "2.0 mm"),
        ("cp1252", ["policies"], "doi:10.1038/s41379-019-0278-9"),
        ("utf-16", ["policies", "uicc-r"], "AJCC"),
    ):
        done = shell(*words, env={**os.environ, "PYTHONIOENCODING": encoding})
        assert done.returncode == 0, (encoding, done.stderr)
        assert said in done.stdout.decode(encoding)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX pipe")
def test_F14_a_reader_that_goes_away_changes_no_exit_code(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "marginkit", *map(str, case(tmp_path, "--json"))], stdout=write, stderr=subprocess.PIPE
    )
    os.close(write)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


WAITS = """
import signal, sys, time
from marginkit import cli, opening

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs us in the background ignores it

def wait(*words, **options):
    print("up", flush=True)
    time.sleep(60)

opening.open = wait
sys.argv = ["marginkit", "info", "x.tif"]
cli.main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX signal")
def test_F02_ctrl_c_is_130_without_traceback() -> None:
    with subprocess.Popen([sys.executable, "-c", WAITS], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert b"Traceback" not in err


def test_the_module_and_its_version_run() -> None:
    done = shell("--version")
    assert done.returncode == 0
    assert done.stdout.startswith(b"marginkit 0.")


def test_G15_no_socket_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "__init__", refuse)
    assert call(capsys, *case(tmp_path, "--policy", "uicc-r", "--out", tmp_path / "out"))[0] == 0
