"""Weights on their way in and out: between memory, files and other libraries."""
