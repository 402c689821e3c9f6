"""How an architecture stands in a benchmark table: what a search is told of it, its test accuracy, and its rank."""

import reproduce

opened = reproduce.open_table("nas-bench-201-digits")
architecture = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_3x3~1|+|nor_conv_1x1~0|nor_conv_3x3~1|avg_pool_3x3~2|"
told, test, (best, worst) = opened.standing(architecture)  # "333313" and other notations are read, too
print(f"{told:.2f} % validation, {test:.2f} % test")
print(f"rank {best} to {worst} of {len(opened.table):,} by test accuracy; the best has {opened.held_out.optimum:.2f} %")
