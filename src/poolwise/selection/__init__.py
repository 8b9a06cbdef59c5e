"""Arithmetic of selective publication: arrays in, arrays or small records out."""
