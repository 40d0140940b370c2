"""Reads rebuilders/*.txt: "=== NAME [RELEASE...]" begins a case (Keras 3.15 where no release is named), "--- files" the code that writes its
files, "--- module NAME" a module beside the script, "--- script" the script itself. In place of a script, "--- model" is code that makes a model and
writes files of it, and "--- evidence" names those that cuvier is to be given."""
import collections
import glob
import os
import re

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rebuilders")

Case = collections.namedtuple("Case", "name releases files modules script evidence")


def cases_of(path):
    with open(path) as f:
        blocks = re.split(r"(?m)^=== ", f.read())[1:]
    for block in blocks:
        head, _, body = block.partition("\n")
        name, *releases = head.split()
        parts = re.split(r"(?m)^--- (.*)\n", body)[1:]
        texts = dict(zip(parts[::2], parts[1::2]))
        modules = {what.split()[1]: text for what, text in texts.items() if what.startswith("module ")}
        yield Case(name, releases or ["3.15"], texts.get("files", texts.get("model", "")), modules, texts.get("script"), texts.get("evidence", "").split())


def all_cases():
    for path in sorted(glob.glob(os.path.join(FOLDER, "*.txt"))):
        for case in cases_of(path):
            yield os.path.basename(path)[:-4], case
