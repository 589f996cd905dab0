"""Where boards and codecs are found, which of two wins, and what is refused there: links that lead out, and what is no file."""

import errno
import os
from pathlib import Path

import pytest
from marked import BOARD, CODEC

from firmware_py.descriptions import board_names, load_board, load_codec, search_path
from firmware_py.descriptions import shelf as shelf_module
from firmware_py.descriptions.checkup import Reader, check_files
from firmware_py.descriptions.shelf import named_files
from firmware_py.errors import DescriptionError

NAME = "respeaker-2mic-v1"


def titled(title: str) -> str:
    return BOARD.replace('title = "', f'title = "{title} ')


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A search path of four folders that nobody else uses, by how personal they are."""
    named = {name: tmp_path / name for name in ("environment", "home/.config/audiohat/boards", "etc", "package")}
    for folder in named.values():
        (folder / "codecs").mkdir(parents=True)
    monkeypatch.setenv("AUDIOHAT_BOARDS", str(named["environment"]))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = list(named.values())
    monkeypatch.setattr(shelf_module, "SHIPPED", named["package"])
    real = search_path()
    assert [real[0], real[1], real[3]] == [path[0], path[1], path[3]]
    assert real[2] == Path("/etc/audiohat/boards")
    (named["package"] / "codecs" / "wm8960.toml").write_text(CODEC)
    (named["package"] / f"{NAME}.toml").write_text(titled("Shipped"))
    return {"environment": path[0], "home": path[1], "package": path[3]}


def test_the_more_personal_folder_wins(folders):
    for where in ("package", "home", "environment"):
        (folders[where] / f"{NAME}.toml").write_text(titled(where))
        (folders[where] / "codecs" / "wm8960.toml").write_text(CODEC.replace('title = "', f'title = "{where} '))
        board = load_board(NAME)
        assert board.title.startswith(where)
        assert board.codec.title == f"{where} WM8960"
        assert load_codec("wm8960").title == f"{where} WM8960"
    assert [file.parent for file in named_files(search_path())[NAME]] == list(folders.values())


def test_without_a_home_the_other_folders_are_searched(folders, monkeypatch):
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert load_board(NAME).title.startswith("Shipped")
    assert folders["home"] not in search_path()


def test_a_link_within_the_search_path_is_a_file_like_any_other(folders):
    (folders["home"] / "my-hat.toml").symlink_to(folders["home"] / "drafts" / "my-hat.toml")
    (folders["home"] / "drafts").mkdir()
    (folders["home"] / "drafts" / "my-hat.toml").write_text(BOARD.replace(f'"{NAME}"', '"my-hat"'))
    assert load_board("my-hat").name == "my-hat"
    (folders["home"] / f"{NAME}.toml").symlink_to(folders["package"] / f"{NAME}.toml")
    assert load_board(NAME).title.startswith("Shipped")


def test_a_searched_folder_may_itself_be_a_link(folders, tmp_path, monkeypatch):
    (tmp_path / "dotfiles").symlink_to(folders["home"])
    (folders["home"] / f"{NAME}.toml").write_text(titled("Linked"))
    monkeypatch.setenv("AUDIOHAT_BOARDS", str(tmp_path / "dotfiles"))
    assert load_board(NAME).title.startswith("Linked")


@pytest.mark.parametrize("what", ["the board", "the codec", "the folder of codecs"])
def test_a_link_that_leads_out_of_the_search_path_is_refused(folders, tmp_path, what):
    outside = tmp_path / "outside"
    (outside / "codecs").mkdir(parents=True)
    (outside / f"{NAME}.toml").write_text(BOARD)
    (outside / "codecs" / "wm8960.toml").write_text(CODEC)
    home = folders["home"]
    if what == "the board":
        link, target = home / f"{NAME}.toml", outside / f"{NAME}.toml"
        link.symlink_to(target)
    elif what == "the codec":
        link, target = home / "codecs" / "wm8960.toml", outside / "codecs" / "wm8960.toml"
        link.symlink_to(target)
    else:
        link, target = home / "codecs" / "wm8960.toml", outside / "codecs" / "wm8960.toml"
        (home / "codecs").rmdir()
        (home / "codecs").symlink_to(outside / "codecs")
    with pytest.raises(DescriptionError) as refusal:
        load_board(NAME)
    says = f"is a link to {target}, outside of the folders that are searched; copy it here, or give its path"
    assert str(refusal.value) == f"{link}: {says}"
    assert says in [problem.message for file in check_files() for problem in file.problems]
    assert load_board(outside / f"{NAME}.toml").name == NAME  # a path that is typed is taken as it is


def test_a_path_may_be_a_link_to_anywhere(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / f"{NAME}.toml").write_text(titled("Typed"))
    (tmp_path / f"{NAME}.toml").symlink_to(tmp_path / "elsewhere" / f"{NAME}.toml")
    assert load_board(tmp_path / f"{NAME}.toml").title.startswith("Typed")


def test_links_in_a_circle_and_into_nothing_are_answered_in_a_sentence(folders):
    (folders["home"] / "round.toml").symlink_to(folders["home"] / "round.toml")
    (folders["home"] / "lost.toml").symlink_to(folders["home"] / "nowhere.toml")
    with pytest.raises(DescriptionError, match="cannot be read: Too many levels of symbolic links"):
        load_board("round")
    with pytest.raises(DescriptionError, match="cannot be read: No such file"):
        load_board("lost")


def test_a_folder_and_a_pipe_called_like_a_board_hide_the_shipped_one_and_say_so(folders):
    (folders["home"] / f"{NAME}.toml").mkdir()
    with pytest.raises(DescriptionError, match="cannot be read: it is not a regular file"):
        load_board(NAME)
    (folders["home"] / f"{NAME}.toml").rmdir()
    os.mkfifo(folders["home"] / f"{NAME}.toml")
    with pytest.raises(DescriptionError, match="cannot be read: it is not a regular file"):
        load_board(NAME)


def test_a_file_that_may_not_be_read_is_answered_in_a_sentence(folders, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read every file
    with pytest.raises(DescriptionError, match="cannot be read: Permission denied"):
        load_board(NAME)


def test_what_an_editor_leaves_is_no_board(folders):
    for name in (".#my-hat.toml", ".my-hat.toml", "my-hat.toml~", "my-hat.toml.swp"):
        (folders["home"] / name).write_text("")
    assert board_names() == [NAME]


def test_a_codec_is_read_once_for_all_its_boards(folders):
    for number in range(3):
        (folders["home"] / f"hat-{number}.toml").write_text(BOARD.replace(f'"{NAME}"', f'"hat-{number}"'))
    reader = Reader(search_path())
    boards = [reader.file(folders["home"] / f"hat-{number}.toml").board for number in range(3)]
    assert len({id(board.codec) for board in boards if board}) == 1
    assert list(reader.codecs) == [folders["package"] / "codecs" / "wm8960.toml"]


def test_a_broken_codec_is_told_once_and_its_boards_are_told_of_what_is_their_own(folders):
    (folders["home"] / "codecs" / "wm8960.toml").write_text(CODEC.replace('name = "wm8960"', "name = 8960"))
    (folders["home"] / f"{NAME}.toml").write_text(BOARD.replace("gpio = 17", "gpio = 18\npul = 3"))
    told = [str(problem) for file in check_files() for problem in file.problems]
    assert [line.partition(": ")[2] for line in told] == [
        "name: is a number; it must be text",
        "buttons[0].gpio: GPIO18 is taken by I2S",
        "buttons[0].pul: is not known here; did you mean 'pull'?",
    ]
    assert not any(file.board for file in check_files())


def test_a_codec_of_ones_own_serves_the_shipped_boards_too(folders):
    (folders["home"] / "codecs" / "wm8960.toml").write_text(CODEC.replace('title = "', 'title = "My '))
    board = load_board(NAME)
    assert (board.title.split()[0], board.codec.title) == ("Shipped", "My WM8960")


def test_the_language_has_no_includes_so_none_can_go_in_a_circle(tmp_path):
    file = tmp_path / f"{NAME}.toml"
    file.write_text(f'include = ["{NAME}.toml"]\n{BOARD}')
    with pytest.raises(DescriptionError, match="include: is not known here"):
        load_board(file)
