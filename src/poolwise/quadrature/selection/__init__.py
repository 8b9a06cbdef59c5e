"""Quadrature over selection models: weights of intervals of p-values, PET and PEESE, over mu and tau."""
