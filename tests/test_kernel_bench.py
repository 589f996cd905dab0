"""The kernel bench as far as no kernel is needed: what makes a build another build, who may have one, what is left behind."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hil.kernel import BuildFailed, Ended, GuestFault, NotHere, build, guest
from hil.kernel.__main__ import main
from hil.kernel.processes import group

ROOT = Path(__file__).resolve().parent.parent


def kernel(
    version: str = "6.12.1-1", hz: int = 1000, config: str = "CONFIG_SND=y\n", compiler: str = "gcc 12.2.0"
) -> str:
    return build.kernel_digest(version, hz, config, compiler)


@pytest.mark.parametrize(
    "other",
    [
        {"version": "6.12.1-2"},
        {"hz": 100},
        {"config": "CONFIG_SND=m\n"},
        {"compiler": "gcc 14.2.0"},
        {"version": "6.12.1-11", "hz": 0},     # the same characters, another list
    ],
    ids=lambda other: " and ".join(other),
)  # fmt: skip
def test_whatever_goes_into_a_kernel_names_it(other):
    assert kernel(**other) != kernel() == kernel()


@pytest.mark.parametrize(
    ("of", "sources"),
    [
        ("k2", {"a.c": "int a;", "Kbuild": "obj-m := a.o"}),
        ("k1", {"a.c": "int b;", "Kbuild": "obj-m := a.o"}),
        ("k1", {"b.c": "int a;", "Kbuild": "obj-m := a.o"}),
        ("k1", {"a.c": "int a;"}),
    ],
    ids=["kernel", "text", "name", "one less"],
)
def test_whatever_goes_into_our_modules_names_them(tmp_path, of, sources):
    def written(folder: Path, texts: dict[str, str]) -> Path:
        folder.mkdir()
        for name, text in texts.items():
            (folder / name).write_text(text)
        return folder

    first = build.modules_digest("k1", written(tmp_path / "first", {"a.c": "int a;", "Kbuild": "obj-m := a.o"}))
    assert build.modules_digest(of, written(tmp_path / "other", sources)) != first


@pytest.mark.parametrize(
    ("machine", "there",           "said"),
    [
        ("aarch64", {"make", "bc"}, "x86-64 machine .*this is aarch64$"),
        ("x86_64",  {"make"},       "^bc not found; .*setup kernel"),
        ("x86_64",  set(),          "^make, bc not found"),
    ],
)  # fmt: skip
def test_a_machine_that_cannot_is_told_what_it_lacks_in_one_sentence(machine, there, said):
    lacking = build.missing(machine, ["make", "bc"], lambda tool: tool if tool in there else None)
    assert lacking is not None
    assert "\n" not in lacking
    with pytest.raises(NotHere, match=said):
        raise NotHere(lacking)


def test_a_machine_that_can_lacks_nothing():
    assert build.missing("x86_64", ["make", "bc"], lambda tool: tool) is None


@pytest.mark.parametrize(
    ("verb",            "status", "stdout"),
    [
        (["check"],              0, "kernel bench: not run: it needs an x86-64 machine"),
        (["check", "-k", "gpio"], 0, "kernel bench: not run: it needs an x86-64 machine"),
        (["run", "--", "true"],  3, ""),
        (["build"],              3, ""),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)  # fmt: skip
def test_on_another_architecture_the_checks_are_not_run_and_that_is_no_failure(
    monkeypatch, capsys, verb, status, stdout
):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert main(verb) == status
    captured = capsys.readouterr()
    assert captured.out.startswith(stdout)
    assert "aarch64" in captured.out + captured.err
    assert len((captured.out + captured.err).splitlines()) == 1


@pytest.mark.parametrize(
    "words", [[], ["boot"], ["run"], ["run", "--"], ["run", "--real", "--", "true"], ["build", "-k", "x"]]
)
def test_a_command_line_that_makes_no_sense_is_a_usage_error(words):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


@pytest.fixture
def boots(monkeypatch):
    """What the guest was booted with; the guest itself is left out."""
    noted = []

    def run(bench, command, **options):
        noted.append((command, options))
        return Ended(7, "", "")

    monkeypatch.setattr("hil.kernel.__main__.prepare", lambda: build.Bench(Path("linux"), Path("modules")))
    monkeypatch.setattr("hil.kernel.__main__.run", run)
    return noted


def test_a_job_is_handed_on_word_by_word_and_its_exit_code_is_the_exit_code(boots):
    assert (
        main(["run", "--real-time", "--kernel-argument", "loglevel=7", "--", "sh", "-c", "exit 7", "--real-time"]) == 7
    )
    ((command, options),) = boots
    assert command == ["sh", "-c", "exit 7", "--real-time"]
    assert (options["real_time"], options["kernel_arguments"]) == (True, ["loglevel=7"])


def test_the_checks_hand_on_to_pytest_what_is_not_theirs(boots):
    assert main(["check", "-k", "gpio or i2c", "--limit-s", "9", "-x"]) == 7
    ((command, options),) = boots
    assert command[:4] == [sys.executable, "-m", "pytest", "tests/kernel"]
    assert command[-3:] == ["-k", "gpio or i2c", "-x"]
    assert options["limit_s"] == 9.0


@pytest.mark.parametrize(
    ("fault",                         "status"),
    [
        (NotHere("no room"),          0),
        (BuildFailed("make failed"),  4),
        (GuestFault("time was up"),   4),
        (KeyboardInterrupt(),         5),
    ],
)  # fmt: skip
def test_a_bench_that_gives_no_verdict_is_neither_passed_nor_failed(monkeypatch, capsys, fault, status):
    def prepare():
        raise fault

    monkeypatch.setattr("hil.kernel.__main__.prepare", prepare)
    assert main(["check"]) == status
    captured = capsys.readouterr()
    assert str(fault) in captured.out + captured.err


def test_nothing_of_a_program_is_left_when_its_user_leaves():
    with group(["sh", "-c", "sleep 100 & sleep 100 & echo; wait"], stdout=subprocess.PIPE) as program:
        program.stdout.readline()
        begun_s = time.monotonic()
    assert program.stdout.read() == b""  # ends when the last of them has closed it
    program.stdout.close()
    assert time.monotonic() - begun_s < 50


def test_a_failed_step_is_named_with_its_log(tmp_path):
    log = tmp_path / "build.log"
    with pytest.raises(BuildFailed, match=rf"^counting failed \(exit code 3\); the whole log is {log}$"):
        build._step("counting", ["sh", "-c", "echo one; exit 3"], tmp_path, log)
    assert log.read_text().endswith("\none\n")


def test_the_make_that_calls_does_not_steer_the_kernels(tmp_path, monkeypatch):
    for name in ("MAKEFLAGS", "ARCH", "CROSS_COMPILE"):
        monkeypatch.setenv(name, "not for you")
    build._step("looking", ["env"], tmp_path, tmp_path / "build.log")
    assert "not for you" not in (tmp_path / "build.log").read_text()


def test_a_folder_has_its_name_only_when_it_is_whole(tmp_path):
    def fill(failure: Exception | None) -> None:
        with build._appearing(tmp_path / "linux-1") as half:
            (half / "linux").touch()
            assert not (tmp_path / "linux-1").exists()
            if failure:
                raise failure

    with pytest.raises(BuildFailed):
        fill(BuildFailed())
    assert list(tmp_path.iterdir()) == []
    fill(None)
    assert (tmp_path / "linux-1" / "linux").exists()


def test_the_second_of_two_builds_waits_and_what_a_killed_one_left_is_gone(tmp_path, capsys):
    (tmp_path / "building-killed").mkdir()
    began, order = threading.Event(), []

    def second() -> None:
        began.set()
        with build._alone_in(tmp_path):
            order.append("second")

    with build._alone_in(tmp_path):
        assert not (tmp_path / "building-killed").exists()
        waiting = threading.Thread(target=second)
        waiting.start()
        began.wait()
        waiting.join(0.2)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]
    assert "another build runs here" in capsys.readouterr().err


def test_an_option_that_the_kernel_does_not_take_is_named(tmp_path):
    wanted, taken = tmp_path / "wanted", tmp_path / "taken"
    wanted.write_text("# sound\nCONFIG_SND=y\nCONFIG_SND_ALOOP=m\n")
    taken.write_text("CONFIG_SND=y\n# CONFIG_SND_ALOOP is not set\n")
    with pytest.raises(BuildFailed, match="CONFIG_SND_ALOOP=m"):
        build._check_config(wanted, taken)


def test_a_tick_that_cannot_be_set_is_no_silent_default(tmp_path):
    kconfig = tmp_path / "Kconfig"
    kconfig.write_text("config FOO\n\tdefault 100\n\nconfig HZ\n\tint\n\tdefault 100\n")
    build._set_tick(kconfig)
    assert kconfig.read_text() == "config FOO\n\tdefault 100\n\nconfig HZ\n\tint\n\tdefault 1000\n"
    with pytest.raises(BuildFailed, match="1000 Hz"):
        build._set_tick(kconfig)


def test_outside_the_guest_its_tests_are_not_even_collected():
    environment = {name: value for name, value in os.environ.items() if name != "AUDIOHAT_KERNEL_BENCH"}
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--confcutdir=tests/kernel", "-p", "no:hypothesispytest", "tests/kernel"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (listed.returncode, listed.stderr) == (pytest.ExitCode.NO_TESTS_COLLECTED, "")
    assert "skipped" not in listed.stdout


def test_a_job_is_run_in_its_folder_with_its_words_and_environment(tmp_path):
    place, folder = tmp_path / "a place", tmp_path / "it's here"
    place.mkdir()
    folder.mkdir()
    bench = build.Bench(tmp_path / "linux", tmp_path / "modules")
    command = [
        "sh",
        "-c",
        'pwd; printf "%s|" "$@" "$GREETING" "$AUDIOHAT_KERNEL_BENCH"',
        "sh",
        "two words",
        "$HOME",
        "*",
    ]
    guest._write_scripts(place, bench, place, command, folder, {"GREETING": "it's me"})
    said = subprocess.run(["sh", place / "job"], capture_output=True, text=True, check=True).stdout
    assert said == f"{folder}\ntwo words|$HOME|*|it's me|1|"
