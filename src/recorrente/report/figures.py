"""The pictures of a report by name: what is in a run folder goes in, matplotlib figures come out."""

from __future__ import annotations

from recorrente.report.inside import gradient, hidden, inspection, watched
from recorrente.report.readings import arriving, clips, grid, mistakes, series, sounds, steps, transcripts
from recorrente.report.scores import ahead, answers, confusion, forecast, learning, perplexity

__all__ = ["FIGURES", "SHOWN"]

FIGURES = {
    "watched": watched,
    "inspection": inspection,
    "answers": answers,
    "grid": grid,
    "learning": learning,
    "perplexity": perplexity,
    "confusion": confusion,
    "mistakes": mistakes,
    "steps": steps,
    "arriving": arriving,
    "sounds": sounds,
    "series": series,
    "clips": clips,
    "transcripts": transcripts,
    "forecast": forecast,
    "ahead": ahead,
    "hidden": hidden,
    "gradient": gradient,
}
"""Every picture, by the name of its file."""

SHOWN = {
    "image": ("grid", "learning", "confusion", "mistakes", "steps", "hidden", "gradient"),
    "language": ("perplexity", "gradient"),
    "text": ("arriving", "learning", "confusion", "gradient"),
    "series": ("series", "learning", "confusion", "gradient"),
    "video": ("clips", "learning", "confusion", "gradient"),
    "joints": ("series", "learning", "confusion", "gradient"),
    "audio": ("sounds", "learning", "confusion", "gradient"),
    "tags": ("learning", "confusion", "gradient"),
    "speech": ("transcripts", "learning", "gradient"),
    "visual-speech": ("transcripts", "learning", "gradient"),
    "forecast": ("forecast", "ahead", "learning", "gradient"),
    "probe": ("answers", "learning", "gradient"),
}
"""Those that the report on each kind of data shows."""
