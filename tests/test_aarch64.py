"""What the emulated machines decide before anything is fetched, and what is made of their answers."""

import sys
from pathlib import Path

import pytest
from rich.console import Console

from hil.aarch64 import second
from hil.aarch64.__main__ import _LEFT_OUT, _ON_SECOND, _ON_TARGET
from hil.aarch64.checks import Check, exit_code, read, show
from hil.aarch64.debian import mirror
from hil.aarch64.machine import made, requirements

ROOT = Path(__file__).resolve().parent.parent

XML = """\
<testsuites><testsuite>
<testcase classname="tests.aarch64.packages_import" name="test_it_imports[numpy]"/>
<testcase classname="tests.aarch64.packages_import" name="test_it_imports[lgpio]"><skipped message="no wheel"/></testcase>
<testcase classname="tests.a" name="test_it_compiles"><failure message="TypingError: no&#10;second line">trace</failure></testcase>
<testcase classname="tests.a" name="test_it_sounds[loud]"><error message="the fixture broke"/></testcase>
<testcase classname="tests.b" name="test_it_is_quiet"><skipped message="no recording"/></testcase>
<testcase classname="" name="tests.dsp.test_fft"><error message="collection failure"/></testcase>
</testsuite></testsuites>
"""


@pytest.mark.parametrize(
    ("targets", "found"),
    [
        ("http://m/debian/|bookworm|bookworm|main|Debian",           "http://m/debian/"),
        ("http://m/debian/|stable|bookworm|main|Debian",             "http://m/debian/"),   # named by its suite
        ("http://m/debian/|bookworm||main|",                         "http://m/debian/"),   # apt has never fetched
        ("http://s/debian-security/|bookworm-security|bookworm-security|main|Debian", None),
        ("http://p/apt/|bookworm|bookworm|stable|Somebody",          None),
        ("http://p/apt/|bookworm|bookworm|main|Somebody\nhttp://m/debian/|bookworm|bookworm|main|Debian", "http://m/debian/"),
        ("W: something apt said",                                    None),
        ("",                                                         None),
    ],
)  # fmt: skip
def test_packages_come_from_where_this_machine_has_its_own_debian_from(targets: str, found: str | None) -> None:
    assert mirror(targets, "bookworm") == found


def test_a_package_is_asked_for_only_where_its_condition_holds_on_the_target() -> None:
    lines = [
        "numpy>=2.2",
        "lgpio>=0.2.2; python_version < '3.13' and platform_machine == 'aarch64'",
        "x; sys_platform == 'win32'",
    ]
    assert requirements(lines, "3.11") == ["numpy>=2.2", "lgpio>=0.2.2"]
    assert requirements(lines, "3.13") == ["numpy>=2.2"]


def test_a_folder_that_was_not_finished_does_not_count_and_a_finished_one_replaces_its_predecessor(
    tmp_path: Path,
) -> None:
    def broken(place: Path) -> None:
        (place / "half").touch()
        raise OSError("the line went dead")

    old = made(tmp_path / "root-1", lambda place: (place / "whole").touch())
    other = made(tmp_path / "venv-1", lambda place: None)
    with pytest.raises(OSError, match="dead"):
        made(tmp_path / "root-2", broken)
    assert sorted(tmp_path.iterdir()) == [old, other]
    new = made(tmp_path / "root-2", lambda place: (place / "whole").touch())
    assert sorted(tmp_path.iterdir()) == [new, other]
    assert made(new, broken) == new


def test_each_file_of_tests_is_one_check_and_says_what_did_not_pass(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text(XML)
    assert read(tmp_path / "x.xml", "here") == [
        Check("aarch64: packages import", "here", "passed", "1 of 2; it imports [lgpio]: not run: no wheel"),
        Check(
            "a",
            "here",
            "failed",
            "0 of 2; it compiles: failed: TypingError: no; it sounds [loud]: failed: the fixture broke",
        ),
        Check("b", "here", "not run", "0 of 1; it is quiet: not run: no recording"),
        Check("dsp: fft", "here", "failed", "0 of 1; tests.dsp.test fft: failed: collection failure"),
    ]
    (whole,) = read(tmp_path / "x.xml", "here", "all of it")
    assert whole.outcome == "failed"
    assert whole.reason.startswith("1 of 6; ")
    assert whole.reason.endswith("; and 2 more")


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (["passed", "passed"],                 0),
        (["passed", "not run"],                0),
        (["passed", "failed", "no verdict"],   1),
        (["passed", "no verdict"],             4),  # a broken download is not a broken product, and no good one
        (["not run"],                          4),  # nothing was proved
        ([],                                   4),
    ],
)  # fmt: skip
def test_the_exit_code_tells_a_failure_from_no_verdict(outcomes: list, code: int) -> None:
    assert exit_code(Check("it", "here", outcome) for outcome in outcomes) == code


def test_the_table_shows_what_was_not_run_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    show(
        [Check("it sounds", "here", "not run", "no [such] ear"), Check("it fits", "there", "failed")],
        Console(width=120),
    )
    said = capsys.readouterr().out
    assert "no [such] ear" in said
    assert "FAILED" in said
    assert "1 failed, 1 not run" in said


def test_the_running_python_is_no_second_one() -> None:
    running = "{}.{}".format(*sys.version_info)
    assert second.other_versions(["2.7", running, "3.99"]) == ["2.7", "3.99"]


def test_an_interpreter_is_found_where_a_version_manager_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = "{}.{}".format(*sys.version_info)
    refuses = tmp_path / "bin" / f"python{running}"  # on the path, and no interpreter
    kept = tmp_path / f"versions/{running}.7/bin/python{running}"
    for place in (refuses, kept):
        place.parent.mkdir(parents=True)
    refuses.write_text("#!/bin/sh\nexit 127\n")
    refuses.chmod(0o755)
    kept.symlink_to(Path(sys.executable).resolve())
    monkeypatch.setenv("PATH", str(refuses.parent))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "nothing"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    found = second.find(running)
    assert found is not None
    assert found.resolve() == Path(sys.executable).resolve()
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "nothing"))
    assert second.find(running) is None


def test_what_is_asked_and_what_is_left_out_is_there() -> None:
    for name in (*_ON_TARGET, *_ON_SECOND, *_LEFT_OUT):
        assert (ROOT / name.partition("::")[0]).exists(), name
