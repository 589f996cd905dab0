"""Four floats at once, said outright: a value of kernels that is one vector register on every machine.

    x = load4(samples, i)               samples[i] to samples[i + 3]: any i that is not negative, no alignment, no check
    store4(samples, i, x * y + x)       + - * lane by lane
    splat4(gain), spread4(gains, i)     one number in all lanes

The compiler vectorises a loop over single samples only if it can prove that no two arrays overlap, or check that at every call; a
run of four or eight, as in a Fourier transform, is too short for either. These values are LLVM's own <4 x float>: SSE on x86-64,
NEON on aarch64. As in all kernels, a product and a sum may become one instruction.

It is not a vector library, but what kernels need. Lane 0 has the lowest address.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models
from numba.core.datamodel.registry import register_default
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic

from firmware_py.dsp.jit import OPTIONS

_VECTOR, _LANE = ir.VectorType(ir.FloatType(), 4), ir.IntType(32)


class FourType(types.Type):
    """The type of four floats. They live in kernels only: Python never holds one."""

    def __init__(self) -> None:
        super().__init__("Four")


FOUR = FourType()


@register_default(FourType)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: FourType) -> None:
        super().__init__(manager, kind, _VECTOR)


def _define(operation: Any, instruction: str) -> None:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return getattr(builder, instruction)(*arguments, flags=sorted(OPTIONS["fastmath"]))

    infer_global(operation)(type("Template", (ConcreteTemplate,), {"cases": [signature(FOUR, FOUR, FOUR)]}))
    lower_builtin(operation, FOUR, FOUR)(generate)


for _operation, _instruction in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    _define(_operation, _instruction)


def _is_line(array: Any) -> bool:
    return isinstance(array, types.Array) and array.ndim == 1 and array.layout == "C" and array.dtype == types.float32


def _place(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


def _shuffled(builder: Any, a: Any, b: Any, lanes: tuple[int, ...]) -> Any:
    """Lanes of a, 0 to 3, and of b, 4 to 7."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_LANE, 4), lanes))


def _splatted(builder: Any, number: Any) -> Any:
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.Constant(_LANE, 0))
    return _shuffled(builder, one, one, (0, 0, 0, 0))


@intrinsic
def _load4(typing_context: Any, array: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[0], *arguments)
        return builder.load(builder.bitcast(place, _VECTOR.as_pointer()), align=4)

    return (FOUR(array, types.intp), generate) if _is_line(array) else None


@intrinsic
def _store4(typing_context: Any, array: Any, at: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], builder.bitcast(place, _VECTOR.as_pointer()), align=4)
        return context.get_dummy_value()

    return (types.none(array, types.intp, FOUR), generate) if _is_line(array) and value == FOUR else None


@intrinsic
def _spread4(typing_context: Any, array: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _splatted(builder, builder.load(_place(context, builder, signature.args[0], *arguments)))

    return (FOUR(array, types.intp), generate) if _is_line(array) else None


@intrinsic
def _splat4(typing_context: Any, number: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _splatted(builder, arguments[0])

    return FOUR(types.float32), generate


@intrinsic
def _reverse4(typing_context: Any, a: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _shuffled(builder, arguments[0], arguments[0], (3, 2, 1, 0))

    return FOUR(FOUR), generate


def _two_of_two(first: tuple[int, ...], second: tuple[int, ...]) -> Any:
    """Two vectors from the lanes of two."""

    @intrinsic
    def shuffle(typing_context: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            a, b = arguments
            vectors = [_shuffled(builder, a, b, lanes) for lanes in (first, second)]
            return context.make_tuple(builder, signature.return_type, vectors)

        return types.UniTuple(FOUR, 2)(FOUR, FOUR), generate

    return shuffle


# the first argument of an intrinsic is numba's own, which a caller does not give: hence Any
load4: Any = _load4  # (array, at)
store4: Any = _store4  # (array, at, vector)
spread4: Any = _spread4  # (array, at): array[at] in all lanes
splat4: Any = _splat4  # (float)
reverse4: Any = _reverse4  # (vector)
zip4: Any = _two_of_two((0, 4, 1, 5), (2, 6, 3, 7))  # a0 b0 a1 b1 and a2 b2 a3 b3
unzip4: Any = _two_of_two((0, 2, 4, 6), (1, 3, 5, 7))  # a0 a2 b0 b2 and a1 a3 b1 b3
