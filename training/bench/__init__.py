"""The benchmarks, each a protocol on real outcomes."""
