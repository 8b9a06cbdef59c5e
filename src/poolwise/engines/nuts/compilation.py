"""A PyMC model as nutpie compiles it, with plain code that reads its data, which numba compiles sooner.

nutpie hands a model's data over as one record of addresses, sizes and shapes, and reads it by a loop that numba
unrolls: each array costs numba another pass over the whole function, in all 2 to 4 s of CPU before a first draw.
What `reading` writes down instead is one line for each array. The log density called with them is the same function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pymc as pm

WORD = 8  # bytes of an address, a size and the length of an axis
_LOCK = Lock()


def compile_model(model: pm.Model) -> Any:
    """The model as nutpie compiles it.

    Parameters
    ----------
    model : pymc.Model
        Its data may be exchanged afterwards.

    Returns
    -------
    nutpie.CompiledPyMCModel
    """
    import nutpie

    with _plain_reading():
        return nutpie.compile_pymc_model(model)


def reading(
    inner: Callable[..., Any], data: Mapping[str, NDArray], keys: Sequence[str], record: np.dtype
) -> Callable[..., Any]:
    """The function (x, address of the record) -> inner(x, *arrays), for numba.

    Parameters
    ----------
    inner : callable
        What numba has compiled of a model: of a point and its data.
    data : mapping of str to ndarray
        Arrays of the types and ranks that the data will have.
    keys : sequence of str
        Which of them `inner` takes, in its order.
    record : dtype
        Where nutpie keeps the address, size and shape of each array.

    Returns
    -------
    callable

    Notes
    -----
    The text of the function is written and executed, as numba has no loop over arrays of different types that it
    would not unroll itself.
    """
    import numba
    from nutpie.compile_pymc import address_as_void_pointer

    layout: Any = record  # a record, whose fields are not None

    def place(part: str, key: str) -> int:
        shared = layout["shared"]
        return (layout.fields["shared"][1] + shared.fields[part][1] + shared[part].fields[key][1]) // WORD

    names: dict[str, Any] = {"carray": numba.carray, "address": address_as_void_pointer, "inner": inner}
    names |= {f"dtype{n}": data[key].dtype for n, key in enumerate(keys)} | {"word": np.dtype(np.uint64)}
    lines = ["def read(x, record):", f"    words = carray(record, ({record.itemsize // WORD},), word)"]
    for n, key in enumerate(keys):
        shape = "".join(f"words[{place('shape', key) + axis}], " for axis in range(data[key].ndim))
        lines.append(f"    data{n} = carray(address(words[{place('data', key)}]), ({shape}), dtype{n})")
    lines.append(f"    return inner({', '.join(['x', *(f'data{n}' for n in range(len(keys)))])})")
    exec("\n".join(lines), names)
    return numba.njit(names["read"])


@contextmanager
def _plain_reading() -> Iterator[None]:
    """Have nutpie read data by `reading`; a nutpie that has another way to read them keeps its own."""
    from nutpie import compile_pymc

    own = getattr(compile_pymc, "make_extraction_fn", None)
    as_here = hasattr(compile_pymc, "address_as_void_pointer") and np.dtype(np.uintp).itemsize == WORD
    if own is None or not as_here:
        yield
        return
    with _LOCK:
        compile_pymc.make_extraction_fn = reading
        try:
            yield
        finally:
            compile_pymc.make_extraction_fn = own
