"""What is no device, no socket and no mode of its category is said before any hardware is touched."""

import pytest

from firmware_py.cli import main


@pytest.mark.parametrize("option", ["--playback", "--capture"])
@pytest.mark.parametrize("device", ["", "hw:0\nx", "x" * 5000, "\udcff"])
def test_what_cannot_be_a_device_is_refused_at_the_door(capsys, option, device):
    with pytest.raises(SystemExit) as ended:
        main(["serve", option, device])
    assert ended.value.code == 2
    assert "this is no ALSA device; say for example hw:CARD=ID,DEV=0" in capsys.readouterr().err


def test_an_empty_socket_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--board", "virtual:respeaker-2mic-v1", "--socket", ""])
    assert ended.value.code == 2
    assert "empty; give a path" in capsys.readouterr().err
