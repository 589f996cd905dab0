"""Each overlay on the tree of a Raspberry Pi that follows the codec's clocks: the card is made, the codec is left alone."""

import re
from collections.abc import Iterator
from pathlib import Path

import device_tree
import pytest
from device_tree import Tree, TreeError, labelled, pointed_at

from firmware_py import Board, load_board
from firmware_py.board import AddressableLeds

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {path.stem: path.read_text() for path in sorted((ROOT / "overlays").glob("*.dts"))}
BOARDS = sorted((ROOT / "boards").glob("*.toml"))
MODELS = ("raspberry-pi-4", "raspberry-pi-5")

SLOT_BITS = {"wm8731": 12_000_000 // 48_000 // 2}  # its USB mode: 12 MHz at any rate, and the card is for 48 kHz
USUAL_SLOT_BITS = 32
SPI0_LINES = (10, 11)

needs_tools = pytest.mark.skipif(
    bool(device_tree.lacking()), reason=f"not tested: overlays on a device tree: {device_tree.lacking()}"
)


@pytest.fixture(scope="module", params=MODELS)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = (Path(__file__).parent / f"{request.param}.dts").read_text()
    return device_tree.compiled(source, tmp_path_factory.mktemp("base") / f"{request.param}.dtb")


def on(base: Path, source: str, tmp_path: Path, **parameters: int) -> Tree:
    """The base tree with an overlay on it, compiled from its source and loaded with these parameters."""
    overlay = device_tree.compiled(source, tmp_path / "overlay.dtbo")
    for name, value in parameters.items():
        device_tree.load(overlay, name, value)
    return device_tree.merged(base, overlay, tmp_path / "merged.dtb")


def numbers(node: dict[str, bytes], name: str) -> tuple[int, ...]:
    return device_tree.cells(node.get(name, b""))


def word(node: dict[str, bytes], name: str) -> str:
    return " ".join(device_tree.strings(node.get(name, b"")))


# What is wrong with a tree on which an overlay lies: one line each, none if all is right.


def faults(before: Tree, after: Tree, slot_bits: int) -> list[str]:
    return [*card_faults(after), *link_faults(after, slot_bits), *stray_faults(before, after)]


def card_faults(tree: Tree) -> Iterator[str]:
    sound = tree[labelled(tree, "sound")]
    if word(sound, "compatible") != "simple-audio-card":
        yield f"the card is a {word(sound, 'compatible')!r}"
    if word(sound, "simple-audio-card,name") != "audiohat":
        yield f"the card is called {word(sound, 'simple-audio-card,name')!r}"
    for label in ("sound", *controllers(sound)):
        if word(tree[labelled(tree, label)], "status") != "okay":
            yield f"{label} is off"


def link_faults(tree: Tree, slot_bits: int) -> Iterator[str]:
    card, follower = labelled(tree, "sound"), labelled(tree, "i2s_clk_consumer")
    links = [path for path in tree if path.startswith(f"{card}/") and path.count("/") == card.count("/") + 1]
    if len(links) != 2:
        yield f"{len(links)} links"
    for number, stand_in in enumerate(("linux,spdif-dit", "linux,spdif-dir")):
        path = f"{card}/simple-audio-card,dai-link@{number}"
        link, cpu, codec = (tree.get(node, {}) for node in (path, f"{path}/cpu", f"{path}/codec"))
        end = pointed_at(tree, codec.get("sound-dai", b""))
        if word(tree.get(end, {}), "compatible") != stand_in:
            yield f"link {number} ends at {end or 'nothing'}, which is no {stand_in}"
        if pointed_at(tree, cpu.get("sound-dai", b"")) != follower:
            yield f"link {number} does not begin at the block that follows clocks"
        for clock in ("bitclock-master", "frame-master"):
            if pointed_at(tree, link.get(clock, b"")) != f"{path}/codec":
                yield f"link {number}: {clock} is not the codec"
        slots = numbers(cpu, "dai-tdm-slot-num") + numbers(cpu, "dai-tdm-slot-width")
        if slots != (2, slot_bits):
            yield f"link {number}: slots and their bits are {slots}"
        if word(link, "format") != "i2s":
            yield f"link {number} is in {word(link, 'format')!r}"


def stray_faults(before: Tree, after: Tree) -> Iterator[str]:
    """Beside the card, its stand-ins and the controllers it needs nothing is there, and nothing has a driver."""
    card = labelled(after, "sound")
    switched = [labelled(after, label) for label in controllers(after[card])]
    for path, node in after.items():
        was = before.get(path, {})
        moved = {name for name in node.keys() | was.keys() if node.get(name) != was.get(name)} - {"phandle"}
        if path.startswith(card) and any(re.fullmatch(r"pinctrl-\d|.*gpios?", name) for name in node):
            yield f"{path} asks for pins"
        if path.startswith((card, "/__symbols__")) or path in ("/audiohat-out", "/audiohat-in") or not moved:
            continue
        if "compatible" in moved:
            yield f"{path} calls a driver: {word(node, 'compatible')}"
        elif path not in switched or moved != {"status"}:
            yield f"{path} is touched: {', '.join(sorted(moved))}"


def board_faults(tree: Tree, board: Board) -> Iterator[str]:
    """Where the overlay's own words are not those of the board's file."""
    sound = tree[labelled(tree, "sound")]
    if isinstance(board.leds, AddressableLeds):
        leds = [board.leds.data_gpio, board.leds.clock_gpio]
    else:
        leds = [led.gpio for led in board.leds]
    said = {
        "board": (word(sound, "audiohat,board"), board.overlay),
        "card": (word(sound, "simple-audio-card,name"), board.card),
        "codec": (word(sound, "audiohat,codec"), board.codec.name),
        "bus": ("okay", word(tree[labelled(tree, f"i2c{board.i2c_bus}")], "status")),
        "address": (numbers(sound, "audiohat,codec-address"), (board.i2c_address,)),
        "clocks": ("codec", board.clock_provider),
        "buttons": (sorted(numbers(sound, "audiohat,button-lines")), sorted(button.gpio for button in board.buttons)),
        "LEDs": (sorted(numbers(sound, "audiohat,led-lines")), sorted(leds)),
    }
    for what, (ours, theirs) in said.items():
        if ours != theirs:
            yield f"{what}: {ours} here, {theirs} in {Path(board.file).name}"


def controllers(sound: dict[str, bytes]) -> list[str]:
    """Labels of what has to be switched on: SPI0 where the LEDs hang there."""
    return ["i2s_clk_consumer", "i2c1", *(["spi0"] if numbers(sound, "audiohat,led-lines") == SPI0_LINES else [])]


# The overlays.


def slot_bits_of(name: str, base: Path) -> tuple[int, dict[str, int]]:
    """How wide a slot has to be there, and with which parameters the overlay is loaded for that."""
    (codec,) = re.findall(r'audiohat,codec = "(\w+)"', SOURCES[name])
    if base.stem == "raspberry-pi-5":  # its driver takes no other
        return USUAL_SLOT_BITS, {"slot_width": USUAL_SLOT_BITS} if codec in SLOT_BITS else {}
    return SLOT_BITS.get(codec, USUAL_SLOT_BITS), {}


@needs_tools
@pytest.mark.parametrize("name", SOURCES)
def test_an_overlay_makes_the_card_and_leaves_everything_else_alone(base: Path, name: str, tmp_path: Path) -> None:
    slot_bits, parameters = slot_bits_of(name, base)
    after = on(base, SOURCES[name], tmp_path, **parameters)
    assert faults(device_tree.read(base.read_bytes()), after, slot_bits) == []
    assert word(after[labelled(after, "sound")], "audiohat,board") == name


@needs_tools
@pytest.mark.parametrize("file", BOARDS, ids=lambda file: file.stem)
def test_an_overlay_says_of_its_board_what_the_board_s_file_says(base: Path, file: Path, tmp_path: Path) -> None:
    board = load_board(file)
    assert list(board_faults(on(base, SOURCES[board.overlay], tmp_path), board)) == []


@needs_tools
def test_a_parameter_reaches_both_links(tmp_path: Path) -> None:
    overlay = device_tree.read(
        device_tree.compiled(SOURCES["audio-injector-stereo"], tmp_path / "overlay.dtbo").read_bytes()
    )
    links = [[*path.rsplit("/", 2)[1:], name] for path, name in device_tree.targets(overlay, "slot_width")]
    assert links == [[f"simple-audio-card,dai-link@{number}", "cpu", "dai-tdm-slot-width"] for number in (0, 1)]


@pytest.mark.parametrize("file", BOARDS, ids=lambda file: file.stem)
def test_every_board_has_an_overlay(file: Path) -> None:
    assert load_board(file).overlay in SOURCES


@pytest.mark.parametrize("name", SOURCES)
def test_every_overlay_has_a_board(name: str) -> None:
    if name not in {file.stem for file in BOARDS}:
        pytest.skip(f"not tested: the overlay {name} against its board: boards/ has none of that name")


def common(source: str) -> str:
    """An overlay without what a board may have of its own: the head, the audiohat, lines, how wide slots are, a last part."""
    body = source[source.index("/dts-v1/;") :]
    body = re.sub(r"^\t*audiohat,.*\n", "", body, flags=re.MULTILINE)
    body = re.sub(r"\n(\t//.*\n)?\t(fragment@4|__overrides__) \{\n(\t\t.*\n)*\t\};\n", "", body)
    return re.sub(r"\b(in|out)_cpu: ", "", re.sub(r"slot-width = <\d+>", "slot-width = <>", body))


@pytest.mark.parametrize("name", SOURCES)
def test_overlays_differ_only_where_boards_do(name: str) -> None:
    assert common(SOURCES[name]) == common(SOURCES["respeaker-2mic-v1"])


def test_the_readme_lists_these_overlays() -> None:
    listed = re.findall(
        r"^\| `([a-z0-9-]+)` \| .+ \| .+ \|$", (ROOT / "overlays" / "README.md").read_text(), re.MULTILINE
    )
    assert sorted(listed) == sorted(SOURCES)


# The checks themselves: an overlay with one mistake, and what is said of it.

ON_THE_BUS = '#size-cells = <0>;\n\t\t\tstatus = "okay";\n\t\t'
CHIP = '\tchip@1a { compatible = "wlf,wm8960"; reg = <0x1a>; };\n\t\t'
IN_THE_ROOT = '"/";\n\t\t__overlay__ {'
KEYS = ' keys { compatible = "gpio-keys"; };'
# fmt: off
MISTAKES = [
    # what stands there           what is written instead         what is said
    (ON_THE_BUS + "}",            ON_THE_BUS + CHIP + "}",        "/soc/i2c@7e804000/chip@1a calls a driver: wlf,wm8960"),
    (IN_THE_ROOT,                 IN_THE_ROOT + KEYS,             "/keys calls a driver: gpio-keys"),
    ("k-master = <&out_codec>",   "k-master = <&audiohat_out>",   "link 0: bitclock-master is not the codec"),
    ("e-master = <&in_codec>",    "e-master = <&out_codec>",      "link 1: frame-master is not the codec"),
    ('"linux,spdif-dir"',         '"linux,spdif-dit"',            "link 1 ends at /audiohat-in, which is no linux,spdif-dir"),
    ("slot-width = <32>",         "slot-width = <24>",            "link 0: slots and their bits are (2, 24)"),
    ('format = "i2s"',            'format = "left_j"',            "link 0 is in 'left_j'"),
    ('name = "audiohat"',         'name = "seeed2micvoicec"',     "the card is called 'seeed2micvoicec'"),
    ("target = <&i2c1>",          "target = <&gpio>",             "i2c1 is off"),
    ("target = <&spi0>",          "target = <&gpio>",             "spi0 is off"),
    ("led-lines = <10 11>",       "led-lines = <5 6>",            "/soc/spi@7e204000 is touched: status"),
    ("button-lines = <17>;",      "x; pinctrl-0 = <&i2s_pins>;", "/soc/sound asks for pins"),
]
# fmt: on


def with_mistake(right: str, wrong: str) -> str:
    source = SOURCES["respeaker-2mic-v1"]
    assert right in source
    return source.replace(right, wrong)


@needs_tools
@pytest.mark.parametrize("base", ["raspberry-pi-4"], indirect=True)
@pytest.mark.parametrize(("right", "wrong", "said"), MISTAKES, ids=lambda text: text.split("\n")[0])
def test_a_mistake_is_told(base: Path, right: str, wrong: str, said: str, tmp_path: Path) -> None:
    told = faults(device_tree.read(base.read_bytes()), on(base, with_mistake(right, wrong), tmp_path), USUAL_SLOT_BITS)
    assert said in told


@needs_tools
@pytest.mark.parametrize("base", ["raspberry-pi-5"], indirect=True)
def test_the_label_of_the_block_that_makes_clocks_is_told_where_it_is_another_block(base: Path, tmp_path: Path) -> None:
    after = on(base, with_mistake("i2s_clk_consumer", "i2s_clk_producer"), tmp_path)
    told = faults(device_tree.read(base.read_bytes()), after, USUAL_SLOT_BITS)
    assert "i2s_clk_consumer is off" in told
    assert "link 0 does not begin at the block that follows clocks" in told


@needs_tools
@pytest.mark.parametrize("base", ["raspberry-pi-4"], indirect=True)
@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("address = <0x1a>",     "address = <0x18>",     "address: (24,) here, (26,) in respeaker-2mic-v1.toml"),
        ("button-lines = <17>",  "button-lines = <27>",  "buttons: [27] here, [17] in respeaker-2mic-v1.toml"),
        ("led-lines = <10 11>",  "led-lines = <5 6>",    "LEDs: [5, 6] here, [10, 11] in respeaker-2mic-v1.toml"),
        ('codec = "wm8960"',     'codec = "wm8731"',     "codec: wm8731 here, wm8960 in respeaker-2mic-v1.toml"),
    ],
)  # fmt: skip
def test_another_board_s_facts_are_told(
    base: Path, board: Board, right: str, wrong: str, said: str, tmp_path: Path
) -> None:
    assert list(board_faults(on(base, with_mistake(right, wrong), tmp_path), board)) == [said]


@needs_tools
def test_an_overlay_with_a_warning_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TreeError, match="unit_address_vs_reg"):
        device_tree.compiled(with_mistake("audiohat-in {", "audiohat-in@1 {"), tmp_path / "overlay.dtbo")


def test_a_copy_that_has_been_changed_by_itself_is_told() -> None:
    assert common(with_mistake("reg = <1>", "reg = <2>")) != common(SOURCES["respeaker-2mic-v1"])
