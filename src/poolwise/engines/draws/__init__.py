"""Draws of the Bayesian engines: what is normal given the standard deviations, whoever drew them."""
