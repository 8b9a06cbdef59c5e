"""Settings of all tests."""

from hypothesis import settings

# A deadline for each example measures what else the machine does; speed has its own benchmarks.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
