#!/usr/bin/env python3
"""Writes golden.json: golden.py [DIRECTORY OF TABLES]

What pytabkit 1.8.0 (robust scaling, smooth clipping, one-hot) and scikit-learn (standard, quantile) make of small columns,
and what pandas reads of each table: kinds, missing values, medians."""
import json, os, sys
import numpy as np, pandas as pd, torch
from pytabkit.models.data.data import DictDataset, TensorInfo
from pytabkit.models.nn_models.models import PreprocessingFactory
from sklearn.preprocessing import QuantileTransformer, StandardScaler

rng = np.random.default_rng(0)
N = 150
numbers = {
    'normal': rng.normal(3, 2, N).round(3),
    'skewed': np.exp(rng.normal(0, 3, N)).round(6),
    'mostly_zero': np.where(rng.random(N) < 0.1, rng.integers(1, 50, N), 0),
    'ties': rng.integers(0, 5, N),
    'tiny': rng.normal(1e-9, 1e-12, N).round(15),
    'huge': rng.normal(0, 1e12, N).round(),
}
words = {
    'two': rng.choice(['no', 'yes'], N, p=[0.7, 0.3]),
    'three': rng.choice(['a', 'b', 'c'], N, p=[0.5, 0.45, 0.05]),
    'seven': rng.choice(list('pqrstuv'), N),
    'holes': rng.choice(['', 'x', 'y', 'z'], N),
}


def pytabkit(tensors, infos):
    infos = {'x_cont': TensorInfo(feat_shape=[0]), 'x_cat': TensorInfo(feat_shape=[0]), 'y': TensorInfo(cat_sizes=[0])} | infos
    tensors = {'x_cont': torch.zeros(N, 0, dtype=torch.float64), 'x_cat': torch.zeros(N, 0, dtype=torch.long),
               'y': torch.zeros(N, 1)} | tensors
    tfms = ['one_hot', 'median_center', 'robust_scale', 'smooth_clip']
    fitter = PreprocessingFactory(tfms=tfms).create(infos)
    _, result = fitter.fit_transform(DictDataset(tensors, infos))
    return result.tensors['x_cont'].double().numpy().T


robust, standard, quantile = {}, {}, {}
for name, values in numbers.items():
    column = values.astype(float)[:, None]
    [robust[name]] = pytabkit({'x_cont': torch.as_tensor(column)}, {'x_cont': TensorInfo(feat_shape=[1])})
    standard[name] = StandardScaler().fit_transform(column)[:, 0]
    count = max(min(N // 30, 1000), 10)
    transformer = QuantileTransformer(n_quantiles=count, output_distribution='normal', subsample=None)
    quantile[name] = transformer.fit_transform(column)[:, 0]
for name, values in words.items():
    known = sorted(set(values) - {''})
    index = torch.as_tensor([known.index(v) + 1 if v else 0 for v in values])[:, None]
    features = pytabkit({'x_cat': index}, {'x_cat': TensorInfo(cat_sizes=[len(known) + 1])})
    # pytabkit's feature of two values is +1 for the first one.
    features, shown = (-features, known[1:]) if len(known) == 2 else (features, known)
    for value, feature in zip(shown, features, strict=True):
        robust[f'{name}={value}'] = feature

tables, directory = {}, sys.argv[1] if len(sys.argv) > 1 else None
for file in sorted(os.listdir(directory)) if directory else []:
    if not file.endswith('.csv.gz'):
        continue
    table = pd.read_csv(f'{directory}/{file}', na_values=['?'], keep_default_na=True)
    tables[file.removesuffix('.csv.gz')] = {
        c: dict(missing=int(table[c].isna().sum()), distinct=int(table[c].nunique()),
                median=float(table[c].median()) if pd.api.types.is_numeric_dtype(table[c]) else None)
        for c in table.columns}

rounded = lambda group: {name: [float(f'{x:.9g}') for x in values] for name, values in group.items()}
text = pd.DataFrame(numbers | words | {'y': np.arange(N) % 7}).to_csv(index=False)
golden = dict(csv=text, robust=rounded(robust), standard=rounded(standard), quantile=rounded(quantile), tables=tables)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'golden.json'), 'w') as file:
    json.dump(golden, file, separators=(',', ':'))
