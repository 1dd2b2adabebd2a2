#!/usr/bin/env python3
"""Writes golden.json: golden.py

The parameters of a small RealMLP-TD-S before training and after 1, 10 and 100 steps, made of pytabkit 1.8.0's own layers,
optimizer and schedules in double precision, for classes and for numbers. Weights are divided by sqrt(n_in), which leaves the
NTK parametrization."""
import json, os
from types import SimpleNamespace
import numpy as np, torch
from pytabkit.models.data.data import DictDataset, TensorInfo
from pytabkit.models.nn_models.base import set_hp_context
from pytabkit.models.nn_models.models import NNFactory
from pytabkit.models.optim.optimizers import get_opt_class
from pytabkit.models.sklearn.default_params import DefaultParams
from pytabkit.models.training.coord import HyperparamManager
from pytabkit.models.training.metrics import cross_entropy, mse
from pytabkit.models.training.scheduling import LearnerProgress

ROWS, BATCH, STEPS, SAVED = 64, 16, 100, (0, 1, 10, 100)
torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
rng = np.random.default_rng(0)
features = rng.normal(size=(ROWS, 4)).round(3)
number = np.sin(features[:, 0]) + features[:, 1] * features[:, 2] + 0.1 * rng.normal(size=ROWS)
number = ((number - number.mean()) / number.std()).round(3)
classes = np.digitize(number, [-0.5, 0.5])


def run(defaults, target, info, loss):
    # The features are preprocessed and the target is standardized already.
    config = dict(defaults, hidden_sizes=[6] * 3, tfms=[], normalize_output=False)
    infos = {'x_cont': TensorInfo(feat_shape=[4]), 'x_cat': TensorInfo(cat_sizes=[]), 'y': info}
    tensors = {'x_cont': torch.as_tensor(features), 'x_cat': torch.zeros(ROWS, 0, dtype=torch.long), 'y': target}
    data = DictDataset(tensors, infos)
    manager = HyperparamManager(**config)
    with set_hp_context(manager), torch.no_grad():
        model, _ = NNFactory(**config).create(infos).fit_transform(data)
    model.train()
    parameters = [p for p in model.parameters() if p.trainable]
    optimizer = get_opt_class(config['opt'])([{'params': [p], 'lr': 0.01} for p in parameters], manager)
    learner = SimpleNamespace(progress=LearnerProgress())
    learner.progress.max_epochs = STEPS * BATCH // ROWS

    def snapshot():
        scaling, *layers = [p.detach().numpy().copy() for p in parameters]
        layers = [(w.T / np.sqrt(len(w))).tolist() if i % 2 == 0 else w[0].tolist() for i, w in enumerate(layers)]
        return dict(scaling=scaling[0].tolist(), layers=[layers[i:i + 2] for i in range(0, len(layers), 2)])

    saved = [snapshot()]
    for step in range(STEPS):
        rows = torch.arange(ROWS).reshape(-1, BATCH)[step % (ROWS // BATCH)]
        manager.update_hypers(learner)
        output = model(data.get_batch(rows))
        loss(output['x_cont'], output['y']).backward()
        optimizer.step()
        optimizer.zero_grad()
        learner.progress.total_samples += BATCH
        learner.progress.epoch_float = learner.progress.total_samples / ROWS
        if step + 1 in SAVED:
            saved.append(snapshot())
    return saved


golden = dict(
    features=features.tolist(), number=number.tolist(), classes=classes.tolist(), saved=SAVED, batch=BATCH,
    of_number=run(DefaultParams.RealMLP_TD_S_REG, torch.as_tensor(number)[:, None], TensorInfo(feat_shape=[1]), mse),
    of_classes=run(DefaultParams.RealMLP_TD_S_CLASS, torch.as_tensor(classes)[:, None], TensorInfo(cat_sizes=[3]),
                   cross_entropy))
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'golden.json'), 'w') as file:
    json.dump(golden, file, separators=(',', ':'))
