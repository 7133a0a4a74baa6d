"""Scores of predictions."""

import numpy as np

from recorrente.evaluation import Predictions, scores


def test_items_of_a_class_are_counted_in_whole_numbers_also_where_none_is_right():
    wrong = Predictions(np.array([[0.0, 1.0, 0.0]] * 3, np.float32), np.array([0, 0, 2]), loss=1.0)
    said = scores(wrong, ("a", "b", "c"))
    assert (said["accuracy"], [row["support"] for row in said["per_class"]]) == (0, [2, 0, 1])
    assert all(type(row["support"]) is int for row in said["per_class"])
