"""Rules and laws that every quadrature here is made of: panels, product rules, normal mixtures, Gaussian algebra."""
