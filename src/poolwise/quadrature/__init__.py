"""Quadrature: everything normal given a few nonlinear parameters, and those on adaptive rules; arrays in, laws out."""
