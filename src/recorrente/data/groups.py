"""Who is tested on: people or places that were not learnt from, where something tells one from another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recorrente.data.imageset import AT_RANDOM, hold_out
from recorrente.errors import InputError

__all__ = ["FEWEST_GROUPS", "HELD_OUT", "held_groups", "numbered", "of_path", "tested"]

HELD_OUT = 0.2
FEWEST_GROUPS = 5
"""Of which a fifth can be left out."""


def tested(
    groups: Sequence[str],
    labels: Sequence[int],
    classes: Sequence[str],
    *,
    given: tuple[set[int], str] | None,
    leave_out: str | None,
    seed: int,
    who: str,
    of: str,
) -> tuple[set[int], str]:
    """The items that are tested on, and in words how they were chosen.

    In this order: the group that is left out, the given ones, a fifth of the groups, a fifth of each class. Where every
    group is of one class alone, as a patient is ill or well, it is a fifth of the groups of each class; and where a
    class has a single one of them (`owl/owl-1.wav`), groups tell nothing.

    Args:
        groups: of each item; empty where nothing tells.
        labels: the class number of each.
        classes: their names.
        given: a choice that was made already, and its words.
        leave_out: a group that is tested on, and nobody else.
        seed: what is drawn.
        who: a group, in a word.
        of: the items, in the plural.

    Raises:
        InputError: a group that there is not, or a class with a single item.

    Example:
        >>> tested(["ana", "bia"], [0, 0], ["a"], given=None, leave_out="bia", seed=0, who="speaker", of="sounds")
        ({1}, 'the speaker bia, left out')
    """
    everyone = sorted({group for group in groups if group})
    if leave_out is not None:
        if leave_out not in everyone:
            wanted = f"one of {', '.join(everyone)}" if everyone else f"{of} whose names tell the {who}"
            raise InputError("leave_out", came=repr(leave_out), wanted=wanted)
        return {k for k, group in enumerate(groups) if group == leave_out}, f"the {who} {leave_out}, left out"
    if given is not None:
        return given
    sets = _of_one_class(groups, labels) or [everyone]
    lonely = len(sets) > 1 and min(map(len, sets)) < 2
    if len(everyone) >= FEWEST_GROUPS and all(groups) and not lonely:
        held = sorted(group for some in sets for group in held_groups(some, HELD_OUT, seed))
        shown = ", ".join(held[:5]) + (" and others" if len(held) > 5 else "")
        return {k for k, group in enumerate(groups) if group in held}, f"by {who}: {shown}"
    _, out = hold_out(np.array(labels), HELD_OUT, seed, classes, of=of)
    few = f", for there are fewer than {FEWEST_GROUPS} {who}s" if len(everyone) < FEWEST_GROUPS else ""
    why = few or (f", for not all {of} tell the {who}" if not all(groups) else f", for no {who} is in two classes")
    return set(out.tolist()), AT_RANDOM + (why if everyone else "")


def _of_one_class(groups: Sequence[str], labels: Sequence[int]) -> list[list[str]]:
    """The groups of each class, where none is in two of several classes; nothing elsewhere."""
    pairs = set(zip(groups, labels, strict=False))
    sets = [sorted(group for group, of in pairs if of == label) for label in sorted(set(labels))]
    return sets if len(sets) > 1 and len(pairs) == len(set(groups)) else []


def numbered(classes: Sequence[str], learnt: Sequence[str] | None) -> tuple[tuple[str, ...], list[int]]:
    """The classes that the items of a set are told by, and the number of each of its own among them.

    Args:
        classes: its own.
        learnt: those of a trained network that it is read for; a set need not have all of them. None: its own.

    Raises:
        InputError: a class that was not learnt.

    Example:
        >>> numbered(["b"], ["a", "b"])
        (('a', 'b'), [1])
    """
    if learnt is None:
        return tuple(classes), list(range(len(classes)))
    if strange := [name for name in classes if name not in learnt]:
        cure = f"Rename or leave out what was not learnt: {', '.join(strange)}"
        raise InputError("data", came=f"the classes {', '.join(classes)}", wanted=", ".join(learnt), cure=cure)
    return tuple(learnt), [learnt.index(name) for name in classes]


def held_groups(everyone: Sequence[str], share: float, seed: int) -> list[str]:
    """A share of the groups, one at least, in order."""
    order: list[str] = np.random.default_rng(seed).permutation(list(everyone)).tolist()
    return sorted(order[: max(1, round(share * len(order)))])


def of_path(pattern: str, path: Path) -> str:
    r"""The group that a regular expression finds in a path: its first bracket, if any; empty where it finds none.

    Raises:
        InputError: no regular expression.

    Example:
        >>> of_path(r"take(\d+)", Path("ana/take12.mp4"))
        '12'
    """
    try:
        found = re.search(pattern, path.as_posix())
    except re.error as error:
        raise InputError("group", came=f"{pattern!r} ({error})", wanted="a regular expression") from error
    return (found.group(1) if found.re.groups else found.group(0)) or "" if found else ""
