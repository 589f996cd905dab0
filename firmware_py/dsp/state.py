"""A bundle of arrays that kernels get as one pointer: `class Filter(State)` with annotated fields.

    class Filter(State):
        weights: Floats      # [P, K]
        memory: Memory       # another State

A kernel reads `filter.weights` as a C-contiguous array, `filter.memory` as the other bundle. A NamedTuple of arrays would do the
same by value: numba flattens it into seven arguments an array, and with a hundred arrays spends half a minute compiling calls.

Only arrays and other States are fields; what changes lives in the arrays. Types depend on dimensions and element types, never on
sizes, so one compilation serves every mode. The bundle owns its arrays: they live as long as the Python object does, and compiled
code neither counts references nor allocates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import typeof
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.datamodel.registry import register_default
from numba.core.typing.templates import AttributeTemplate
from numba.extending import NativeValue, infer_getattr, intrinsic, lower_getattr_generic, typeof_impl, unbox
from numba.np.arrayobj import make_array, populate_array
from numpy.typing import NDArray

_WORD = ir.IntType(64)


class State:
    """Base of all bundles. Construct with keywords, one for each field; fields cannot be replaced afterwards."""

    def __init__(self, **fields: Any) -> None:
        wanted = list(type(self).__annotations__)
        if set(fields) != set(wanted):
            raise TypeError(f"{type(self).__name__} takes {', '.join(wanted)}; got {', '.join(fields)}")
        members: list[tuple[str, types.Type, int]] = []
        words: list[int] = []
        for name in wanted:
            value = fields[name]
            if isinstance(value, np.ndarray):
                if not value.flags.c_contiguous or not value.flags.writeable:
                    raise TypeError(f"{type(self).__name__}.{name}: an array must be C-contiguous and writeable")
                value[...] = value.copy()  # so that its pages are there before the first period
                place = [value.ctypes.data, *value.shape]
            elif isinstance(value, State):
                place = [value.table.ctypes.data]
            else:
                raise TypeError(f"{type(self).__name__}.{name}: {type(value).__name__} is neither an array nor a State")
            members.append((name, typeof(value), len(words)))
            words += place
        vars(self).update(fields)
        vars(self)["table"] = np.array(words, np.int64)  # where each array lies, and its shape
        vars(self)["address"] = int(self.table.ctypes.data)
        vars(self)["numba_type"] = StateType(type(self).__name__, tuple(members))

    table: NDArray[np.int64]
    address: int
    numba_type: StateType

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} is fixed; write into its array")


class StateType(types.Type):
    """The type of a bundle: its fields' names, types and places in the table."""

    def __init__(self, name: str, members: tuple[tuple[str, types.Type, int], ...]) -> None:
        self.members = {member: (kind, place) for member, kind, place in members}
        super().__init__(f"{name}({', '.join(f'{member}@{place}: {kind}' for member, kind, place in members)})")


@typeof_impl.register(State)
def _typeof(value: State, context: Any) -> StateType:
    return value.numba_type


@register_default(StateType)
class _Model(models.PrimitiveModel):
    """In compiled code a bundle is the address of its table."""

    def __init__(self, manager: Any, kind: StateType) -> None:
        super().__init__(manager, kind, _WORD)


@unbox(StateType)
def _unbox(kind: StateType, value: Any, context: Any) -> NativeValue:
    table = context.pyapi.object_getattr_string(value, "address")
    address = context.pyapi.long_as_longlong(table)
    context.pyapi.decref(table)
    return NativeValue(address, is_error=cgutils.is_not_null(context.builder, context.pyapi.err_occurred()))


@infer_getattr
class _Attributes(AttributeTemplate):
    key = StateType

    def generic_resolve(self, kind: Any, name: str) -> Any:  # type: ignore[override]  # typed there as what it raises
        return kind.members[name][0] if name in kind.members else None


@lower_getattr_generic(StateType)
def _getattr(context: Any, builder: Any, kind: StateType, table: Any, name: str) -> Any:
    member: Any
    member, place = kind.members[name]

    def word(offset: int) -> Any:
        address = builder.add(table, ir.Constant(_WORD, 8 * offset))
        return builder.load(builder.inttoptr(address, _WORD.as_pointer()))

    if isinstance(member, StateType):
        return word(place)
    array = make_array(member)(context, builder)
    size = context.get_abi_sizeof(context.get_data_type(member.dtype))
    shape = [word(place + 1 + axis) for axis in range(member.ndim)]
    stride: Any = ir.Constant(_WORD, size)
    strides: list[Any] = []
    for extent in reversed(shape):
        strides.insert(0, stride)
        stride = builder.mul(stride, extent)
    data = builder.inttoptr(word(place), array.data.type)
    populate_array(array, data, shape, strides, ir.Constant(_WORD, size), None)
    return array._getvalue()


@intrinsic
def _another(typing_context: Any, like: Any, address: Any) -> Any:
    """The bundle at *address* (`State.address`), which is of the same type as *like*."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return arguments[1]

    return like(like, types.int64), generate


another: Any = _another  # the first argument is numba's own: a caller gives two
