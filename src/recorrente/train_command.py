"""`recorrente train`: what its options mean, and how a training is begun, interrupted and gone on with."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recorrente.printing import fail
from recorrente.runs import layer_names

if TYPE_CHECKING:
    from recorrente.recipe import Trained
    from recorrente.shape import Shape

__all__ = ["train"]

BESIDE_RESUME = {"resume", "device", "watch_gradient"}


def _refuse_beside_resume(call: typer.Context) -> None:
    """A resumed run obeys its own config: what else is said would be said in vain."""
    for name in call.params.keys() - BESIDE_RESUME:
        source = call.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            said = f"--{name.replace('_', '-')} beside --resume: a run goes on as it was begun"
            raise typer.BadParameter(f"{said}. Train anew to change that; --device and --watch-gradient may be said")


def train(
    call: typer.Context,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="A known name (see: recorrente data list), or a file or folder of your own.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run folder to make.", show_default="a new one under runs/")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with an interrupted training.", show_default=False)
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="image, language, text, tags, audio, speech, video, visual-speech, joints, series, forecast or probe.",
            show_default="found by looking",
        ),
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(
            help="elman, gru or lstm, or a variant such as lstm_peephole.", show_default="gru; running text lstm"
        ),
    ] = None,
    activation: Annotated[str | None, typer.Option(help="Of an elman cell: tanh, relu or linear.")] = None,
    hidden: Annotated[int | None, typer.Option(min=1, help="Hidden units.", show_default="by kind")] = None,
    layers: Annotated[int | None, typer.Option(min=1, help="Recurrent layers.", show_default="by kind")] = None,
    bidirectional: Annotated[
        bool | None,
        typer.Option("--bidirectional/--one-way", help="Read the sequence both ways.", show_default="by kind"),
    ] = None,
    embedding: Annotated[int | None, typer.Option(min=1, help="Length of a token's vector.")] = None,
    dropout: Annotated[float | None, typer.Option(help="Probability of a zero in training.")] = None,
    tied: Annotated[
        bool | None, typer.Option("--tied/--untied", help="Running text: the head uses the tokens' vectors.")
    ] = None,
    order: Annotated[
        str | None, typer.Option(help="How an image is read: rows, pixels or permuted.", show_default="rows")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="HxW", help="Bring pictures and clips of a folder to this size.", show_default="their own"
        ),
    ] = None,
    units: Annotated[
        str | None,
        typer.Option(
            help="What text is cut into: characters, bytes, words or pieces; transcripts: words or characters."
        ),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of text files, transcripts too.", show_default="UTF-8, else found by looking")
    ] = None,
    text: Annotated[str | None, typer.Option(help="The column of a table that holds the text.")] = None,
    label: Annotated[str | None, typer.Option(help="The column of a table that holds the class.")] = None,
    rate: Annotated[
        int | None, typer.Option(min=1, help="Bring sounds to so many samples a second.", show_default=False)
    ] = None,
    leave_out: Annotated[
        str | None, typer.Option("--leave-out", metavar="WHO", help="Of sounds and clips: who is tested on.")
    ] = None,
    frame_rate: Annotated[
        float | None, typer.Option("--frame-rate", help="Of clips: frames read a second.", show_default="10")
    ] = None,
    frames: Annotated[int | None, typer.Option(help="Of clips: the most frames read.", show_default="64")] = None,
    mirror: Annotated[
        bool | None,
        typer.Option(
            "--mirror/--no-mirror", help="Of clips and joints: learn left as right, too.", show_default="jhmdb"
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX|COLUMN",
            help="Of clips and transcripts: what finds who is seen or heard in a path, to split by. "
            "Of tables: what names the series.",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN,...", help="Of tables of numbers: what is foretold.", show_default="all columns of numbers"
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN,...", help="Of tables of numbers: what holds the time.", show_default="found by looking"
        ),
    ] = None,
    known: Annotated[
        str | None,
        typer.Option(metavar="COLUMN,...", help="Of tables of numbers: what is known of the future, too."),
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(min=1, help="Of tables of numbers: steps foretold.", show_default="a season")
    ] = None,
    context: Annotated[
        int | None,
        typer.Option(min=1, help="Of tables of numbers: steps read before them.", show_default="some seasons"),
    ] = None,
    season: Annotated[
        int | None,
        typer.Option(
            min=1, help="Of tables of numbers: steps after which much is as it was.", show_default="by the calendar"
        ),
    ] = None,
    length: Annotated[
        int | None, typer.Option(min=1, help="Of probes of memory: steps of a sequence.", show_default="by probe")
    ] = None,
    shortest: Annotated[
        int | None,
        typer.Option(
            min=1, help="Of probes of memory: learn from lengths from here up.", show_default="copy 1; else the length"
        ),
    ] = None,
    skip_bad: Annotated[
        bool | None, typer.Option("--skip-bad", help="Leave out, and name, what cannot be read.", show_default=False)
    ] = None,
    initial: Annotated[
        str | None,
        typer.Option(
            help="The weights at first: torch, orthogonal, chrono[:T] or scales[:T], T the steps to remember.",
            show_default="torch; elman orthogonal; series scales",
        ),
    ] = None,
    steps: Annotated[
        str | None, typer.Option(help="Where the loss of a class is taken: last or every step.", show_default="last")
    ] = None,
    loss: Annotated[
        str | None, typer.Option(help="cross_entropy or half_square.", show_default="cross_entropy")
    ] = None,
    label_smoothing: Annotated[
        float | None,
        typer.Option(help="The share of a class target that is spread over all classes.", show_default="series 0.1"),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the data.", show_default="by kind")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Sequences in a step.", show_default="by kind")] = None,
    window: Annotated[
        int | None, typer.Option(min=1, help="Running text: steps that the gradient goes back.", show_default="64")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The highest one.", show_default="by kind")] = None,
    clip: Annotated[float | None, typer.Option(help="The largest norm of the gradient.", show_default="1")] = None,
    validation: Annotated[
        float | None,
        typer.Option(help="Share kept to validate on.", show_default="0.05; running text and tables of numbers 0.1"),
    ] = None,
    shift: Annotated[
        int | None,
        typer.Option(min=0, help="Move training pictures and clips by up to so many pixels.", show_default="by kind"),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of all that is random.", show_default="0")] = None,
    credit: Annotated[
        str | None,
        typer.Option(
            metavar="RULE",
            help="How the gradient goes back: full, truncated:WINDOW[,STRIDE], checkpointed[:SEGMENTS], recompute, "
            "rtrl, snap1 or eprop.",
            show_default="full",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="Where torch computes: cpu, cuda, ...")] = "cpu",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run folder that is there.")] = False,
    watch_gradient: Annotated[
        bool, typer.Option("--watch-gradient", help="Draw the gradient through time while it learns.")
    ] = False,
) -> None:
    """Train a network and write a run folder with a report.

    What kind of data it is - pictures, running text, labelled texts, tables of numbers over time, ... - is found by
    looking, and told.

    Examples:
      recorrente train digits

      recorrente train mnist --cell elman --out runs/elman

      recorrente train my-pictures/ --epochs 20

      recorrente train my-novel.txt

      recorrente train reviews.csv --text review --label stars

      recorrente train sales.csv --target sold --horizon 28

      recorrente train --resume runs/elman
    """
    if (data is None) == (resume is None):
        raise typer.BadParameter("give either DATA to start a training, or --resume RUN to go on with one")
    if resume is not None:
        _refuse_beside_resume(call)
        _go_on(resume, device=device, watch_gradient=watch_gradient)
        return
    from recorrente import kinds, recipe
    from recorrente.kinds.base import check_used
    from recorrente.progress import Display

    assert data is not None
    reading = recipe.Reading(
        order=order,
        size=_size(size),
        units=units,
        encoding=encoding,
        text=text,
        label=label,
        rate=rate,
        leave_out=leave_out,
        frame_rate=frame_rate,
        frames=frames,
        mirror=mirror,
        group=group,
        target=target,
        time=time,
        known=known,
        horizon=horizon,
        context=context,
        season=season,
        length=length,
        shortest=shortest,
        skip_bad=skip_bad,
    )
    found = kinds.find(data, reading.said, kind)
    chosen = kinds.of_name(found.kind)
    cell = cell or chosen.cell
    plan = chosen.plan(
        data,
        cell,
        _given(
            epochs=epochs,
            batch=batch,
            window=window,
            learning_rate=learning_rate,
            clip=clip,
            validation=validation,
            shift=shift,
            seed=seed,
            credit=credit,
        ),
    )
    shape = chosen.shape(
        cell,
        reading,
        _given(
            activation=activation,
            hidden=hidden,
            layers=layers,
            bidirectional=bidirectional,
            embedding=embedding,
            dropout=dropout,
            tied=tied,
            initial=initial,
        ),
    )
    check_used(chosen, _given(embedding=embedding, tied=tied, window=window, shift=shift))
    task = chosen.task(_given(steps=steps, loss=loss, label_smoothing=label_smoothing))
    print(f"{data}: {found.kind} ({found.why})", file=sys.stderr)
    with Display(sys.stderr, plan.epochs, **_told_of(task, shape)) as display, _interruptible() as begun:
        trained = recipe.train(
            data,
            out=out,
            kind=found.kind,
            reading=reading,
            shape=shape,
            task=task,
            plan=plan,
            device=device,
            overwrite=overwrite,
            watcher=display,
            progress=display.wait,
            tell=display.tell,
            watch_gradient=watch_gradient and display.gradient,
            made=begun.append,
        )
    _tell_run(trained)


def _go_on(run: Path, *, device: str, watch_gradient: bool) -> None:
    """Goes on with an interrupted training."""
    from recorrente import recipe
    from recorrente.progress import Display

    recipe_of_run = recipe.of_run(run)
    with (
        Display(sys.stderr, recipe_of_run.plan.epochs, **_told_of(recipe_of_run.task, recipe_of_run.shape)) as display,
        _interruptible(run),
    ):
        trained = recipe.resume(
            run,
            device=device,
            watcher=display,
            progress=display.wait,
            watch_gradient=watch_gradient and display.gradient,
        )
    _tell_run(trained)


def _told_of(task: object, shape: Shape) -> dict[str, Any]:
    """What the share of right answers is called, or that of wrong ones where it is those that count; and the layers."""
    names = layer_names(shape.layers, shape.bidirectional)
    return {"score": getattr(task, "score", "accuracy"), "errors": getattr(task, "errors", False), "layers": names}


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given; the others keep the defaults of what they are handed to."""
    return {name: value for name, value in options.items() if value is not None}


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if match is None:
        raise typer.BadParameter(f"got {text!r}, wanted HEIGHTxWIDTH, such as 28x28", param_hint="--size")
    return int(match[1]), int(match[2])


@contextmanager
def _interruptible(*begun: Path) -> Iterator[list[Path]]:
    """Ctrl-C ends a training in a sentence that says how to go on with it.

    Args:
        begun: its run folder, where there is one already; else it is to be added once it is made. A folder that is
            about to be overwritten is another training's until then.
    """
    folders = [*begun]
    try:
        yield folders
    except KeyboardInterrupt:
        for folder in folders:
            if (folder / "checkpoint.pt").exists():
                fail(f"interrupted; go on with: recorrente train --resume {shlex.quote(str(folder))}")
        fail("interrupted")


def _tell_run(trained: Trained) -> None:
    print(trained.summary())
    print(f"report: {(trained.run / 'report.html').resolve()}")
