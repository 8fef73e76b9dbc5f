"""Makes src/teamgraph_client/_wire from proto/ at the top of the repository.

Run it after a change of proto/ and commit what it makes; a test compares the two. The code is kept
beside its source so that an installation needs neither proto/ nor a compiler.
"""

import re
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
PROTO = HERE.parents[1] / "proto"
WIRE = HERE / "src" / "teamgraph_client" / "_wire"
PACKAGE = "teamgraph_client._wire"


def generate() -> dict[str, str]:
    """The files' text by their names."""
    sources = [str(path) for path in sorted(PROTO.glob("teamgraph/v1/*.proto"))]
    with tempfile.TemporaryDirectory() as directory:
        outputs = [f"--python_out={directory}", f"--pyi_out={directory}"]
        if protoc.main(["protoc", f"-I{PROTO}", *outputs, *sources]) != 0:
            raise SystemExit("proto/ does not compile")
        made = sorted(Path(directory).glob("teamgraph/v1/*_pb2.py*"))
        # protoc lays modules out as the proto files lie; the package keeps them to itself.
        return {path.name: re.sub(r"teamgraph\.v1(?= import|\.\w+_pb2')", PACKAGE, path.read_text())
                for path in made}


def main() -> int:
    WIRE.mkdir(exist_ok=True)
    (WIRE / "__init__.py").write_text('"""The wire types, made by generate.py."""\n')
    for name, text in generate().items():
        (WIRE / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
