"""A codec that nobody has ever made, as a text and as a chip on a bus, and a board with it."""

import errno

from firmware_py.descriptions.vocabulary import CONTROLS

ADDRESS = 0x2C
SOFT, POWER, CLOCK, GAIN, OUT, CAL, STATUS, FILTER = range(0x10, 0x18)

HAS = ("microphone", "mic_bias", "high_pass", "input_gain_db", "playback", "provider", "headphone", "headphone_gain_db")
ABSENT = "".join(f'{name} = "the XC88 has no {name}"\n' for name in CONTROLS if name not in HAS)

CODEC = """
name = "xc88"
title = "XC88"
source = "invented for this test"
full_scale_dbv = -1.0

[bus]
wire = "8+8"
readable = true
addresses = [0x2c, 0x2d]

[reset]
writes = [{ register = "SOFT", word = 0xa5 }]
wait_ms = 2

[registers.SOFT]
address = 0x10
reset = 0x00
fields.KEY = { bits = "7:0", self_clearing = true }

[registers.POWER]
address = 0x11
reset = 0x00
fields.REF  = { bits = "0" }
fields.ADC  = { bits = "1" }
fields.DAC  = { bits = "2" }
fields.BIAS = { bits = "3" }

[registers.CLOCK]
address = 0x12
reset = 0x00
fields.MASTER = { bits = "7" }
fields.DIV    = { bits = "2:0", values = { "/1" = 0, "/3" = 2 } }

[registers.GAIN]
address = 0x13
reset = 0x00
fields.MIC = { bits = "5:0", linear = { unit = "dB", first = 0, step = 1, codes = "0:40" } }

[registers.OUT]
address = 0x14
reset = 0x00
fields.ON  = { bits = "7" }
fields.VOL = { bits = "6:0", linear = { unit = "dB", first = -97, step = 1, codes = "1:103", mute = 0 } }

[registers.CAL]
address = 0x15
reset = 0x00
fields.START = { bits = "0", self_clearing = true }

[registers.STATUS]
address = 0x16
reset = 0x00
fields.READY = { bits = "0", volatile = true }

[registers.FILTER]
address = 0x17
reset = 0x03
fields.HPF  = { bits = "0" }
fields.MUTE = { bits = "1" }

[controls]
microphone = { fields = ["POWER.ADC"] }
mic_bias = { fields = ["POWER.BIAS"] }
high_pass = { fields = ["FILTER.HPF"] }
input_gain_db = { fields = ["GAIN.MIC"] }
playback = { fields = ["FILTER.MUTE"], words = { on = "off", off = "on" } }
provider = { fields = ["CLOCK.MASTER"], words = { codec = "on", host = "off" } }
headphone = { fields = ["OUT.ON"] }
headphone_gain_db = { fields = ["OUT.VOL"] }

[absent]
ABSENT
[defaults]
microphone = "off"
headphone = "off"
headphone_gain_db = -12.0

[[sequences.active]]
note = "reference"
set.POWER.REF = "on"
wait_ms = 5

[[sequences.active]]
note = "clocks"
apply = ["clock", "rate", "provider"]

[[sequences.active]]
note = "its converters find their zero"
after = ["POWER.REF"]
set.CAL.START = "on"
poll = { field = "STATUS.READY", value = "on", every_ms = 1, timeout_ms = 50 }

[[sequences.active]]
note = "in"
apply = ["mic_bias", "microphone", "input_gain_db", "high_pass"]

[[sequences.active]]
note = "out"
set.POWER.DAC = "on"
apply = ["headphone_gain_db", "headphone", "playback"]

[[sequences.standby]]
note = "silence"
set.FILTER.MUTE = "on"
set.POWER = { ADC = "off", DAC = "off", BIAS = "off" }

[[sequences.off]]
note = "everything off"
set.FILTER.MUTE = "on"
set.OUT.ON = "off"
set.POWER = { REF = "off", ADC = "off", DAC = "off", BIAS = "off" }

[[clocks]]
mclk_hz = 12_288_000
sysclk_hz = 12_288_000

[[rates]]
sysclk_hz = 12_288_000
rate_hz = 48_000
set.CLOCK.DIV = "/1"

[[rates]]
sysclk_hz = 12_288_000
rate_hz = 16_000
set.CLOCK.DIV = "/3"
""".replace("ABSENT", ABSENT)

BOARD = """
name = "my-hat"
title = "My HAT"
source = "invented for this test"
codec = "xc88"
i2c = { bus = 3, address = 0x2c }
mclk_hz = 12_288_000
clock_provider = "codec"
[ports.microphone]
kind = "input"
type = "builtInMic"
set = { microphone = "on" }
needs_mic_bias = true
sensitivity_dbv = -38.0

[ports.headphones]
kind = "output"
type = "headphones"
set = { headphone = "on" }
"""


class Xc88:
    """The chip as a file of registers: the key resets it, CAL.START falls back, STATUS.READY comes some reads after it."""

    def __init__(self, calibrates: bool = True) -> None:
        self.calibrates = calibrates
        self.words: dict[int, int] = {}
        self.written: list[bytes] = []
        self._reads_to_go = 0
        self._reset()

    def _reset(self) -> None:
        self.words = {SOFT: 0, POWER: 0, CLOCK: 0, GAIN: 0, OUT: 0, CAL: 0, STATUS: 0, FILTER: 3}

    def write(self, address: int, data: bytes) -> None:
        register, word = data
        if address != ADDRESS or register not in self.words:
            raise OSError(errno.EREMOTEIO, "no acknowledge")
        self.written.append(data)
        if (register, word) == (SOFT, 0xA5):
            self._reset()
        elif register == CAL and word & 1:
            assert self.words[POWER] & 1, "calibrated without a reference"
            self._reads_to_go = 4
        elif register not in (SOFT, STATUS):
            self.words[register] = word

    def read(self, address: int, count: int, after: bytes = b"") -> bytes:
        (register,) = after
        if address != ADDRESS or register not in self.words or count != 1:
            raise OSError(errno.EREMOTEIO, "no acknowledge")
        if register == STATUS and self._reads_to_go and self.calibrates:
            self._reads_to_go -= 1
            self.words[STATUS] = int(self._reads_to_go == 0)
        return bytes([self.words[register]])
