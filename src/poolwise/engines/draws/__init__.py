"""What the Bayesian engines share: laws of what is normal given the standard deviations, draws, and their trees."""
