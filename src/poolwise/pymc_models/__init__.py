"""The models as a reader of PyMC writes them: one short file each, priors mapped in one place."""
