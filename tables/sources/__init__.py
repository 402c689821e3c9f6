"""Published benchmarks, one reader a source: native keys and files go in, columns in dense order come out."""
