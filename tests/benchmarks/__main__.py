"""`make bench`: measure the sample company."""

from tests.benchmarks.measure import main

main()
