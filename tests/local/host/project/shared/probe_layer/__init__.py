"""Comes to the functions in the layer."""

ORIGIN = __file__
