"""Runners of the systems that Pincite is measured beside.

Each runs in an environment of its own, as `python -m tests.benchmarks.peers.NAME JOB`, and imports nothing of Pincite.
"""
