"""From TOML to `Board`. Reads shapes only; whether wiring, codec and modes agree is for `wiring`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from firmware_py.board import AddressableLeds, Board, Button, CodecDescription, PlainLed, Port
from firmware_py.descriptions.reader import Problems, Table, texts_can_be_printed
from firmware_py.descriptions.vocabulary import PORT_TYPES
from firmware_py.descriptions.wiring import BOARD_CHECKS, CHECKS_WITHOUT_CODEC

LEAST_DBV = -100.0
"""No microphone is less sensitive."""


def board_from(data: Mapping[str, Any], codec: CodecDescription, file: str, text: str | None = None) -> Board:
    """The board that *data*, the content of a TOML file, describes, with the codec that it names.

    Raises
    ------
    DescriptionError
        One line for every problem in the data.
    """
    board, problems = read_board(data, codec, file, text)
    problems.raise_if_any()
    return board


def read_board(
    data: Mapping[str, Any], codec: CodecDescription, file: str, text: str | None = None, *, codec_is_sound: bool = True
) -> tuple[Board, Problems]:
    """The board as far as it can be read, and what is wrong with it; against a broken codec only what does not depend on it."""
    problems = Problems(file, text)
    texts_can_be_printed(data, problems)
    board = _read_board(Table(data, (), problems), codec)
    for check in BOARD_CHECKS if codec_is_sound else CHECKS_WITHOUT_CODEC:
        check(board, problems)
    return (replace(board, codec=codec.limited_to(board.rates_hz)) if board.rates_hz else board), problems


def _read_board(top: Table, codec: CodecDescription) -> Board:
    i2c, name = top.table("i2c"), top.text("name")
    board = Board(
        name=name,
        title=top.text("title"),
        source=top.text("source"),
        codec=codec,
        i2c_bus=i2c.whole("bus", 0, 255),
        i2c_address=i2c.whole("address", 0x08, 0x77),
        mclk_hz=top.whole("mclk_hz", 1, 10**9),
        clock_provider=top.choice("clock_provider", ("codec", "host")),
        card=top.text("card", "audiohat"),
        overlay=top.text("overlay", name),
        ports={name: _port(name, table) for name, table in top.table("ports").each()},
        defaults={**codec.defaults, **top.values("defaults")},
        modes={name: top.table("modes").values(name) for name in top.table("modes", required=False).keys},
        rates_hz=top.numbers("rates_hz") if "rates_hz" in top else (),
        buttons=tuple(map(_button, top.tables("buttons", required=False))),
        leds=_leds(top),
        file=top.problems.file,
    )
    top.text("codec")  # the caller has looked it up
    i2c.finish()
    top.finish()
    return board


def _port(name: str, table: Table) -> Port:
    kind = table.choice("kind", PORT_TYPES)
    port = Port(
        name=name,
        kind=kind,
        type=table.choice("type", PORT_TYPES[kind]),
        set=table.values("set"),
        needs_mic_bias=table.flag("needs_mic_bias", False),
        sensitivity_dbv=_sensitivity(table) if "sensitivity_dbv" in table else None,
        source=table.text("source", ""),
    )
    table.finish()
    return port


def _sensitivity(table: Table) -> float:
    """Of a microphone, in dB re 1 V at 94 dB SPL: from a bare dynamic capsule to one with an amplifier."""
    value = table.number("sensitivity_dbv")
    if not LEAST_DBV <= value <= 0.0:
        hint = f"; did you mean {-value:g}?" if LEAST_DBV <= -value <= 0.0 else ""
        table.wrong("sensitivity_dbv", f"{value:g} is outside {LEAST_DBV:g} ... 0 dB re 1 V{hint}")
    return value


def _button(table: Table) -> Button:
    button = Button(
        name=table.text("name"),
        gpio=table.whole("gpio", 0, 255),
        active=table.choice("active", ("low", "high"), "low"),
        pull=table.choice("pull", ("up", "down", "none"), "up"),
    )
    table.finish()
    return button


def _leds(top: Table) -> AddressableLeds | tuple[PlainLed, ...]:
    """[leds] is a chain of LEDs with a chip each; [[leds]] are LEDs with a line each."""
    if not top.is_table("leds"):
        return tuple(map(_plain_led, top.tables("leds", required=False)))
    table = top.table("leds")
    chain = AddressableLeds(
        kind=table.choice("kind", ("apa102",)),
        count=table.whole("count", 1, 1024),
        data_gpio=table.whole("data_gpio", 0, 255),
        clock_gpio=table.whole("clock_gpio", 0, 255),
    )
    table.finish()
    return chain


def _plain_led(table: Table) -> PlainLed:
    led = PlainLed(
        name=table.text("name"),
        gpio=table.whole("gpio", 0, 255),
        colour=table.text("colour"),
        active=table.choice("active", ("low", "high"), "high"),
    )
    table.finish()
    return led
