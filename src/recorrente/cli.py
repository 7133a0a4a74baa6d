"""The command: words from the shell become calls of `recipe`, and refusals become exit codes.

Results go to stdout, progress and errors to stderr. Exit codes: 0 done; 1 refused or interrupted; 2 a command that
makes no sense. Nothing slow is imported before it is known to be needed, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from inspect import signature
from pathlib import Path
from typing import Annotated

import typer

from recorrente.errors import InputError
from recorrente.printing import fail, in_words, print_json, print_table, short
from recorrente.train_command import train

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
            fail(f"--{str(error).replace('_', '-', error.argument.count('_'))}\nTry: recorrente train --help", code=2)
        fail(str(error))
    except FloatingPointError as error:
        fail(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:  # of the place that was given: full, closed to us, a name too long
        fail(str(error))


app.command()(train)


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
        print_json(scores)
        return
    for name, words in (("split", "test part: "), ("changed", "")):
        if name in scores:
            print(words + scores.pop(name), file=sys.stderr)
    print(trained.kind.summary(scores).replace("test accuracy", "accuracy").replace("  (", "  test size ("))
    if "per_class" in scores:
        columns = ("class", "precision", "recall", "f1", "support")
        print_table(columns, [[short(row[column]) for column in columns] for row in scores["per_class"]])


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
        print_json(rows)
        return
    rows = [row for one in said for row in one.rows()]
    print_table(list(rows[0]), [list(row.values()) for row in rows])


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
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    print_table(columns, rows)


@sets.command("show")
def show_set(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A known name.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Tell of one data set: what is in it, its size, licence and citation, and where it comes from."""
    from recorrente.data import known

    told = known.describe(name)
    if as_json:
        print_json(told)
        return
    for key, value in told.items():
        print(f"{key:10}{in_words(value)}")


@app.command()
def inspect(run: RunFolder, as_json: AsJson = False) -> None:
    """Show the gradient through time of a trained network: how far it reaches, what the gates do, how fast it fades."""
    from recorrente import recipe

    told = recipe.inspect(run)
    if as_json:
        print_json(told)
        return
    page = recipe.draw_inspection(run, told)
    for layer in told["layers"]:
        print(f"{layer['name']}: {layer['verdict']['sentence']}")
    print_table(
        ("layer", "gate", "passes", "saturated"),
        [
            [layer["name"], gate["name"], f"{gate['passes']:.3g}", f"{gate['saturated']:.1%}"]
            for layer in told["layers"]
            for gate in layer["gates"]
        ],
    )
    print_table(
        ("layer", "lag", "largest singular values of dh_T/dh_{T-lag}"),
        [
            [layer["name"], str(row["lag"]), " ".join(f"{value:.3g}" for value in row["singular_values"])]
            for layer in told["layers"]
            for row in layer["jacobian"]
        ],
    )
    print_table(
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
        print_json(told)
        return
    for name, value in told.items():
        print(f"{name:12}{in_words(value)}")
