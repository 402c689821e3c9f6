"""Random search, regularized evolution and an optimiser of one's own on one table, with intervals."""

import reproduce


class Climber:  # changes one slot of the best architecture so far
    def __init__(self, space, stream):
        self.space, self.stream, self.accuracy = space, stream, 0.0
        self.next = self.best = space.sample(stream)

    def ask(self):
        return reproduce.Proposal(self.next)

    def tell(self, trial):
        if isinstance(trial, reproduce.Evaluated) and trial.accuracy > self.accuracy:
            self.best, self.accuracy = trial.architecture, trial.accuracy
        self.next = self.stream.choice(list(self.space.neighbours(self.best)))


print(reproduce.compare(["random", "evolution-autodl", Climber], "nas-bench-201-digits", budgets=50).report())
