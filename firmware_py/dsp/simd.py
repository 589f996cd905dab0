"""Four floats at once, or eight, said outright.

    x = load4(samples, i)               samples[i] to samples[i + 3]: any i that is not negative, no alignment, no check
    store4(samples, i, x * y + x)       + - * lane by lane
    splat4(gain), spread4(gains, i)     one number in all lanes
    larger4(x, y), root4(x), x / y      lane by lane; so are load8, store8, splat8, larger8

The compiler vectorises a loop over single samples only if it can prove that no two arrays overlap, or check that at every call; a
run of four or eight, as in a Fourier transform, is too short for either, and a pass over a dozen arrays has too many to check.
These values are LLVM's own <4 x float>, one register of SSE on x86-64 and of NEON on aarch64, and <8 x float>, one register of AVX
and two of NEON. As in all kernels, a product and a sum may become one instruction.

It is not a vector library, but what kernels need. Lane 0 has the lowest address.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.datamodel.registry import register_default
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic

from firmware_py.dsp.jit import OPTIONS

_LANE = ir.IntType(32)


class LanesType(types.Type):
    """The type of a few floats. They live in kernels only: Python never holds one."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        super().__init__(f"Lanes({lanes})")


@register_default(LanesType)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: LanesType) -> None:
        super().__init__(manager, kind, ir.VectorType(ir.FloatType(), kind.lanes))


FOUR, EIGHT = LanesType(4), LanesType(8)
_FLAGS = sorted(OPTIONS["fastmath"])


def _define(operation: Any, instruction: str) -> None:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return getattr(builder, instruction)(*arguments, flags=_FLAGS)

    cases = [signature(kind, kind, kind) for kind in (FOUR, EIGHT)]
    infer_global(operation)(type("Template", (ConcreteTemplate,), {"cases": cases}))
    for kind in (FOUR, EIGHT):
        lower_builtin(operation, kind, kind)(generate)


for _operation, _instruction in (
    (operator.add, "fadd"),
    (operator.iadd, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _define(_operation, _instruction)


def _is_line(array: Any) -> bool:
    return isinstance(array, types.Array) and array.ndim == 1 and array.layout == "C" and array.dtype == types.float32


def _place(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


def _shuffled(builder: Any, a: Any, b: Any, lanes: tuple[int, ...]) -> Any:
    """Lanes of a, from 0 up, and of b, from where those of a end."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_LANE, len(lanes)), lanes))


def _splatted(builder: Any, number: Any, lanes: int) -> Any:
    nothing = ir.Constant(ir.VectorType(ir.FloatType(), lanes), ir.Undefined)
    one = builder.insert_element(nothing, number, ir.Constant(_LANE, 0))
    return _shuffled(builder, one, one, (0,) * lanes)


def _load(kind: LanesType) -> Any:
    vector = ir.VectorType(ir.FloatType(), kind.lanes)

    @intrinsic
    def load(typing_context: Any, array: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            place = _place(context, builder, signature.args[0], *arguments)
            return builder.load(builder.bitcast(place, vector.as_pointer()), align=4)

        return (kind(array, types.intp), generate) if _is_line(array) else None

    return load


def _store(kind: LanesType) -> Any:
    vector = ir.VectorType(ir.FloatType(), kind.lanes)

    @intrinsic
    def store(typing_context: Any, array: Any, at: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            place = _place(context, builder, signature.args[0], *arguments[:2])
            builder.store(arguments[2], builder.bitcast(place, vector.as_pointer()), align=4)
            return context.get_dummy_value()

        return (types.none(array, types.intp, kind), generate) if _is_line(array) and value == kind else None

    return store


def _splat(kind: LanesType) -> Any:
    @intrinsic
    def splat(typing_context: Any, number: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return _splatted(builder, arguments[0], kind.lanes)

        return kind(types.float32), generate

    return splat


def _larger(kind: LanesType) -> Any:
    @intrinsic
    def larger(typing_context: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            a, b = arguments
            return builder.select(builder.fcmp_ordered(">", a, b), a, b)

        return kind(kind, kind), generate

    return larger


@intrinsic
def _spread4(typing_context: Any, array: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _splatted(builder, builder.load(_place(context, builder, signature.args[0], *arguments)), 4)

    return (FOUR(array, types.intp), generate) if _is_line(array) else None


@intrinsic
def _lane4(typing_context: Any, a: Any, lane: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.extract_element(*arguments)

    return types.float32(FOUR, types.intp), generate


@intrinsic
def _root4(typing_context: Any, a: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = ir.VectorType(ir.FloatType(), 4)
        root = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector]), "llvm.sqrt.v4f32")
        return builder.call(root, arguments)

    return FOUR(FOUR), generate


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
load4: Any = _load(FOUR)  # (array, at)
load8: Any = _load(EIGHT)
store4: Any = _store(FOUR)  # (array, at, vector)
store8: Any = _store(EIGHT)
spread4: Any = _spread4  # (array, at): array[at] in all lanes
splat4: Any = _splat(FOUR)  # (float)
splat8: Any = _splat(EIGHT)
larger4: Any = _larger(FOUR)  # (vector, vector): what is no number loses
larger8: Any = _larger(EIGHT)
root4: Any = _root4  # (vector)
lane4: Any = _lane4  # (vector, lane): a float
reverse4: Any = _reverse4  # (vector)
zip4: Any = _two_of_two((0, 4, 1, 5), (2, 6, 3, 7))  # a0 b0 a1 b1 and a2 b2 a3 b3
unzip4: Any = _two_of_two((0, 2, 4, 6), (1, 3, 5, 7))  # a0 a2 b0 b2 and a1 a3 b1 b3
