"""A board and its codec as their files tell them, for people and as JSON. What is not said in the files is not said here."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from firmware_py.board import AddressableLeds, Board, CodecDescription, Control
from firmware_py.cli.tables import console, table
from firmware_py.descriptions.vocabulary import CONTROLS, FROM_MODES
from firmware_py.registers import Names, Quantity, in_words


def board_facts(board: Board) -> dict[str, Any]:
    """The board without its codec."""
    return {
        "name": board.name, "title": board.title, "source": board.source, "file": board.file,
        "i2c_bus": board.i2c_bus, "i2c_address": board.i2c_address, "mclk_hz": board.mclk_hz,
        "clock_provider": board.clock_provider, "card": board.card, "overlay": board.overlay,
        "rates_hz": board.codec.rates_at(board.mclk_hz),
        "ports": {name: asdict(port) for name, port in board.ports.items()},
        "defaults": board.defaults, "modes": board.modes,
        "buttons": [asdict(button) for button in board.buttons],
        "leds": asdict(board.leds) if isinstance(board.leds, AddressableLeds) else [asdict(led) for led in board.leds],
    }  # fmt: skip


def codec_facts(board: Board) -> dict[str, Any]:
    """The codec: what it can be asked for, and what it lacks."""
    codec = board.codec
    return {
        "name": codec.name, "title": codec.title, "source": codec.source, "file": codec.file,
        "wire": codec.map.wire.kind, "readable": codec.map.wire.readable, "addresses": codec.addresses,
        "registers": len(codec.map.registers), "full_scale_dbv": codec.full_scale_dbv,
        "controls": {name: _control(codec, control) for name, control in codec.controls.items()},
        "absent": codec.absent,
    }  # fmt: skip


def print_board(board: Board) -> None:
    """Wiring, clock and panel."""
    out = console()
    out.print(f"{board.title} ({board.name}), {board.file}")
    out.print(f"source: {board.source}\n")
    facts = table("", "")
    facts.show_header = False
    facts.add_row("codec", f"{board.codec.title}, {board.codec.file}")
    facts.add_row("I2C", f"bus {board.i2c_bus}, address 0x{board.i2c_address:02x}")
    facts.add_row("clock", f"{board.mclk_hz / 1e6:g} MHz at MCLK; bit and frame clock by the {board.clock_provider}")
    facts.add_row("rates", ", ".join(f"{rate / 1e3:g}" for rate in board.codec.rates_at(board.mclk_hz)) + " kHz")
    facts.add_row("card", f"{board.card}, made by overlay {board.overlay}")
    for button in board.buttons:
        facts.add_row("button", f"{button.name}: GPIO{button.gpio}, active {button.active}, pull {button.pull}")
    if isinstance(board.leds, AddressableLeds):
        leds = board.leds
        facts.add_row("LEDs", f"{leds.count} {leds.kind}: data GPIO{leds.data_gpio}, clock GPIO{leds.clock_gpio}")
    else:
        for led in board.leds:
            facts.add_row("LED", f"{led.name}: {led.colour}, GPIO{led.gpio}, active {led.active}")
    out.print(facts)
    ports = table("port", "is", "opened by", "source")
    for port in board.ports.values():
        bias = ", with microphone bias" if port.needs_mic_bias else ""
        level = "" if port.sensitivity_dbv is None else f", {port.sensitivity_dbv:g} dBV at 94 dB SPL"
        opened = ", ".join(f"{name} = {in_words(value)}" for name, value in port.set.items())
        ports.add_row(port.name, f"{port.kind}, {port.type}{bias}{level}", opened, port.source)
    out.print(ports)


def print_codec(board: Board) -> None:
    """What the codec can be asked for, what this board presets, and what it lacks."""
    codec, out = board.codec, console()
    reads = "can be read" if codec.map.wire.readable else "answers no read"
    out.print(
        f"{codec.title}: {len(codec.map.registers)} registers of {codec.map.wire.data_bits} bits, {reads}; "
        f"full scale {codec.full_scale_dbv:g} dBV"
    )
    out.print(f"source: {codec.source}\n")
    controls = table("control", "decided by", "can be", "source")
    for name in CONTROLS:
        if name in codec.controls:
            facts = _control(codec, codec.controls[name])
            preset = f"board: {in_words(board.defaults[name])}" if name in board.defaults else "board"
            decided = "mode" if name in FROM_MODES else preset
            controls.add_row(name, decided, _range(facts, max(board.codec.rates_at(board.mclk_hz))), facts["source"])
    out.print(controls)
    for mode, settings in board.modes.items():
        out.print(f"in {mode}: " + ", ".join(f"{name} = {in_words(value)}" for name, value in settings.items()))
    if codec.absent:
        absent = table("lacks", "because")
        for name, sentence in codec.absent.items():
            absent.add_row(name, sentence)
        out.print(absent)


def _range(facts: dict[str, Any], rate_hz: int) -> str:
    """What a control can be; a time that is counted in samples, at that rate."""
    if "words" in facts:
        return ", ".join(facts["words"])
    low, high, unit = facts["min"], facts["max"], facts["unit"]
    if unit == "samples":
        low, high, unit = low * 1e3 / rate_hz, high * 1e3 / rate_hz, f"ms at {rate_hz / 1e3:g} kHz"
    counted = f" above {facts['above']}" if facts["above"] else ""
    muted = ", mute" if facts["mute"] else ""
    nearest = ", else the nearest" if facts["nearest"] else ""
    return f"{low:.4g} ... {high:.4g} {unit}".rstrip() + counted + muted + nearest


def _control(codec: CodecDescription, control: Control) -> dict[str, Any]:
    """What a control can be: words, or a range with its unit; where it lies, and who says so."""
    fields = [codec.map.find(path)[1] for path in control.paths]
    for part in control.sum_of:
        fields += [codec.map.find(path)[1] for path in codec.controls[part].paths]
    facts = {
        "fields": control.paths, "sum_of": control.sum_of, "above": control.above, "nearest": control.nearest,
        "source": " ".join(dict.fromkeys(field.source for field in fields if field.source)),
    }  # fmt: skip
    words = [word for word in (*control.choices, *control.words) if isinstance(word, str)]
    if control.on is not None:
        words = ["off", "on"]
    if words:
        return {**facts, "words": words}
    scales = [field.scale for field in fields]
    if control.sum_of:
        scales = [codec.map.find(codec.controls[part].fields[0])[1].scale for part in control.sum_of]
    if isinstance(scales[0], Names):
        return {**facts, "words": list(scales[0].values)}
    low = high = 0.0
    for scale in scales if control.sum_of else scales[:1]:
        bounds = scale.bounds if isinstance(scale, Quantity) else (float(scale.codes[0]), float(scale.codes[1]))  # type: ignore[union-attr]
        low, high = low + bounds[0], high + bounds[1]
    offset = control.offsets[0] if control.offsets else 0.0
    first = scales[0]
    return {
        **facts, "min": low - offset, "max": high - offset, "unit": first.unit,
        "mute": isinstance(first, Quantity) and first.mute is not None,
    }  # fmt: skip
