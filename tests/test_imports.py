"""Every module can be imported, on whichever Python and processor this runs."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def modules(package: str) -> list[str]:
    paths = [path for path in (ROOT / package).rglob("*.py") if path.name != "__main__.py"]
    return sorted(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths)


@pytest.mark.parametrize("package", ["firmware_py", "hil"])
def test_every_module_imports(package: str) -> None:
    for module in modules(package):
        importlib.import_module(module)
