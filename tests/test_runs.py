"""The run folder: whole files or none, refusals that name the path and the cure."""

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from recorrente.errors import RunError
from recorrente.runs import FORMAT, Run, refuse_taken, write_bytes, write_text

OURS = {"recorrente": "0"}
"""What every training says in its config."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)


def test_a_file_is_replaced_whole(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    write_bytes(tmp_path / "a", b"old")
    full_disk(monkeypatch)
    with pytest.raises(RunError, match=r"a: got a full disk.*--resume"):
        write_bytes(tmp_path / "a", b"new and longer")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_full_disk_while_making_a_run_leaves_no_config(tmp_path, monkeypatch):
    full_disk(monkeypatch)
    with pytest.raises(RunError, match="full disk"):
        Run.create(tmp_path / "run", {})
    assert names(tmp_path) in ([], ["run"])


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match=r"file.*got Not a directory"):
        Run.create(tmp_path / "file" / "run", {})
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(RunError, match=r"got Permission denied, wanted a place that can be written"):
            Run.create(tmp_path / "run", {})
    finally:
        tmp_path.chmod(0o755)
    assert names(tmp_path) == []


def test_a_read_only_file_system_is_named(tmp_path, monkeypatch):
    def refuse(self: Path, *args: object, **options: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(RunError, match=r"got Read-only file system, wanted a place that can be written"):
        Run.create(tmp_path / "run", {})


def test_a_run_that_is_there_is_never_overwritten_unasked(tmp_path):
    Run.create(tmp_path / "run", OURS | {"a": 1}).write_json("metrics.json", {})
    with pytest.raises(RunError, match=r"not empty.*--overwrite"):
        Run.create(tmp_path / "run", {"a": 2})
    assert Run.open(tmp_path / "run").config["a"] == 1
    Run.create(tmp_path / "run", {"a": 3}, overwrite=True)
    assert Run.open(tmp_path / "run").config["a"] == 3
    assert names(tmp_path / "run") == ["config.json"]


def test_what_is_not_a_run_folder_is_not_overwritten_even_when_asked(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(RunError, match="not a run folder"):
        Run.create(tmp_path / "thesis", {}, overwrite=True)
    with pytest.raises(RunError, match="got a file"):
        Run.create(tmp_path / "thesis" / "chapter.txt", {}, overwrite=True)
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"


@pytest.mark.parametrize("config", ['{"format": 1}', '{"recorrente": "0"}', '{"model_type": "bert"}', "[1]", "{"])
def test_a_config_of_another_program_does_not_make_a_run_folder(tmp_path, config):
    (tmp_path / "config.json").write_text(config)
    (tmp_path / "pytorch_model.bin").write_text("weeks of training")
    with pytest.raises(RunError, match="not a run folder"):
        Run.create(tmp_path, OURS, overwrite=True)
    assert names(tmp_path) == ["config.json", "pytorch_model.bin"]


def test_what_a_run_did_not_write_stays_when_it_is_overwritten(tmp_path):
    Run.create(tmp_path, OURS)
    ours = ["checkpoint.pt", "figures/curves.png", "model.safetensors", ".history.csv.77.part", "gradient.csv"]
    theirs = ["notes.txt", "thesis/checkpoint.pt", "figures/drawn by hand.svg"]
    for name in ours + theirs:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    Run.create(tmp_path, OURS | {"a": 2}, overwrite=True)
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert there == {"config.json", *theirs}
    assert Run.open(tmp_path).config["a"] == 2


def test_unnamed_runs_that_begin_together_have_a_folder_each(tmp_path):
    first = tmp_path / "runs" / "sales.csv-gru"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda k: Run.create_unnamed(first, {"k": k}), range(24)))
    assert {run.folder for run in made} == {first, *(first.with_name(f"{first.name}-{k}") for k in range(2, 25))}
    assert all(Run.open(run.folder).config["k"] == k for k, run in enumerate(made))


def test_an_empty_folder_may_become_a_run(tmp_path):
    assert Run.create(tmp_path, {"a": 1}).config == {"format": FORMAT, "a": 1}


def test_opening_what_is_no_run(tmp_path):
    with pytest.raises(RunError, match="no such folder"):
        Run.open(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"without config\.json"):
        Run.open(tmp_path)


def test_a_newer_run_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"format": FORMAT + 1}))
    with pytest.raises(RunError, match=r"config\.json: got format .*Update recorrente"):
        Run.open(tmp_path)


@pytest.mark.parametrize("config", [{}, {"format": None}, {"format": "1"}])
def test_another_programs_config_is_not_said_to_be_newer(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(RunError, match=r"config\.json: got a config\.json that no training wrote"):
        Run.open(tmp_path)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_is_no_place_for_a_run(tmp_path, overwrite):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(RunError, match="got a file, wanted a new folder"):
        refuse_taken(tmp_path / "run", overwrite=overwrite)


@pytest.mark.parametrize("text", ["", "{", '{"format": 1', "[1]", "\xff"])
def test_a_broken_config_is_refused(tmp_path, text):
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(RunError, match=r"config\.json"):
        Run.open(tmp_path)


def test_csv_round_trip_with_awkward_words(tmp_path):
    run = Run.create(tmp_path / "run", {})
    run.write_csv("t.csv", ("class", "n"), [['a,"b"', 1], ["ção\nnova", 2]])
    assert run.read_csv("t.csv") == [{"class": 'a,"b"', "n": "1"}, {"class": "ção\nnova", "n": "2"}]


def test_a_missing_file_is_named(tmp_path):
    run = Run.create(tmp_path / "run", {})
    with pytest.raises(RunError, match=r"metrics\.json: got No such file"):
        run.read_json("metrics.json")
