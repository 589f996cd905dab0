"""Who may import whom: the picture of the house, held by the syntax trees."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LAYERS = [
    {"errors"},
    {"units", "registers", "board", "modes"},
    {"settings", "descriptions", "bus", "pcm", "pins", "leds", "dsp", "audio"},
    {"codec", "mixer", "engine", "panel"},
    {"stage", "explain", "audiosession"},
    {"device"},
    {"hardware", "serve", "__init__"},
    {"cli", "__main__"},
]
"""From the ground up: a module imports only from its own layer and those before it."""

TOUCH_LINUX = {"bus", "mixer", "pcm", "pins", "serve"}  # hardware, and the one socket
LINUX = {"smbus2", "alsaaudio", "gpiozero", "lgpio", "spidev", "fcntl", "termios", "socket"}


def modules(folder: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."), path


def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides where it goes"
            names.add(node.module or "")
    return names


def place(module: str) -> str:
    """The room of a module of firmware_py: its first name below the package."""
    return module.split(".")[1] if "." in module else "__init__"


def layer(room: str) -> int:
    return next(number for number, rooms in enumerate(LAYERS) if room in rooms)


def offences(folder: str, forbidden: Callable[[str, str], bool]) -> list[str]:
    """'module imports name' for every import in *folder* that is forbidden."""
    return [f"{m} imports {name}" for m, path in modules(folder) for name in imports(path) if forbidden(m, name)]


def top(name: str) -> str:
    return name.split(".")[0]


def test_the_product_imports_only_downwards() -> None:
    assert not offences(
        "firmware_py", lambda m, name: top(name) == "firmware_py" and layer(place(name)) > layer(place(m))
    )


def test_the_product_does_not_know_the_rig() -> None:
    assert not offences("firmware_py", lambda m, name: top(name) == "hil")


def test_linux_is_touched_where_hardware_is_and_at_the_socket() -> None:
    assert not offences("firmware_py", lambda m, name: place(m) not in TOUCH_LINUX and top(name) in LINUX)


def test_only_the_bench_knows_both_product_and_rig() -> None:
    assert not offences("hil", lambda m, name: not m.startswith("hil.bench") and top(name) == "firmware_py")


def test_the_simulation_knows_nothing_of_what_it_judges() -> None:
    assert not offences("hil/sim", lambda m, name: top(name) in {"firmware_py", "boards"})
    assert not offences("hil/sim", lambda m, name: top(name) == "hil" and not name.startswith("hil.sim"))


def test_the_simulation_reads_no_file() -> None:
    assert not offences(
        "hil/sim", lambda m, name: top(name) in {"pathlib", "io", "os", "tomllib", "importlib", "soundfile", "json"}
    )
    calls = [
        f"{module}: {node.func.id}"
        for module, path in modules("hil/sim")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"open", "exec", "eval", "__import__"}
    ]
    assert not calls
