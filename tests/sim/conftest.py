from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes import WireChip


@pytest.fixture
def wire() -> Callable[..., WireChip]:
    return WireChip
