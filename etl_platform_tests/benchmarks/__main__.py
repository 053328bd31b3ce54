"""`make bench`: every benchmark with its default size."""

from etl_platform_tests.benchmarks import convert

convert.main()
