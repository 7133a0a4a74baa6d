"""Back-propagation through time, derived by hand and written out in NumPy.

The network reads x_0 ... x_{T-1} and says y_t at every step:

    a_t = W_hh h_{t-1} + W_xh x_t + b_h        h_t = tanh(a_t)
    y_t = W_hy h_t + b_y                       p_t = softmax(y_t)

    L = sum over t of 1/2 |p_t - target_t|^2   or   L = sum over t of -log p_t[target_t]

Every arrow into the loss gives a term. h_t is read twice: by y_t, and by a_{t+1}. So

    dL/dh_t = W_hy^T dL/dy_t  +  W_hh^T dL/da_{t+1}        (nothing comes after the last step)
    dL/da_t = (1 - h_t^2) * dL/dh_t

and each weight collects what every step owes it:

    dL/dW_hh = sum dL/da_t h_{t-1}^T     dL/dW_xh = sum dL/da_t x_t^T     dL/db_h = sum dL/da_t
    dL/dW_hy = sum dL/dy_t h_t^T         dL/db_y = sum dL/dy_t

A derivation that is often seen leaves out the second term of dL/dh_t, the path through h_{t+1}. What it computes is
truncated back-propagation with a window of one step. `window` here says how many steps the path is followed: 1 is that
formula, T (the default) is the true gradient. Run this file to see how far apart they are.
"""

from __future__ import annotations

import numpy as np

Arrays = dict[str, np.ndarray]


def softmax(y: np.ndarray) -> np.ndarray:
    e = np.exp(y - y.max())
    return e / e.sum()


def forward(weights: Arrays, x: np.ndarray, h: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """h_{-1}, h_0, ..., h_{T-1} and p_0, ..., p_{T-1}; `x (T, C)`, `h (H,)`."""
    hidden, said = [h], []
    for x_t in x:
        h = np.tanh(weights["W_hh"] @ h + weights["W_xh"] @ x_t + weights["b_h"])
        hidden.append(h)
        said.append(softmax(weights["W_hy"] @ h + weights["b_y"]))
    return hidden, said


def loss(said: list[np.ndarray], target: np.ndarray, kind: str) -> float:
    """L of one sequence; `target (T,)` holds a class for each step."""
    if kind == "cross_entropy":
        return float(sum(-np.log(p[k]) for p, k in zip(said, target, strict=True)))
    return float(sum(0.5 * ((p - np.eye(len(p))[k]) ** 2).sum() for p, k in zip(said, target, strict=True)))


def d_logits(p: np.ndarray, k: int, kind: str) -> np.ndarray:
    """dL/dy_t: through the softmax, whose Jacobian is diag(p) - p p^T."""
    difference = p - np.eye(len(p))[k]
    if kind == "cross_entropy":
        return difference
    return p * (difference - p @ difference)


def gradient(
    weights: Arrays, x: np.ndarray, h: np.ndarray, target: np.ndarray, kind: str, window: int | None = None
) -> Arrays:
    """DL of every weight, by name.

    `window` steps of the path are followed: what y_t says travels back over steps t, t-1, ..., t-window+1.
    """
    hidden, said = forward(weights, x, h)
    steps = len(x)
    window = steps if window is None else window
    d = {name: np.zeros_like(weight) for name, weight in weights.items()}
    for t in range(steps):
        dy = d_logits(said[t], target[t], kind)
        d["W_hy"] += np.outer(dy, hidden[t + 1])
        d["b_y"] += dy
        dh = weights["W_hy"].T @ dy
        for s in range(t, max(t - window, -1), -1):
            da = (1 - hidden[s + 1] ** 2) * dh
            d["W_hh"] += np.outer(da, hidden[s])
            d["W_xh"] += np.outer(da, x[s])
            d["b_h"] += da
            dh = weights["W_hh"].T @ da
    return d


def example(steps: int = 12, inputs: int = 3, hidden: int = 5, classes: int = 4, seed: int = 0):
    """Weights, a sequence, a state and a class for each step, at random."""
    random = np.random.default_rng(seed)
    shapes = {
        "W_xh": (hidden, inputs),
        "W_hh": (hidden, hidden),
        "W_hy": (classes, hidden),
        "b_h": (hidden,),
        "b_y": (classes,),
    }
    weights = {name: random.normal(0, 0.7, shape) for name, shape in shapes.items()}
    x, h = random.normal(size=(steps, inputs)), random.normal(size=hidden)
    return weights, x, h, random.integers(classes, size=steps)


def angle(one: np.ndarray, other: np.ndarray) -> float:
    """Degrees between two arrays, as directions."""
    cosine = (one * other).sum() / (np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def main() -> None:
    weights, x, h, target = example()
    true = gradient(weights, x, h, target, "half_square")
    print("dL of    true norm   window of one: norm   angle between them")
    cut = gradient(weights, x, h, target, "half_square", window=1)
    for name in true:
        norms = [np.linalg.norm(d[name]) for d in (true, cut)]
        print(f"{name:6} {norms[0]:11.4f} {norms[1]:20.4f} {angle(true[name], cut[name]):17.1f} degrees")


if __name__ == "__main__":
    main()
