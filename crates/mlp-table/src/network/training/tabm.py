#!/usr/bin/env python3
"""Writes tabm.json: tabm.py

The parameters of a small TabM-mini before training and after 1, 10 and 50 steps, in PyTorch 2 and double precision, for
classes and for numbers. The model is that of the paper: a scaling of the inputs and an output layer for each of k members,
which share the layers between them and see the same rows; the loss is the mean over members and rows. It is trained by
torch.optim.AdamW without decay, with the learning rates of RealMLP and its schedule coslog4."""
import json, math, os
import numpy as np, torch
from torch import nn
from torch.nn.functional import cross_entropy, mish, selu

ROWS, BATCH, STEPS, SAVED = 64, 16, 50, (0, 1, 10, 50)
INPUTS, WIDTHS, MEMBERS = 4, (6, 5), 3
torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
rng = np.random.default_rng(0)
features = rng.normal(size=(ROWS, INPUTS)).round(3)
number = np.sin(features[:, 0]) + features[:, 1] * features[:, 2] + 0.1 * rng.normal(size=ROWS)
number = ((number - number.mean()) / number.std()).round(3)
classes = np.digitize(number, [-0.5, 0.5])


class TabM(nn.Module):
    """x: B x inputs -> B x k x outputs."""
    def __init__(self, outputs, activation):
        super().__init__()
        self.activation = activation
        self.scaling = nn.Parameter(torch.randn(MEMBERS, INPUTS))
        sizes = (INPUTS, *WIDTHS)
        self.shared = nn.ModuleList(nn.Linear(n, m) for n, m in zip(sizes, sizes[1:]))
        self.heads = nn.ModuleList(nn.Linear(sizes[-1], outputs) for _ in range(MEMBERS))

    def forward(self, x):
        x = x[:, None] * self.scaling
        for layer in self.shared:
            x = self.activation(layer(x))
        return torch.stack([head(x[:, i]) for i, head in enumerate(self.heads)], dim=1)


def run(outputs, activation, rate, loss):
    model = TabM(outputs, activation)
    groups = [dict(params=[model.scaling], factor=6.0)]
    for layer in [*model.shared, *model.heads]:
        # W = V / sqrt(n_in) takes the steps of V, whose gradient is smaller by the same factor.
        unit = layer.in_features ** -0.5
        groups.append(dict(params=[layer.weight], factor=unit, eps=1e-8 / unit))
        groups.append(dict(params=[layer.bias], factor=0.1))
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.0)

    def snapshot():
        heads = [torch.cat([getattr(head, part) for head in model.heads]) for part in ('weight', 'bias')]
        layers = [(layer.weight, layer.bias) for layer in model.shared] + [heads]
        return dict(scaling=model.scaling.flatten().tolist(), layers=[(w.tolist(), b.tolist()) for w, b in layers])

    saved = [snapshot()]
    for step in range(STEPS):
        rows = torch.arange(ROWS).reshape(-1, BATCH)[step % (ROWS // BATCH)]
        for group in optimizer.param_groups:
            group['lr'] = rate * group['factor'] * 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * step / STEPS)))
        optimizer.zero_grad()
        loss(model(torch.as_tensor(features)[rows]), rows).backward()
        optimizer.step()
        if step + 1 in SAVED:
            saved.append(snapshot())
    return saved


target, labels = torch.as_tensor(number), torch.as_tensor(classes)
golden = dict(
    features=features.tolist(), number=number.tolist(), classes=classes.tolist(), saved=SAVED, batch=BATCH,
    of_number=run(1, mish, 0.02, lambda y, rows: ((y[..., 0] - target[rows, None]) ** 2).mean()),
    of_classes=run(3, selu, 0.02, lambda y, rows: cross_entropy(
        y.flatten(0, 1), labels[rows].repeat_interleave(MEMBERS), label_smoothing=0.1)))
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'tabm.json'), 'w') as file:
    json.dump(golden, file, separators=(',', ':'))
