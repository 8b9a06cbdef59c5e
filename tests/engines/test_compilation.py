"""nutpie's compiled models, whose data are read by plain code: what is read is what was given, in any shape."""

import ctypes
import inspect
from contextlib import nullcontext

import numba
import numpy as np
import pytest
from nutpie import compile_pymc

import poolwise as pw
from poolwise.engines.nuts import compilation, plans
from poolwise.engines.nuts.planned import planned

TABLE = pw.datasets.load("bcg")
MODEL = pw.MetaRegression("~ ablat").resolved(TABLE)
ROUNDING = 1e-12  # relative: what numba takes from its cache on disk sums in another order than what it compiles anew
DATA = {"scalar": np.array(2.5), "row": np.arange(3.0), "table": np.arange(6).reshape(2, 3)}


class Key(str):
    """A key that says the rank of what it names, as PyMC's data do."""

    @property
    def ndim(self):
        return DATA[self].ndim


def test_data_are_read_where_nutpie_puts_them_whatever_their_rank_type_and_order():
    record = compile_pymc.make_user_data({Key(name): name for name in DATA}, DATA)
    inner = numba.njit(lambda x, table, scalar, row: (x + scalar[()], row.copy(), table.copy()))
    read = compilation.reading(inner, DATA, ["table", "scalar", "row"], record.dtype)
    at = numba.njit(lambda x, address: read(x, compile_pymc.address_as_void_pointer(address)))
    longer = DATA | {"row": np.arange(5.0), "table": np.arange(8).reshape(4, 2)}  # as with_data exchanges them
    for data in (DATA, longer):
        compile_pymc.update_user_data(record, data)
        scalar, row, table = at(1.0, record.ctypes.data)
        assert scalar == 3.5
        assert np.array_equal(row, data["row"])
        assert np.array_equal(table, data["table"])


def test_the_nutpie_that_is_installed_is_one_whose_reading_is_replaced():
    own = compile_pymc.make_extraction_fn
    assert len(inspect.signature(own).parameters) == len(inspect.signature(compilation.reading).parameters)
    with compilation._plain_reading():
        assert compile_pymc.make_extraction_fn is compilation.reading
    assert compile_pymc.make_extraction_fn is own


@pytest.mark.agreement_long
def test_density_and_gradient_are_those_of_nutpies_own_reading(monkeypatch):
    road = planned(TABLE, MODEL)
    ours, own = (), ()
    for reading in (compilation._plain_reading, nullcontext):
        monkeypatch.setattr(compilation, "_plain_reading", reading)
        plans.compiled_models.cache_clear()
        ours, own = own, density_and_gradient(road.plan.compiled().with_data(**road.plan.data).compiled())
    np.testing.assert_allclose(ours, own, rtol=ROUNDING)


def density_and_gradient(model):
    point, gradient, density = np.linspace(-0.3, 0.4, model.n_dim), np.empty(model.n_dim), np.empty(1)
    pointers = (array.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for array in (point, gradient, density))
    assert model.compiled_logp_func.ctypes(model.n_dim, *pointers, model.user_data.ctypes.data) == 0
    return [*density, *gradient]
