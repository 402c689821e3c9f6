"""Trains perceptrons of some of the widths and prints widths.csv: `python train.py > widths.csv`."""

import random
import sys
import warnings
from itertools import product

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from widths import NAMES, WIDTHS, cost

warnings.simplefilter("ignore", ConvergenceWarning)  # twelve epochs are what the table is of
pixels, digits = load_digits(return_X_y=True)
rest, test_pixels, others, test_digits = train_test_split(pixels / 16, digits, test_size=0.3, random_state=0)
train_pixels, pixels, train_digits, digits = train_test_split(rest, others, test_size=0.3, random_state=0)


def trained(architecture):
    widths = [int(NAMES[choice]) for choice in architecture]
    return MLPClassifier(widths, max_iter=12, batch_size=32, random_state=0).fit(train_pixels, train_digits)


chosen = random.Random(0).sample(list(product(range(len(NAMES)), repeat=5)), 360)
print(",".join(slot.name for slot in WIDTHS.slots) + ",accuracy,test,params")
for architecture in chosen[: int(sys.argv[1]) if sys.argv[1:] else None]:
    network = trained(architecture)
    figures = (100 * network.score(*pair) for pair in ((pixels, digits), (test_pixels, test_digits)))
    written = ",".join(NAMES[choice] for choice in architecture)
    print(f"{written},{','.join(f'{figure:.2f}' for figure in figures)},{cost(architecture).params}", flush=True)
