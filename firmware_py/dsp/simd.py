"""Four floats at once, or eight, said outright.

    x = load4(samples, i)               samples[i] to samples[i + 3]: any i that is not negative, no alignment, no check
    store(samples, i, x * y + x)        + - * / lane by lane
    splat4(gain)                        one number in all lanes
    larger(x, y), root(x)               lane by lane; larger and smaller take floats as well, and unlike max and min,
                                        which ask of each whether it is a number, are one instruction
    load(samples, i, like=x)            as many as x has: so a kernel is written once for four and for eight

The compiler vectorises a loop over single samples only if it can prove that no two arrays overlap, or check that at every call; a
run of four or eight, as in a Fourier transform, is too short for either, and a pass over a dozen arrays has too many to check.
These values are LLVM's own <4 x float>, one register of SSE on x86-64 and of NEON on aarch64, and <8 x float>, one register of AVX
and two of NEON. As in all kernels, a product and a sum may become one instruction.

It is not a vector library, but what kernels need. Lane 0 has the lowest address.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
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


def _vector(kind: LanesType) -> Any:
    return ir.VectorType(ir.FloatType(), kind.lanes)


def _shuffled(builder: Any, a: Any, b: Any, lanes: Sequence[int]) -> Any:
    """Lanes of a, from 0 up, and of b, from where those of a end."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_LANE, len(lanes)), list(lanes)))


def _splatted(builder: Any, number: Any, lanes: int) -> Any:
    nothing = ir.Constant(ir.VectorType(ir.FloatType(), lanes), ir.Undefined)
    one = builder.insert_element(nothing, number, ir.Constant(_LANE, 0))
    return _shuffled(builder, one, one, [0] * lanes)


def _load(kind: LanesType) -> Any:
    @intrinsic
    def load(typing_context: Any, array: Any, at: Any) -> Any:
        return (kind(array, types.intp), _loaded) if _is_line(array) else None

    return load


@intrinsic
def _load_like(typing_context: Any, array: Any, at: Any, like: Any) -> Any:
    return (like(array, types.intp, like), _loaded) if _is_line(array) and isinstance(like, LanesType) else None


def _loaded(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    place = _place(context, builder, signature.args[0], *arguments[:2])
    return builder.load(builder.bitcast(place, _vector(signature.return_type).as_pointer()), align=4)


@intrinsic
def _store(typing_context: Any, array: Any, at: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], builder.bitcast(place, _vector(value).as_pointer()), align=4)
        return context.get_dummy_value()

    return (
        (types.none(array, types.intp, value), generate) if _is_line(array) and isinstance(value, LanesType) else None
    )


def _splat(kind: LanesType) -> Any:
    @intrinsic
    def splat(typing_context: Any, number: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return _splatted(builder, arguments[0], kind.lanes)

        return kind(types.float32), generate

    return splat


@intrinsic
def _splat_like(typing_context: Any, number: Any, like: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _splatted(builder, arguments[0], like.lanes)

    return (like(types.float32, like), generate) if isinstance(like, LanesType) else None


@intrinsic
def _spread(typing_context: Any, array: Any, at: Any, like: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[0], *arguments[:2])
        return _splatted(builder, builder.load(place), like.lanes)

    return (like(array, types.intp, like), generate) if _is_line(array) and isinstance(like, LanesType) else None


@intrinsic
def _lanes(typing_context: Any, like: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.get_constant(types.intp, like.lanes)

    return (types.intp(like), generate) if isinstance(like, LanesType) else None


def _one_of_two(wins: str) -> Any:
    """The first where it *wins*, else the second, so also where it is no number."""

    @intrinsic
    def choose(typing_context: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            a, b = arguments
            return builder.select(builder.fcmp_ordered(wins, a, b), a, b)

        known = isinstance(a, LanesType) or a == types.float32
        return (a(a, a), generate) if known and a == b else None

    return choose


@intrinsic
def _lane(typing_context: Any, a: Any, lane: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.extract_element(*arguments)

    return (types.float32(a, types.intp), generate) if isinstance(a, LanesType) else None


@intrinsic
def _root(typing_context: Any, a: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = _vector(a)
        kind = ir.FunctionType(vector, [vector])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.sqrt.v{a.lanes}f32"), arguments)

    return (a(a), generate) if isinstance(a, LanesType) else None


@intrinsic
def _reverse(typing_context: Any, a: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _shuffled(builder, arguments[0], arguments[0], range(a.lanes)[::-1])

    return (a(a), generate) if isinstance(a, LanesType) else None


def _two_of_two(order: Callable[[int], list[int]]) -> Any:
    """Two vectors from all the lanes of two, whose *order* depends on how many there are."""

    @intrinsic
    def shuffle(typing_context: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            first, second = arguments
            lanes = order(a.lanes)
            vectors = [_shuffled(builder, first, second, lanes[i : i + a.lanes]) for i in (0, a.lanes)]
            return context.make_tuple(builder, signature.return_type, vectors)

        return (types.UniTuple(a, 2)(a, b), generate) if isinstance(a, LanesType) and a == b else None

    return shuffle


# the first argument of an intrinsic is numba's own, which a caller does not give: hence Any
load4: Any = _load(FOUR)  # (array, at)
load8: Any = _load(EIGHT)
load: Any = _load_like  # (array, at, like): as many as the vector *like* has
store: Any = _store  # (array, at, vector)
splat4: Any = _splat(FOUR)  # (float)
splat8: Any = _splat(EIGHT)
splat: Any = _splat_like  # (float, like)
spread: Any = _spread  # (array, at, like): array[at] in all lanes
lanes: Any = _lanes  # (like): how many
larger: Any = _one_of_two(">")  # (vector, vector): what is no number loses, if it is the first; so of two floats
smaller: Any = _one_of_two("<")
root: Any = _root  # (vector)
lane: Any = _lane  # (vector, lane): a float
reverse: Any = _reverse  # (vector)
zipped: Any = _two_of_two(lambda n: [half for i in range(n) for half in (i, n + i)])  # a0 b0 a1 b1 and a2 b2 a3 b3
unzipped: Any = _two_of_two(lambda n: [*range(0, 2 * n, 2), *range(1, 2 * n, 2)])  # a0 a2 b0 b2 and a1 a3 b1 b3
