"""Writes the bytecode of the functions in lambdas.txt as this Python compiles them, one JSON object on standard output. Works with
Python 2.7 to 3.13: PYTHON make_lambdas.py > lambdas/PYTHON.json"""
import base64
import json
import marshal
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    codes = {}
    for line in open(os.path.join(HERE, "lambdas.txt")):
        source = line.split("#")[0].strip().lstrip("!").strip()
        if source:
            code = eval(source, {}).__code__        # our own text
            codes[source] = base64.b64encode(marshal.dumps(code)).decode("ascii")
    json.dump({"python": "%d.%d" % sys.version_info[:2], "codes": codes}, sys.stdout, indent=0, sort_keys=True)


main()
