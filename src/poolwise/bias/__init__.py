"""Publication bias: classical tests and adjustments, and what no model of selection needs."""

__all__: list[str] = []
