"""How the gradient is assigned through time, and what is seen of it."""

from recorrente.credit.flow import Flow, gradient_flow

__all__ = ["Flow", "gradient_flow"]
