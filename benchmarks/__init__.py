"""Speed, as a bound or a ratio to a peer in the same run. Figures stand in docs/benchmarks.md."""

import os

# Where it is set every command compiles all that it imports, which doubles what `adbray status`
# takes. An installed adbray has its bytecode.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
