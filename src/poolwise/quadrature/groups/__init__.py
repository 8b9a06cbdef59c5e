"""Exchangeable groups: a mean and a tau of each, and the hyperparameters that they share."""
