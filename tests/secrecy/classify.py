"""Tries to tell requests apart by what crossed the network.

Reads a JSON array of observations, and prints for each system, route and question what boosted trees and logistic regression got right of data that they
were not trained on: the balanced accuracy, and the lower end of its 99.9 % interval.
"""

import itertools
import json
import math
import sys

import numpy
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# Half of what lies outside of a 99.9 % interval lies below it.
Z = 3.2905
TICK_MS = 500.0
# Which class is told from which, and whether the status counts.
TASKS = {"chaff": ("real", "chaff", True), "refused": ("real", "refused", False)}


def models():
    trees = HistGradientBoostingClassifier(max_iter=80, max_leaf_nodes=15, early_stopping=False, random_state=1)
    return {"trees": trees, "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))}


def features(rows, with_status):
    """One row a request: numbers as they are, texts as one column for each."""
    columns = [[row[name] for row in rows] for name in ("size", "head", "first_ms", "total_ms", "closed")]
    # Where in a tick the answer came.
    columns.append([row["first_ms"] % TICK_MS for row in rows])
    columns.append([row["total_ms"] - row["first_ms"] for row in rows])
    texts = ["names", "order"] + (["status"] if with_status else [])
    for name in texts:
        for value in sorted({row[name] for row in rows}):
            columns.append([row[name] == value for row in rows])
    return numpy.array(columns, dtype=float).T


def bound(truth, guessed):
    """The balanced accuracy, and the lower end of its interval."""
    rates = [(guessed[truth == label] == label).mean() for label in (0, 1)]
    counts = [(truth == label).sum() for label in (0, 1)]
    # A rate of 0 or 1 is uncertain, too: one more of each kind than was seen.
    smooth = [(rate * count + 1) / (count + 2) for rate, count in zip(rates, counts)]
    variance = sum(rate * (1 - rate) / count for rate, count in zip(smooth, counts)) / 4
    accuracy = sum(rates) / 2
    return accuracy, accuracy - Z * math.sqrt(variance)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        seen = json.load(file)
    findings = []
    groups = itertools.groupby(sorted(seen, key=place), key=place)
    for (system, route), rows in groups:
        rows = list(rows)
        late = sum(row["total_ms"] > 1.5 * TICK_MS for row in rows) / len(rows)
        for task, (one, other, with_status) in TASKS.items():
            both = [row for row in rows if row["class"] in (one, other)]
            truth = numpy.array([row["class"] == other for row in both], dtype=int)
            data = features(both, with_status)
            folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=1)
            for name, model in models().items():
                accuracy, lower = bound(truth, cross_val_predict(model, data, truth, cv=folds))
                findings.append({
                    "system": system, "route": route, "task": task, "model": name, "accuracy": accuracy,
                    "lower": lower, "samples": int(min(truth.sum(), len(truth) - truth.sum())), "overruns": late,
                })
    json.dump(findings, sys.stdout)


def place(row):
    return row["system"], row["route"]


main()
