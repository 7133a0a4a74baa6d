"""A recurrent policy learns a task that needs memory, by PPO, with many episodes in one call.

A T-maze: at its first step the agent sees a light, left or right; then it walks a corridor of 5 to 15 steps where
nothing tells it which; at the end it must turn to the side of the light. Without memory half of the turns are right,
and the mean return is about 0; with it, nearly 1.

A rollout of T steps in B mazes holds many episodes, which begin and end anywhere. `reset=` clears the state, and cuts
the gradient, exactly there: one call forward and one backward for all of it. Libraries without it run each episode by
itself; that loop, with torch's layer, stands beside, is checked to give the same gradients, and is timed.

    pip install recorrente gymnasium
    python examples/policy_with_memory.py

Source: B. Bakker, "Reinforcement learning with long short-term memory", 2001 (the T-maze); J. Schulman et al.,
"Proximal policy optimization algorithms", arXiv 1707.06347.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import NamedTuple

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from torch import Tensor, nn
from torch.distributions import Categorical

import recorrente

FORWARD, LEFT, RIGHT = range(3)
T, B, H = 128, 16, 64  # steps of a rollout, mazes, units
DISCOUNT, TRACE, CLIP, ENTROPY, PASSES = 0.98, 0.95, 0.2, 0.02, 4


class TMaze(gymnasium.Env[np.ndarray, int]):
    """What is seen: a light to the left, a light to the right, the end of the corridor."""

    observation_space = gymnasium.spaces.Box(0, 1, (3,), np.float32)
    action_space = gymnasium.spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.side = int(self.np_random.integers(LEFT, RIGHT + 1))
        self.length, self.at, self.steps = int(self.np_random.integers(5, 16)), 0, 0
        return self.seen(), {}

    def seen(self) -> np.ndarray:
        light = self.steps == 0
        return np.array([light and self.side == LEFT, light and self.side == RIGHT, self.at == self.length], np.float32)

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.steps += 1
        turned = action != FORWARD
        if turned and self.at == self.length:
            return self.seen(), 1.0 if action == self.side else -1.0, True, False, {}
        self.at = min(self.at + (not turned), self.length)
        return self.seen(), -0.05 if turned else 0.0, False, self.steps == 40, {}


class Policy(nn.Module):
    """Says what to do, and how much is to be gained, at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = recorrente.LSTM(3, H)
        self.actor, self.critic = nn.Linear(H, 3), nn.Linear(H, 1)

    def forward(self, seen: Tensor, state: tuple[Tensor, Tensor], reset: Tensor) -> tuple[Categorical, Tensor, tuple]:
        """`seen (T, B, 3)`, `reset (T, B)`: an episode's first step."""
        h, state = self.layer(seen, state, reset=reset)
        return Categorical(logits=self.actor(h)), self.critic(h).squeeze(-1), state


class Rollout(NamedTuple):
    """T steps of B mazes, each `(T, B)`; the state before the first."""

    seen: Tensor
    reset: Tensor
    action: Tensor
    log_probability: Tensor
    value: Tensor
    reward: Tensor
    done: Tensor
    state: tuple[Tensor, Tensor]


class Player:
    """Plays on, one step at a time; the state stays from rollout to rollout."""

    def __init__(self, seed: int) -> None:
        self.mazes = SyncVectorEnv([TMaze] * B, autoreset_mode=AutoresetMode.SAME_STEP)
        self.seen = torch.from_numpy(self.mazes.reset(seed=seed)[0])
        self.state = torch.zeros(1, B, H), torch.zeros(1, B, H)
        self.reset = torch.ones(B, dtype=torch.bool)
        self.gained = np.zeros(B)
        self.returns: list[float] = []

    @torch.no_grad()
    def play(self, policy: Policy) -> tuple[Rollout, Tensor]:
        """A rollout, and the value of where it stopped."""
        start, steps = self.state, []
        for _ in range(T):
            choice, value, self.state = policy(self.seen[None], self.state, self.reset[None])
            action = choice.sample()
            seen, reward, ended, cut, _ = self.mazes.step(action[0].numpy())
            done = torch.from_numpy(ended | cut)
            self.count(reward, done)
            log_probability = choice.log_prob(action)[0]
            gain = torch.from_numpy(reward.astype(np.float32))
            steps.append((self.seen, self.reset, action[0], log_probability, value[0], gain, done))
            self.seen, self.reset = torch.from_numpy(seen), done
        _, last, _ = policy(self.seen[None], self.state, self.reset[None])
        return Rollout(*(torch.stack(part) for part in zip(*steps, strict=True)), start), last[0]

    def count(self, reward: np.ndarray, done: Tensor) -> None:
        self.gained += reward
        self.returns += self.gained[done.numpy()].tolist()
        self.gained[done.numpy()] = 0


def advantages(rollout: Rollout, last: Tensor) -> Tensor:
    """Generalised advantage estimation (arXiv 1506.02438), over episodes' ends."""
    found, ahead, following = torch.empty_like(rollout.reward), torch.zeros(B), last
    for t in reversed(range(T)):
        going_on = (~rollout.done[t]).float()
        surprise = rollout.reward[t] + DISCOUNT * following * going_on - rollout.value[t]
        found[t] = ahead = surprise + DISCOUNT * TRACE * going_on * ahead
        following = rollout.value[t]
    return found


def learn(policy: Policy, optimizer: torch.optim.Optimizer, rollout: Rollout, last: Tensor) -> None:
    """A few passes of PPO over one rollout, each one call of the layer."""
    gain = advantages(rollout, last)
    target, gain = gain + rollout.value, (gain - gain.mean()) / (gain.std() + 1e-8)
    for _ in range(PASSES):
        choice, value, _ = policy(rollout.seen, rollout.state, rollout.reset)
        ratio = (choice.log_prob(rollout.action) - rollout.log_probability).exp()
        better = torch.minimum(ratio * gain, ratio.clamp(1 - CLIP, 1 + CLIP) * gain).mean()
        loss = 0.5 * (value - target).square().mean() - better - ENTROPY * choice.entropy().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
        optimizer.step()


def by_episodes(layer: nn.LSTM, rollout: Rollout) -> Tensor:
    """h of every step by a call for each episode, as it is done without `reset=`."""
    rows = []
    for b in range(B):
        starts = sorted({0, *rollout.reset[:, b].nonzero().flatten().tolist()})
        pieces = []
        for first, end in zip(starts, [*starts[1:], T], strict=True):
            kept = None if rollout.reset[first, b] else tuple(part[:, b : b + 1].contiguous() for part in rollout.state)
            pieces.append(layer(rollout.seen[first:end, b : b + 1], kept)[0])
        rows.append(torch.cat(pieces))
    return torch.cat(rows, dim=1)


def compare(policy: Policy, rollout: Rollout) -> tuple[float, float, float]:
    """Milliseconds of a step forward and back, ours and by episodes; the largest difference between their gradients."""
    layer = nn.LSTM(3, H)
    layer.load_state_dict(policy.layer.state_dict())
    d = torch.randn(T, B, H)
    ways = {
        policy.layer: lambda: policy.layer(rollout.seen, rollout.state, reset=rollout.reset)[0],
        layer: lambda: by_episodes(layer, rollout),
    }
    times: list[list[float]] = [[], []]
    found = []
    for _ in range(7):
        found = []
        for at, (module, run) in enumerate(ways.items()):
            started = time.perf_counter()
            found.append(torch.autograd.grad(run(), list(module.parameters()), d))
            times[at].append(1000 * (time.perf_counter() - started))
    difference = max((one - two).abs().max().item() for one, two in zip(*found, strict=True))
    return statistics.median(times[0]), statistics.median(times[1]), difference


def train(updates: int, seed: int = 0, every: int = 10) -> tuple[Policy, Rollout, float]:
    """A policy, its last rollout, and the mean return of its last hundred episodes."""
    torch.manual_seed(seed)
    policy, player = Policy(), Player(seed)
    optimizer = torch.optim.Adam(policy.parameters(), 3e-3)
    started = time.perf_counter()
    for update in range(1, updates + 1):
        rollout, last = player.play(policy)
        learn(policy, optimizer, rollout, last)
        if update % every == 0:
            frames = update * T * B / (time.perf_counter() - started)
            mean = np.mean(player.returns[-100:])
            print(
                f"update {update:4}  episodes {len(player.returns):6}  mean return {mean:6.3f}  {frames:6.0f} steps/s"
            )
    return policy, rollout, float(np.mean(player.returns[-100:]))


def main() -> None:
    parser = argparse.ArgumentParser(description="A recurrent policy learns a task that needs memory")
    parser.add_argument("--updates", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    words = parser.parse_args()
    policy, rollout, _ = train(words.updates, words.seed)
    ours, loop, difference = compare(policy, rollout)
    episodes = B + int(rollout.reset[1:].sum())
    print(f"\none step forward and back over {episodes} episodes of {T * B} steps:")
    print(f"  one call with reset=           {ours:8.2f} ms")
    print(f"  torch, a call for each episode {loop:8.2f} ms   {loop / ours:.0f} times as long")
    print(f"  largest difference between the gradients: {difference:.1e}")


if __name__ == "__main__":
    main()
