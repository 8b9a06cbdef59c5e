"""poolwise: Bayesian meta-analysis."""
