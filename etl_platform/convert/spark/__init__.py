"""The engine on Spark: a task converts files, or whole lines of one, to the end.

Only keys meet in an exchange. Rows of one key in two tasks are rare, so a task writes its rows as
if there were none; where there are, the files of the hour are written again without older rows.
Spark only places the work: what it carries are messages that it does not look into, so both engines
give the same rows. Tasks read and write S3 themselves and the JVM never does.
"""

from etl_platform.convert.spark.driver import Spark

__all__ = ["Spark"]
