"""A cluster of one process: the same tasks and the same exchange, without a session of Spark."""

from collections import defaultdict

import pyarrow as pa

from etl_platform.convert.spark.driver import Cluster, Work
from etl_platform.convert.spark.messages import Said, heard
from etl_platform.convert.spark.plan import Plan
from etl_platform.convert.spark.tasks import compare_tasks


class InProcess(Cluster):
    """Carries out tasks from the last to the first: no result may depend on their order."""

    def collect(self, tasks: int, work: Work, exchange: Plan | None = None) -> list[Said]:
        told = [
            said
            for number in reversed(range(tasks))
            for batch in work([pa.RecordBatch.from_pydict({"id": [number]})])
            for said in heard(batch)
        ]
        if exchange is None or not exchange.buckets:
            return told
        buckets: defaultdict[int, list[pa.RecordBatch]] = defaultdict(list)
        for said in told:
            buckets[said.bucket].append(said.to_batch())
        return [
            said
            for arrived in buckets.values()
            for batch in compare_tasks(exchange, arrived)
            for said in heard(batch)
        ]
