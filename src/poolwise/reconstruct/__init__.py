"""Study tables that agree with published aggregates, when the table itself was not published."""

from poolwise.reconstruct.aggregate import Aggregate
from poolwise.reconstruct.consequences import published_consequences
from poolwise.reconstruct.plausible import Plausible
from poolwise.reconstruct.printed import Printed
from poolwise.reconstruct.record import Reconstruction
from poolwise.reconstruct.sampler import reconstruct

__all__ = ["Aggregate", "Plausible", "Printed", "Reconstruction", "published_consequences", "reconstruct"]
