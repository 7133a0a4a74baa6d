"""The example of a policy: what its maze is, and that one call with resets is the loop over episodes."""

import importlib.util
from pathlib import Path

import numpy as np
import torch
from torch import nn

EXAMPLE = Path(__file__).parents[1] / "examples" / "policy_with_memory.py"
spec = importlib.util.spec_from_file_location("policy_with_memory", EXAMPLE)
example = importlib.util.module_from_spec(spec)
spec.loader.exec_module(example)


def test_the_maze_shows_its_light_once_and_pays_for_the_right_turn():
    maze = example.TMaze()
    for seed in range(20):
        seen, _ = maze.reset(seed=seed)
        side = example.LEFT if seen[0] else example.RIGHT
        assert seen[0] + seen[1] == 1
        while not seen[2]:
            seen, reward, ended, cut, _ = maze.step(example.FORWARD)
            assert (seen[:2] == 0).all()
            assert (reward, ended, cut) == (0.0, False, False)
        assert maze.step(side)[1:3] == (1.0, True)


def test_one_call_is_the_loop_over_episodes():
    torch.manual_seed(0)
    policy, player = example.Policy(), example.Player(0)
    player.play(policy)
    rollout, last = player.play(policy)
    assert rollout.reset.any()
    assert not rollout.reset[0].all()  # episodes go on from the rollout before
    layer = nn.LSTM(3, example.H).double()
    layer.load_state_dict(policy.layer.state_dict())
    ours, state = policy.layer.double(), tuple(part.double() for part in rollout.state)
    rollout = rollout._replace(seen=rollout.seen.double(), state=state)
    y, _ = ours(rollout.seen, state, reset=rollout.reset)
    by_hand, d = example.by_episodes(layer, rollout), torch.randn_like(y)
    assert torch.allclose(y, by_hand, rtol=1e-12, atol=1e-14)
    found = [torch.autograd.grad(made, list(m.parameters()), d) for made, m in ((y, ours), (by_hand, layer))]
    for one, two in zip(*found, strict=True):
        assert torch.allclose(one, two, rtol=1e-9, atol=1e-11)
    assert np.isfinite(example.advantages(rollout, last).numpy()).all()


def test_it_trains(capsys):
    _, rollout, _ = example.train(2, every=1)
    assert rollout.seen.shape == (example.T, example.B, 3)
    assert "update    2" in capsys.readouterr().out
