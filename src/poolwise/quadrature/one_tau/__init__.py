"""One nonlinear parameter: tau, for one study table or for many at once."""
