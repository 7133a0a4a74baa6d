"""The command as a user meets it: its own process, an empty folder, wrong arguments too.

Each command has a process of its own at least once. What more is said of the same run, and words that are only refused,
are said in this process: torch is imported once, not for each.
"""

import csv
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_digits

import recorrente
from recorrente import kinds, recipe
from recorrente.data import image
from recorrente.data.catalogue import KNOWN
from recorrente.data.known import files, whereabouts
from recorrente.data.progress import silent
from recorrente.data.source import below
from recorrente.errors import InputError
from recorrente.kinds.base import OF_SOME
from recorrente.kinds.language import LENGTHS
from recorrente.runs import WRITTEN

COMMANDS = ("train", "evaluate", "predict", "generate", "inspect", "data", "info")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def refused(outcome, code: int, *words: str) -> None:
    """One or two lines on stderr with all of `words`, no traceback, nothing on stdout."""
    assert outcome.returncode == code, outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert not outcome.stdout
    flat = " ".join(outcome.stderr.replace("│", " ").split())
    for word in words:
        assert word in flat


@pytest.fixture(scope="module")
def whole_training(tmp_path_factory):
    """The words of a training and the folder of a run by them that nothing cut."""
    words = ("train", "digits", "--epochs", "12", "--hidden", "12", "--layers", "2")
    run = tmp_path_factory.mktemp("never cut") / "whole"
    subprocess.run([sys.executable, "-m", "recorrente", *words, "--out", str(run)], check=True, capture_output=True)
    return words, run


@pytest.mark.parametrize(("words", "code"), [(("--help",), 0), ((), 2)])
def test_help_names_every_command(command, words, code):
    outcome = command(*words)
    assert outcome.returncode == code
    assert all(name in outcome.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command(command, name):
    assert command(name, "--help").returncode == 0


@pytest.mark.parametrize("words", [("--help",), ("info",)])
def test_help_and_info_answer_at_once_and_without_torch(words):
    """Half a second on an idle machine; processor time is held to it here, which a busy one leaves alone."""
    program = f"import sys; sys.argv[1:] = {list(words)!r}\n" + (
        "import resource\n"
        "from recorrente.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(used.ru_utime + used.ru_stime, 'torch' in sys.modules, file=sys.stderr)"
    )
    outcomes = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr.split()
        for _ in range(3)
    ]
    assert {torch for _, torch in outcomes} == {"False"}
    assert min(float(seconds) for seconds, _ in outcomes) < 0.5


def test_info_tells_the_version_and_json_is_for_programs(command):
    assert recorrente.__version__ in command("info").stdout
    assert json.loads(command("info", "--json").stdout)["recorrente"] == recorrente.__version__


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("nonsense",), "No such command"),
        (("train",), "--resume RUN"),
        (("train", "digits", "--resume", "run"), "--resume RUN"),
        (("train", "digits", "--hidden", "0"), "--hidden"),
        (("train", "digits", "--hidden", "many"), "--hidden"),
        (("train", "digits", "--cell", "transformer"), "--cell"),
        (("train", "digits", "--activation", "soft"), "--activation"),
        (("train", "digits", "--order", "spiral"), "--order"),
        (("train", "digits", "--size", "28"), "--size"),
        (("train", "digits", "--steps", "first"), "--steps"),
        (("train", "digits", "--loss", "hinge"), "--loss"),
        (("train", "digits", "--epochs", "0"), "--epochs"),
        (("train", "digits", "--learning-rate", "-1"), "--learning-rate"),
        (("train", "digits", "--validation", "2"), "--validation"),
        (("train", "digits", "--device", "abacus"), "--device"),
        (("predict", "run"), "FILE"),
    ],
)
def test_a_command_that_makes_no_sense_ends_with_2_and_names_the_option(command_here, tmp_path, words, named):
    outcome = command_here(*words)
    assert outcome.returncode == 2, outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert named in outcome.stderr
    assert list(tmp_path.iterdir()) == []


def test_data_that_is_not_there(command_here, tmp_path):
    refused(command_here("train", "nowhere"), 1, "nowhere", "digits", "mnist")
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_no_memory_holds_is_refused_before_a_folder_is_made(command_here, tmp_path):
    refused(command_here("train", "digits", "--hidden", "10000000"), 2, "--hidden: got 10,000,000")
    assert list(tmp_path.iterdir()) == []


def test_a_training_leaves_a_whole_run_folder(command, command_here, tmp_path):
    outcome = command("train", "digits", "--epochs", "2", "--hidden", "16", "--out", "a run")
    assert outcome.returncode == 0, outcome.stderr
    run = tmp_path / "a run"
    assert str(run / "report.html") in outcome.stdout
    assert outcome.stderr.count("epoch") == 2
    wanted = {"config.json", "model.safetensors", "history.csv", "metrics.json", "predictions.csv"}
    assert wanted | {"report.html", "figures", "checkpoint.pt"} <= {path.name for path in run.iterdir()}
    assert not list(run.rglob("*.part"))
    refused(command_here("train", "digits", "--out", "a run"), 1, "a run", "not empty", "--overwrite", "--resume")
    before = (run / "model.safetensors").read_bytes()
    assert command_here("train", "digits", "--epochs", "1", "--out", "a run", "--overwrite").returncode == 0
    assert (run / "model.safetensors").read_bytes() != before


def test_unnamed_runs_do_not_meet(command_here, tmp_path):
    for _ in range(2):
        assert command_here("train", "digits", "--epochs", "1", "--hidden", "8").returncode == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["digits-gru", "digits-gru-2"]


def test_predictions_metrics_and_labels_agree(run_folder):
    predictions = rows(run_folder / "predictions.csv")
    metrics = json.loads((run_folder / "metrics.json").read_text())
    config = json.loads((run_folder / "config.json").read_text())
    test = recorrente.recipe.image.load("digits").test
    classes = config["data"]["classes"]
    assert [row["index"] for row in predictions] == [str(index) for index in range(len(test))]
    assert [row["target"] for row in predictions] == [classes[label] for label in test.labels]
    right = [row["target"] == row["prediction"] for row in predictions]
    assert metrics["accuracy"] == sum(right) / len(right)
    assert metrics["test_size"] == len(right)
    confusion = np.zeros((10, 10), int)
    for row in predictions:
        confusion[classes.index(row["target"]), classes.index(row["prediction"])] += 1
    assert metrics["confusion"] == confusion.tolist()
    assert [row["support"] for row in metrics["per_class"]] == np.bincount(test.labels).tolist()
    assert metrics["per_class"][3]["recall"] == confusion[3, 3] / confusion[3].sum()
    assert all(0.1 <= float(row["confidence"]) <= 1 for row in predictions)


def test_evaluate_tells_what_the_run_holds(command, command_here, run_folder):
    metrics = json.loads((run_folder / "metrics.json").read_text())
    told = json.loads(command("evaluate", run_folder, "--json").stdout)
    assert told["accuracy"] == metrics["accuracy"]
    assert told["confusion"] == metrics["confusion"]
    table = command_here("evaluate", run_folder).stdout.splitlines()
    assert table[0].startswith(f"accuracy {metrics['accuracy']:.4f}")
    assert len(table) == 2 + 10


def test_a_run_keeps_its_credit_rule_and_inspect_tells_the_gradient(command, command_here, tmp_path):
    words = ("--cell", "lstm", "--hidden", "8", "--epochs", "1", "--bidirectional", "--credit", "truncated:3,2")
    outcome = command_here("train", "digits", *words, "--out", "run")
    assert outcome.returncode == 0, outcome.stderr
    assert json.loads((tmp_path / "run" / "config.json").read_text())["training"]["credit"] == "truncated:3,2"
    told = json.loads(command("inspect", "run", "--json").stdout)
    assert [layer["name"] for layer in told["layers"]] == ["layer 1", "layer 1 reverse", "layer 2", "layer 2 reverse"]
    first = told["layers"][0]
    assert len(first["norms"]) == told["steps"] == 8
    assert sum(first["shares"]) == pytest.approx(1, rel=1e-4)
    assert [gate["name"] for gate in first["gates"]] == ["i", "f", "g", "o"]
    assert [row["lag"] for row in first["jacobian"]] == [1, 2, 4, 8]
    assert len(first["lyapunov"]) == 3
    outcome = command_here("inspect", "run")
    assert outcome.returncode == 0, outcome.stderr
    assert first["verdict"]["sentence"] in outcome.stdout


@pytest.mark.parametrize("words", [("--tied",), ("--window", "8"), ("--embedding", "8")])
def test_what_a_kind_does_not_use_is_refused(command_here, tmp_path, words):
    refused(command_here("train", "digits", *words), 2, words[0], "for data of the kind image")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", kinds.NAMES)
def test_a_kind_uses_what_it_says(name):
    chosen = kinds.of_name(name)
    source = Path(sys.modules[type(chosen).__module__].__file__).read_text()
    read = {"embedding": '"embedding":', "tied": '"tied":', "window": "plan.window", "shift": "plan.shift"}
    assert {setting for setting, sign in read.items() if sign in source} == set(chosen.uses)
    assert read.keys() == set(OF_SOME)


def test_a_credit_rule_that_is_none_is_refused(command_here):
    outcome = command_here("train", "digits", "--credit", "truncated")
    assert outcome.returncode == 2
    assert "--credit: got 'truncated', wanted one of full, truncated:WINDOW" in outcome.stderr


def test_predict_says_what_it_did(command, command_here, run_folder, tmp_path):
    """A digit of the test set, once as it is and once large, dark on light and in colour: the same class."""
    test = recorrente.recipe.image.load("digits").test
    predictions = rows(run_folder / "predictions.csv")
    sure = max(range(len(predictions)), key=lambda n: float(predictions[n]["confidence"]))
    pixels = (test.images[sure].astype(float) * 255 / 16).round().astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "as it is.png")
    large = Image.fromarray(255 - pixels).convert("RGB").resize((200, 200), Image.Resampling.BICUBIC)
    large.save(tmp_path / "grande.jpg")
    outcome = command("predict", run_folder, "as it is.png", "grande.jpg")
    assert outcome.returncode == 0, outcome.stderr
    lines = list(csv.DictReader(outcome.stdout.splitlines(), dialect="excel-tab"))
    assert [line["file"] for line in lines] == ["as it is.png", "grande.jpg"]
    assert [line["prediction"] for line in lines] == [predictions[sure]["prediction"]] * 2
    assert "invert" in lines[1]["preparation"]
    told = json.loads(command_here("predict", run_folder, "as it is.png", "--json").stdout)
    assert sum(told[0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_the_size_of_a_known_sets_pictures_is_what_it_is(command_here):
    outcome = command_here("train", "digits", "--size", "10x10")
    refused(outcome, 2, "--size: got 10x10", "the pictures of digits are as they were made")


def test_predict_refuses_what_is_no_picture(command_here, run_folder, tmp_path):
    (tmp_path / "notes.png").write_text("not a picture")
    refused(command_here("predict", run_folder, "notes.png"), 1, "notes.png")
    refused(command_here("predict", run_folder, "nowhere.png"), 1, "nowhere.png")


def test_broken_runs_are_refused(command_here, run_folder, tmp_path):
    refused(command_here("evaluate", "nowhere"), 1, "nowhere", "no such folder")
    run = tmp_path / "run"
    run.mkdir()
    for name in ("config.json", "model.safetensors"):
        (run / name).write_bytes((run_folder / name).read_bytes())
    weights = run / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    refused(command_here("evaluate", run), 1, "model.safetensors", "broken file")
    weights.unlink()
    refused(command_here("evaluate", run), 1, "model.safetensors")
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "format": 99}))
    refused(command_here("evaluate", run), 1, "config.json", "format 99", "Update recorrente")
    (run / "config.json").write_text(json.dumps({**config, "network": {"cell": "gru", "hidden": -1}}))
    refused(command_here("evaluate", run), 1, "config.json", "hidden")


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_training_resumes_to_the_same_weights(command, command_here, whole_training, tmp_path, kill):
    words, whole_run = whole_training
    process = subprocess.Popen(
        [sys.executable, "-m", "recorrente", *words, "--out", "cut"],
        cwd=tmp_path,
        env=os.environ,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore Ctrl-C
    )
    cut = tmp_path / "cut"
    while not (cut / "history.csv").exists() or len(rows(cut / "history.csv")) < 2:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(kill)
    _, told = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" not in told
    if kill == signal.SIGINT:
        assert "recorrente train --resume cut" in told
    done = len(rows(cut / "history.csv"))
    assert done < 12
    refused(command_here("evaluate", "cut"), 1, "--resume")
    outcome = command("train", "--resume", "cut")
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stderr.count("epoch") == 12 - done
    whole, resumed = (load_file(run / "model.safetensors") for run in (whole_run, cut))
    assert whole.keys() == resumed.keys()
    assert all(whole[name].equal(resumed[name]) for name in whole)
    assert (whole_run / "predictions.csv").read_bytes() == (cut / "predictions.csv").read_bytes()


def test_what_is_said_beside_resume_is_refused(command_here, run_folder):
    for words in (("--epochs", "99"), ("--out", "other"), ("--kind", "image"), ("--bidirectional",)):
        refused(command_here("train", "--resume", str(run_folder), *words), 2, words[0], "beside --resume")
    assert command_here("train", "--resume", str(run_folder), "--device", "cpu").returncode == 0


def test_a_known_set_is_of_its_own_kind(command_here):
    for kind in ("text", "speech"):
        refused(command_here("train", "digits", "--kind", kind), 2, f"--kind: got '{kind}' for digits, wanted 'image'")
    for kind in ("forecast", "series", "joints", "video", "audio", "language", "tags", "probe"):
        with pytest.raises(InputError, match=f"kind: got '{kind}' for digits"):
            recorrente.train("digits", kind=kind)


def test_class_folders_behind_links_are_found_once(command, tmp_path):
    kept = tmp_path / "kept"
    for label in "ab":
        (kept / label).mkdir(parents=True)
        for k in range(6):
            Image.fromarray(np.full((8, 8), 20 * k + ord(label), np.uint8)).save(kept / label / f"{k}.png")
    linked = tmp_path / "linked"
    linked.mkdir()
    for label in "ab":
        (linked / label).symlink_to(kept / label)
    (kept / "a" / "round").symlink_to(linked)  # links that lead back
    (linked / "self").symlink_to(linked)
    Image.new("L", (8, 8)).save(linked / "loose.png")
    assert kinds.find(linked).kind == "image"
    assert sorted(path.name for path in below(linked)) == sorted(["loose.png", *[f"{k}.png" for k in range(6)] * 2])


def test_one_item_is_predicted_as_a_list_of_one(run_folder, tmp_path):
    Image.fromarray((load_digits().images[3] * 15).astype(np.uint8)).save(tmp_path / "3.png")
    trained = recorrente.load(run_folder)
    (one,), (same,) = trained.predict(tmp_path / "3.png"), trained.predict([tmp_path / "3.png"])
    assert one.label == same.label
    with pytest.raises(InputError, match="given: got nothing"):
        trained.predict([])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_place_that_is_full_is_told_in_a_line(run_folder):
    with Path("/dev/full").open("w") as full:
        came = subprocess.run(
            [sys.executable, "-m", "recorrente", "evaluate", str(run_folder)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert came.returncode == 1
    assert "Traceback" not in came.stderr
    assert "No space left" in came.stderr


def test_names_of_classes_are_written_whatever_the_terminal_says(run_folder, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(run_folder, run)
    config = run / "config.json"
    config.write_text(config.read_text().replace('"3"', '"três"'))
    Image.fromarray((load_digits().images[3] * 15).astype(np.uint8)).save(tmp_path / "3.png")
    words = [sys.executable, "-m", "recorrente", "predict", str(run), str(tmp_path / "3.png")]
    came = subprocess.run(words, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert "três" in came.stdout.decode(), came.stderr


@pytest.mark.parametrize("words", [("--seed", "4294967296"), ("--seed", "99999999999999999999")])
def test_a_seed_that_is_too_large_is_refused(command_here, words):
    refused(command_here("train", "digits", *words), 2, "--seed: got", "under 4294967296")


def test_a_training_that_went_astray_has_its_report(command_here, tmp_path):
    """With such steps no gradient is left: there is nothing to draw of it."""
    came = command_here("train", "digits", "--learning-rate", "1e30", "--epochs", "1", "--hidden", "8", "--out", "run")
    assert came.returncode == 0, came.stderr
    assert (tmp_path / "run" / "report.html").exists()


def test_what_is_no_number_is_null_for_programs(command_here, run_folder, tmp_path):
    shutil.copytree(run_folder, tmp_path / "run")
    kept = tmp_path / "run" / "model.safetensors"
    save_file({name: part * math.nan for name, part in load_file(kept).items()}, kept)
    scores, seen = (_strict(command_here(word, "run", "--json")) for word in ("evaluate", "inspect"))
    assert scores["loss"] is None
    assert seen["layers"][0]["verdict"]["word"] == "not finite"
    assert None in seen["layers"][0]["norms"]


def _strict(outcome):
    """What a command printed, by a reader that knows no NaN."""
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout, parse_constant=pytest.fail)


def test_a_folder_of_ones_own_pictures(command, command_here, tmp_path):
    digits = load_digits()
    for number in range(60):
        folder = tmp_path / "minhas fotos" / ("zero", "um só")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pick = np.flatnonzero(digits.target == number % 2)[number // 2]
        Image.fromarray((digits.images[pick] * 15.9).astype(np.uint8)).resize((16, 16)).save(folder / f"{number}.png")
    outcome = command("train", "minhas fotos", "--epochs", "12", "--hidden", "16", "--out", "run")
    assert outcome.returncode == 0, outcome.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert {row["class"] for row in metrics["per_class"]} == {"zero", "um só"}
    assert metrics["accuracy"] > 0.8
    evaluated = json.loads(command_here("evaluate", "run", "--json").stdout)
    assert evaluated["accuracy"] == metrics["accuracy"]


def test_too_few_pictures_are_refused_before_a_run_is_made_or_replaced(run_folder, tmp_path):
    for number in range(4):
        path = tmp_path / "few" / ("zero", "one")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 50 * number, np.uint8)).save(path)
    shutil.copytree(run_folder, tmp_path / "run")
    with pytest.raises(InputError, match=r"pictures to learn from: got a single one of class (zero|one), wanted two"):
        recorrente.train(tmp_path / "few", out=tmp_path / "new")
    with pytest.raises(InputError, match="a single one of class"):
        recorrente.train(tmp_path / "few", out=tmp_path / "run", overwrite=True)
    assert not (tmp_path / "new").exists()
    assert recorrente.load(tmp_path / "run").recipe.source == "digits"


@pytest.mark.parametrize("more", [{"bidirectional": True, "layers": 2}, {"cell": "lstm"}, {"cell": "elman"}])
def test_every_shape_of_network_predicts_what_it_was_scored_on(tmp_path, more):
    """A test picture as it is, given as a file: the confidence is that of predictions.csv."""
    trained = recorrente.train(
        "digits",
        out=tmp_path / "run",
        shape=recorrente.Shape(hidden=12, **more),
        plan=recorrente.Plan(epochs=2, batch=64),
    )
    pixels = recorrente.recipe.image.load("digits").test.images[:5].astype(float) * 255 / 16
    paths = [tmp_path / f"{index}.png" for index in range(5)]
    for path, picture in zip(paths, pixels, strict=True):
        Image.fromarray(picture.round().astype(np.uint8)).save(path)
    for said, row in zip(
        recorrente.load(tmp_path / "run").predict(paths), rows(tmp_path / "run" / "predictions.csv"), strict=False
    ):
        assert said.label == row["prediction"]
        assert said.confidence == pytest.approx(float(row["confidence"]), abs=1e-5)
    with np.load(tmp_path / "run" / "observations.npz") as seen:
        assert seen["steps_probabilities"][-1].argmax() == seen["steps_label"]
    assert trained.evaluate()["accuracy"] == trained.run.read_json("metrics.json")["accuracy"]


def pictures(folder: Path, part: image.ImageSet, brightest: int = 255) -> Path:
    """Pictures of digits in class folders, in files of 0 to `brightest`."""
    for number, (pixels, label) in enumerate(zip(part.images, part.labels.tolist(), strict=True)):
        path = folder / str(label) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * (brightest / 16)).round().astype(np.uint8)).save(path)
    return folder


def test_other_pictures_are_scored_as_predict_reads_them(command_here, run_folder, tmp_path):
    """The test part once more, as files of 0 to 255, where 0 to 16 was learnt; what nobody divided is tested whole."""
    data, wanted = image.load("digits"), json.loads((run_folder / "metrics.json").read_text())
    pictures(tmp_path / "mine", data.test)
    outcome = command_here("evaluate", run_folder, "mine", "--json")
    scores = json.loads(outcome.stdout)
    assert (scores["accuracy"], scores["test_size"]) == (pytest.approx(wanted["accuracy"], abs=0.02), 360)
    assert scores["split"] == "all of it, for nothing there says which part to test on"
    assert "test part: all of it" in command_here("evaluate", run_folder, "mine").stderr
    pictures(tmp_path / "parts" / "test", data.test.subset(slice(0, 50)))
    pictures(tmp_path / "parts" / "train", data.train.subset(slice(0, 100)))
    scores = recorrente.load(run_folder).evaluate(tmp_path / "parts")
    assert (scores["test_size"], scores["split"]) == (50, "the folder test/")


def test_pictures_that_only_lie_elsewhere_now_are_tested_in_the_part_that_they_had(tmp_path):
    folder = pictures(tmp_path / "mine", image.load("digits").train.subset(slice(0, 300)))
    trained = recorrente.train(
        folder, out=tmp_path / "run", shape=recorrente.Shape(hidden=8), plan=recorrente.Plan(epochs=1)
    )
    scores = trained.evaluate()
    folder.rename(tmp_path / "moved")
    assert recorrente.load(tmp_path / "run").evaluate(tmp_path / "moved") == scores
    assert scores["test_size"] == 60


def test_a_run_whose_gated_cell_was_given_an_activation_is_read(run_folder, tmp_path):
    run = Path(shutil.copytree(run_folder, tmp_path / "run"))
    config = json.loads((run / "config.json").read_text())
    config["network"] |= {"cell": "gru", "activation": "relu"}
    (run / "config.json").write_text(json.dumps(config))
    assert recorrente.recipe.of_run(run).shape == recorrente.Shape(**{**config["network"], "activation": "tanh"})


def test_all_that_a_run_writes_goes_when_it_is_overwritten(tmp_path):
    run = tmp_path / "run"
    recorrente.train(
        "digits",
        out=run,
        shape=recorrente.Shape(hidden=8),
        plan=recorrente.Plan(epochs=1),
        watch_gradient=True,
    )
    recorrente.recipe.draw_inspection(run, recorrente.recipe.inspect(run))
    left = {path for path in run.rglob("*") if path.is_file()}
    assert {"gradient.csv", "inspection.json", "report.html"} <= {path.name for path in left}
    assert left == {path for pattern in (*WRITTEN, "config.json") for path in run.glob(pattern)}


def test_a_set_of_arrays_is_brought_to_the_brightness_that_was_learnt_or_refused(tmp_path):
    digits = image.load("digits")
    folder = pictures(tmp_path / "bright", digits.train.subset(slice(0, 300)))
    shape, plan = recorrente.Shape(hidden=8), recorrente.Plan(epochs=1)
    trained = recorrente.train(folder, out=tmp_path / "run", shape=shape, plan=plan)
    read = trained.kind.again(trained.recipe, "digits", silent)
    assert (read.maximum, read.test.images.max(), read.split) == (255, 255, digits.split)
    assert np.array_equal(read.test.images, (digits.test.images * (255 / 16)).round())
    assert trained.evaluate("digits")["test_size"] == len(digits.test)
    with pytest.raises(InputError, match="data: got pictures of 28x28 pixels, wanted 8x8, as was learnt"):
        trained.evaluate(idx_folder(tmp_path / "idx"))


def idx_folder(folder: Path) -> Path:
    """Four IDX files of two black pictures each."""
    folder.mkdir()
    for part in ("train", "t10k"):
        box = b"".join(size.to_bytes(4, "big") for size in (2, 28, 28))
        (folder / f"{part}-images-idx3-ubyte").write_bytes(b"\x00\x00\x08\x03" + box + bytes(2 * 28 * 28))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(b"\x00\x00\x08\x01\x00\x00\x00\x02\x00\x01")
    return folder


def test_texts_and_tagged_words_that_nobody_divided_are_scored_whole(tmp_path):
    texts = "".join(
        f"{'so glad of' if k % 2 else 'no more of'} visit {k},{'good' if k % 2 else 'bad'}\n" for k in range(20)
    )
    words = "".join(f"the\tDET\ncat\tNOUN\n{verb}\tVERB\n\n" for verb in ("sleeps", "runs", "eats", "sees") * 5)
    for name, content, count in (("a.csv", f"note,mood\n{texts}", 20), ("a.conllu", words, 60)):
        for place, thing in (("learnt", "cat"), ("other", "dog")):
            (tmp_path / place).mkdir(exist_ok=True)
            (tmp_path / place / name).write_text(content.replace("cat", thing).replace("visit", f"{thing} visit"))
        kind = kinds.find(tmp_path / "learnt" / name).kind
        shape = recipe.default_shape(kind=kind, hidden=4, embedding=4)
        plan = recipe.default_plan(name, kind=kind, epochs=1)
        out = tmp_path / f"run of {name}"
        trained = recorrente.train(tmp_path / "learnt" / name, out=out, shape=shape, plan=plan)
        scores = trained.evaluate(tmp_path / "other" / name)
        assert (scores["test_size"], scores["split"].startswith("all of it")) == (count, True)
        assert trained.evaluate()["test_size"] < count


def test_series_of_other_channels_are_refused(tmp_path):
    for name, channels in (("two", 2), ("three", 3)):
        for label, k in ((label, k) for label in "ab" for k in range(5)):
            (tmp_path / name / label).mkdir(parents=True, exist_ok=True)
            np.save(tmp_path / name / label / f"{k}.npy", np.random.default_rng(k).normal(size=(9, channels)))
    plan, shape = recorrente.Plan(epochs=1), recorrente.Shape(hidden=4)
    trained = recorrente.train(tmp_path / "two", kind="series", out=tmp_path / "run", plan=plan, shape=shape)
    with pytest.raises(InputError, match="data: got 3 channels, wanted 2, as was learnt"):
        trained.evaluate(tmp_path / "three")
    assert trained.evaluate(tmp_path / "two")["test_size"] == 2  # the training's own keeps its parts


@pytest.fixture
def run_of_files(tmp_path):
    """A short training on pictures that a test may change."""
    folder = pictures(tmp_path / "mine", image.load("digits").train.subset(slice(0, 300)))
    recorrente.train(folder, out=tmp_path / "run", shape=recorrente.Shape(hidden=8), plan=recorrente.Plan(epochs=1))
    return folder, tmp_path / "run"


def test_a_class_that_was_renamed_or_added_is_refused_everywhere(run_of_files, command_here):
    folder, run = run_of_files
    (folder / "7").rename(folder / "sete")
    for words in (("train", "--resume", run), ("inspect", run), ("evaluate", run)):
        refused(command_here(*words), 1, "data: got the classes 0, 1, 2, 3, 4, 5, 6, 8, 9, sete, wanted 0, 1, 2")
    (folder / "sete").rename(folder / "7")
    shutil.copytree(folder / "7", folder / "dez")
    for words in (("train", "--resume", run), ("inspect", run)):
        refused(command_here(*words), 1, "data: got the classes", "dez")


def test_data_that_changed_is_not_gone_on_with_and_its_scores_say_so(run_of_files, command_here):
    folder, run = run_of_files
    assert "changed" not in recorrente.load(run).evaluate()
    assert command_here("train", "--resume", run).returncode == 0
    sorted((folder / "3").iterdir())[0].unlink()
    refused(command_here("train", "--resume", run), 1, str(folder), "data that has changed since (train, test)")
    outcome = command_here("evaluate", run)
    assert "what is tested on now may have been learnt" in outcome.stderr
    assert "may have been learnt" in json.loads(command_here("evaluate", run, "--json").stdout)["changed"]
    assert "changed" not in recorrente.load(run).evaluate(pictures(folder.parent / "other", image.load("digits").test))
    config = json.loads((run / "config.json").read_text())
    del config["data"]["marks"]  # as older versions wrote it
    (run / "config.json").write_text(json.dumps(config))
    assert "changed" not in recorrente.load(run).evaluate()
    assert command_here("train", "--resume", run).returncode == 0


def test_text_and_tables_that_changed_are_noticed(tmp_path):
    text, table = tmp_path / "novel.txt", tmp_path / "sales.csv"
    text.write_text("It was a dark and stormy night. " * 40)
    table.write_text("\n".join(["day,sold", *(f"2026-0{1 + k // 28}-{1 + k % 28:02},{k % 7}" for k in range(140))]))
    for path, hidden in ((text, 8), (table, 4)):
        shape = recipe.default_shape(kind=kinds.find(path).kind, hidden=hidden, embedding=4)
        plan = recipe.default_plan(str(path), epochs=1, batch=8)
        trained = recorrente.train(path, out=tmp_path / f"run of {path.name}", shape=shape, plan=plan)
        assert "changed" not in trained.evaluate()
        path.write_text(path.read_text().rpartition("\n" if path is table else " It")[0])
        assert "may have been learnt" in trained.evaluate()["changed"]
        with pytest.raises(InputError, match=r"data that has changed since \("):
            recipe.resume(trained.run.folder)


def test_a_credit_rule_that_does_not_suit_the_cell_is_refused_before_a_run_is_replaced(
    command_here, run_folder, tmp_path
):
    shutil.copytree(run_folder, tmp_path / "run")
    words = ("train", "digits", "--cell", "gru_norm", "--credit", "rtrl", "--epochs", "1", "--hidden", "8")
    refused(command_here(*words, "--out", "run", "--overwrite"), 2, "--credit: got", "not pointwise")
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == (run_folder / "model.safetensors").read_bytes()
    refused(command_here(*words), 2, "--credit: got")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def while_data_is_read(monkeypatch, happens) -> None:
    load = image.load
    monkeypatch.setattr(image, "load", lambda *given, **how: happens() or load(*given, **how))


def test_an_unnamed_run_gives_way_to_one_that_began_while_its_data_was_read(command_here, tmp_path, monkeypatch):
    def begin() -> None:
        (tmp_path / "runs" / "digits-gru").mkdir(parents=True)
        (tmp_path / "runs" / "digits-gru" / "config.json").write_text("{}")

    while_data_is_read(monkeypatch, begin)
    outcome = command_here("train", "digits", "--epochs", "1", "--hidden", "8")
    assert outcome.returncode == 0, outcome.stderr
    assert str(tmp_path / "runs" / "digits-gru-2" / "report.html") in outcome.stdout


def test_a_folder_that_is_taken_is_refused_before_the_data_is_read(command_here, tmp_path, monkeypatch):
    read = []
    while_data_is_read(monkeypatch, lambda: read.append(1))
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    refused(command_here("train", "digits", "--out", "thesis"), 1, "thesis: got a folder that is not empty")
    refused(command_here("train", "digits", "--out", "thesis", "--overwrite"), 1, "not a run folder")
    assert not read


def interrupt() -> None:
    raise KeyboardInterrupt


def test_ctrl_c_while_data_is_read_does_not_send_to_the_run_that_was_to_be_replaced(
    command_here, run_folder, tmp_path, monkeypatch
):
    shutil.copytree(run_folder, tmp_path / "old")
    while_data_is_read(monkeypatch, interrupt)
    outcome = command_here("train", "digits", "--out", "old", "--overwrite")
    assert (outcome.returncode, outcome.stderr.splitlines()[-1]) == (1, "recorrente: interrupted")
    assert (tmp_path / "old" / "checkpoint.pt").exists()


def test_commands_to_copy_are_quoted(command_here, tmp_path, monkeypatch):
    monkeypatch.setattr("recorrente.report.write", lambda folder: interrupt())
    outcome = command_here("train", "digits", "--epochs", "1", "--hidden", "8", "--out", "a run")
    assert "go on with: recorrente train --resume 'a run'" in outcome.stderr
    (tmp_path / "a run" / "model.safetensors").unlink()
    refused(command_here("evaluate", "a run"), 1, "recorrente train --resume 'a run'")


def test_the_data_is_no_option(command_here):
    outcome = command_here("train", "t.csv", "--kind", "probe")
    refused(outcome, 1, "recorrente: data: got 't.csv', wanted one of")
    assert "--data" not in outcome.stderr


def test_a_known_text_is_read_as_often_wherever_it_lies(tmp_path, monkeypatch):
    assert set(LENGTHS) == {name for name, known in KNOWN.items() if known.kind == "language"}
    for shelf in (str(tmp_path), os.environ.get("RECORRENTE_DATA", "")):
        monkeypatch.setenv("RECORRENTE_DATA", shelf)
        assert [recipe.default_plan(name).epochs for name in ("machado", "shakespeare")] == [3, 8]


@pytest.mark.parametrize("name", LENGTHS)
def test_the_lengths_of_known_texts_are_those_of_their_files(name):
    if whereabouts(KNOWN[name]) == "no":
        pytest.skip(f"{name} is not on this machine")
    assert LENGTHS[name] == sum(path.stat().st_size for path in files(KNOWN[name]))
