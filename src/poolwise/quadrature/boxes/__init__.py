"""Two or three nonlinear parameters, on adaptive boxes."""
