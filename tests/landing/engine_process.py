"""
Run by the Python of another environment: an engine of that chDB on a folder, asked over stdin and answering over stdout, a
JSON line each. Standard library and chDB only.
"""

import json
import os
import sys

from chdb import session


def main() -> None:
    # An INSERT of an older engine reads on in what it takes for the shell's input.
    asking = os.fdopen(os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    engine = session.Session(sys.argv[1])
    for line in asking:
        asked = json.loads(line)
        try:
            answer = (
                str(engine.query(asked["sql"], asked["format"])) if asked["format"] else str(engine.query(asked["sql"]))
            )
            told = {"answer": answer}
        except Exception as error:
            told = {"error": str(error)}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


main()
