"""`cqc cost`: what the pipeline costs by push and by pull, and what a Dataflow job in its place would.

Pure: prices (prices.json) × operations (measured.json, written by the benchmark) = lines of a bill.
"""
