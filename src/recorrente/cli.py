"""The command: words from the shell become calls of `recipe`, and refusals become exit codes.

Results go to stdout, progress and errors to stderr. Exit codes: 0 done; 1 refused or interrupted; 2 a command that
makes no sense. Nothing slow is imported before it is known to be needed, so that `--help` answers at once.
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from recorrente.errors import InputError
from recorrente.runs import layer_names

if TYPE_CHECKING:
    from recorrente.recipe import Trained
    from recorrente.shape import Shape

__all__ = ["main"]

app = typer.Typer(
    help="Recurrent neural networks, trained by exact back-propagation through time.",
    epilog="Start with:  recorrente train digits",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

sets = typer.Typer(help="The data sets that have a name.", no_args_is_help=True)
app.add_typer(sets, name="data")

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The run folder of a training.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Device = Annotated[str, typer.Option(help="Where torch computes: cpu, cuda, ...")]


def main() -> None:
    """Runs the command; a refusal is told in a line, never as a traceback."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")  # names of classes, and texts, are in any
    try:
        app()
    except InputError as error:
        options = signature(train).parameters.keys() - {"call", "data"}  # these are none
        options -= set(sys.argv)  # a folder may be called as an option is
        if sys.argv[1:2] == ["train"] and error.argument in options:
            _fail(f"--{str(error).replace('_', '-', error.argument.count('_'))}\nTry: recorrente train --help", code=2)
        _fail(str(error))
    except FloatingPointError as error:
        _fail(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:  # of the place that was given: full, closed to us, a name too long
        _fail(str(error))


BESIDE_RESUME = {"resume", "device", "watch_gradient"}


def _refuse_beside_resume(call: typer.Context) -> None:
    """A resumed run obeys its own config: what else is said would be said in vain."""
    for name in call.params.keys() - BESIDE_RESUME:
        source = call.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            said = f"--{name.replace('_', '-')} beside --resume: a run goes on as it was begun"
            raise typer.BadParameter(f"{said}. Train anew to change that; --device and --watch-gradient may be said")


@app.command()
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
    device: Device = "cpu",
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
    from recorrente import kinds, recipe
    from recorrente.kinds.base import check_used
    from recorrente.progress import Display

    if resume is not None:
        recipe_of_run = recipe.of_run(resume)
        with (
            Display(
                sys.stderr, recipe_of_run.plan.epochs, **_told_of(recipe_of_run.task, recipe_of_run.shape)
            ) as display,
            _interruptible(resume),
        ):
            trained = recipe.resume(
                resume,
                device=device,
                watcher=display,
                progress=display.wait,
                watch_gradient=watch_gradient and display.gradient,
            )
        _tell_run(trained)
        return
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


@app.command()
def evaluate(
    run: RunFolder,
    data: Annotated[
        str | None, typer.Argument(metavar="[DATA]", help="Other data than that of the training.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score a trained network on a test set, read as it was taught to read."""
    from recorrente import recipe

    trained = recipe.load(run)
    scores = trained.evaluate(data)
    if as_json:
        _print_json(scores)
        return
    for name, words in (("split", "test part: "), ("changed", "")):
        if name in scores:
            print(words + scores.pop(name), file=sys.stderr)
    print(trained.kind.summary(scores).replace("test accuracy", "accuracy").replace("  (", "  test size ("))
    if "per_class" in scores:
        columns = ("class", "precision", "recall", "f1", "support")
        _table(columns, [[_short(row[column]) for column in columns] for row in scores["per_class"]])


@app.command()
def predict(
    run: RunFolder,
    given: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="Pictures, sounds, clips or tables; texts, or files of text.", show_default=False
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Tell the class of items of your own, what is said in them, or what comes after a table's end."""
    from recorrente import recipe

    said = recipe.load(run).predict(given)
    if as_json:
        rows = [{**asdict(one), "path": str(one.path) if one.path else None} for one in said]
        _print_json(rows)
        return
    rows = [row for one in said for row in one.rows()]
    _table(list(rows[0]), [list(row.values()) for row in rows])


@app.command()
def generate(
    run: RunFolder,
    prompt: Annotated[str, typer.Option(help="What the text goes on from.", show_default="a new line")] = "",
    length: Annotated[int, typer.Option(min=1, help="How many tokens to write.")] = 500,
    temperature: Annotated[float, typer.Option(min=0, help="Under 1 more of what is likely; 0 the likeliest.")] = 0.8,
    top_k: Annotated[int, typer.Option(min=0, help="Draw among the k likeliest; 0 among all.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
) -> None:
    """Write text with a model of running text, as it comes.

    Example:
      recorrente generate runs/shakespeare-lstm --prompt "ROMEO:" --temperature 0.7
    """
    from recorrente import recipe

    pieces = recipe.load(run).generate(prompt, length=length, temperature=temperature, top_k=top_k, seed=seed)
    try:
        print(prompt, end="", flush=True)
        for piece in pieces:
            print(piece, end="", flush=True)
    except KeyboardInterrupt:
        pass
    print()


@sets.command("list")
def list_sets(as_json: AsJson = False) -> None:
    """List the data sets that have a name, and whether they are here already."""
    from recorrente.data import known

    rows = [(one.name, one.kind, known.whereabouts(one), one.licence, one.about) for one in known.KNOWN.values()]
    columns = ("name", "kind", "here", "licence", "about")
    if as_json:
        _print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    _table(columns, rows)


@sets.command("show")
def show_set(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A known name.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Tell of one data set: what is in it, its size, licence and citation, and where it comes from."""
    from recorrente.data import known

    told = known.describe(name)
    if as_json:
        _print_json(told)
        return
    for key, value in told.items():
        print(f"{key:10}{_words(value)}")


@app.command()
def inspect(run: RunFolder, as_json: AsJson = False) -> None:
    """Show the gradient through time of a trained network: how far it reaches, what the gates do, how fast it fades."""
    from recorrente import recipe

    told = recipe.inspect(run)
    if as_json:
        _print_json(told)
        return
    page = recipe.draw_inspection(run, told)
    for layer in told["layers"]:
        print(f"{layer['name']}: {layer['verdict']['sentence']}")
    _table(
        ("layer", "gate", "passes", "saturated"),
        [
            [layer["name"], gate["name"], f"{gate['passes']:.3g}", f"{gate['saturated']:.1%}"]
            for layer in told["layers"]
            for gate in layer["gates"]
        ],
    )
    _table(
        ("layer", "lag", "largest singular values of dh_T/dh_{T-lag}"),
        [
            [layer["name"], str(row["lag"]), " ".join(f"{value:.3g}" for value in row["singular_values"])]
            for layer in told["layers"]
            for row in layer["jacobian"]
        ],
    )
    _table(
        ("layer", "Lyapunov exponents a step"),
        [[layer["name"], " ".join(f"{value:+.3f}" for value in layer["lyapunov"])] for layer in told["layers"]],
    )
    print(f"pictures: {page}", file=sys.stderr)


@app.command()
def info(as_json: AsJson = False) -> None:
    """Tell version, machine, threads, vector code and optional extras."""
    from recorrente.machine import describe

    told = describe()
    if as_json:
        _print_json(told)
        return
    for name, value in told.items():
        print(f"{name:12}{_words(value)}")


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
                _fail(f"interrupted; go on with: recorrente train --resume {shlex.quote(str(folder))}")
        _fail("interrupted")


def _tell_run(trained: Trained) -> None:
    print(trained.summary())
    print(f"report: {(trained.run / 'report.html').resolve()}")


def _print_json(told: Any) -> None:
    """For programs. What is no finite number is null: JSON has no word for it."""
    print(json.dumps(_finite(told), indent=2, ensure_ascii=False, allow_nan=False))


def _finite(told: Any) -> Any:
    if isinstance(told, Mapping):
        return {name: _finite(value) for name, value in told.items()}
    if isinstance(told, list | tuple):
        return [_finite(value) for value in told]
    return None if isinstance(told, float) and not math.isfinite(told) else told


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows for people in a terminal; tab-separated values, with a first row of names, for anything else."""
    if not sys.stdout.isatty():
        csv.writer(sys.stdout, dialect="excel-tab", lineterminator="\n").writerows([columns, *rows])
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(value) for value in row))
    Console().print(table)


def _short(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {'yes' if there else 'no'}" for name, there in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return str(value) if value != "" else "not set"


def _fail(message: str, code: int = 1) -> NoReturn:
    print(f"recorrente: {message}", file=sys.stderr)
    raise SystemExit(code)
