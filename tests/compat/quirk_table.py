"""Which test holds which trap of reimplementing Keras: quirk_table.py > docs/quirks.md

The numbers are those in the names of tests ("37 ..." among the cases of quirk_cases.py and the facts of test_quirks.py, test_37_... in functions) and in
comments of src/ ("quirks 37").
"""
import ast
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = ("quirk_cases.py", "test_quirks.py", "test_quirk_files.py")
TITLES = """
padding `same`: the odd cell comes after|padding `causal`|transposed convolutions: sizes, cropping, output_padding|kernels of Theano are turned, and its `same` pads otherwise
order of channels in depthwise and separable kernels|groups of a convolution|channels_first is a layout of data only|what pooling divides by and pads with
which global pooling honours a mask|bilinear upsampling of each Keras|Resizing and CenterCrop|a kernel for each place in LocallyConnected
epsilons|variables of BatchNormalization|axes of LayerNormalization, GroupNormalization and RMSNormalization|Normalization, adapted or given
SpectralNormalization uses its kernel as it is|order of gates, and reset_after|default of recurrent_activation|go_backwards and Bidirectional
masked steps of recurrent layers|states: returned, of stacked cells, kept by stateful layers|dropout and noise do nothing|hard_sigmoid of each Keras
gelu, selu, elu|slopes of leaky_relu and LeakyReLU|ReLU and PReLU|the other activations|ThresholdedReLU
order and scale of MultiHeadAttention|the causal mask stands in the call|scores of Attention, AdditiveAttention, GroupQueryAttention|Dense, Reshape and Permute
merging of different ranks; Dot|Embedding and its mask|layers that are called several times|int8: inputs are rounded, too|int4: nibbles, by channel and by group
float8, GPTQ and AWQ: their variables|LoRA is merged as it is saved|16 bits: what is computed in them|Discretization
StringLookup and TextVectorization|IntegerLookup and Hashing|tf_idf, CategoryEncoding, Rescaling|Random layers do nothing|Lambdas are never run
pickles call nothing, headers are not evaluated|bombs, links, paths that lead outside|variables are sorted as numbers; the optimizer's are none
""".replace("\n", "|").strip("|").split("|")


def names():
    """Names of cases and test functions, each with where it stands."""
    for source in SOURCES:
        with open(os.path.join(HERE, source), encoding="utf-8") as f:
            tree = ast.parse(f.read())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and re.match(r"test_\d\d_", node.name):
                yield source, node.name, re.findall(r"\d\d(?=_)", re.match(r"test_((?:\d\d_)+)", node.name).group(1))
            if isinstance(node, ast.Dict):
                for key in node.keys:
                    if isinstance(key, ast.Constant) and isinstance(key.value, str) and re.match(r"\d\d ", key.value):
                        yield source, key.value, [key.value[:2]]


def tests():
    """Number: the tests that hold it."""
    found = {}
    for source, name, numbers in names():
        for number in numbers:
            found.setdefault(int(number), []).append((source, name))
    return found


def text():
    found = tests()
    lines = ["# Traps of reimplementing Keras, and the tests that hold them", "",
             "Written by `tests/compat/quirk_table.py`. The numbers are those in comments of the sources (\"quirks 21\"). Cases of `quirk_cases.py` are models that",
             "real Keras 3 saves and computes as the tests run; the others say where their facts come from.", "",
             "| number | what | tests |", "|---|---|---|"]
    for number, title in enumerate(TITLES, 1):
        where = ["%s: %s" % (source, ", ".join(n for s, n in sorted(set(found.get(number, []))) if s == source)) for source in SOURCES
                 if any(s == source for s, _ in found.get(number, []))]
        lines.append("| %d | %s | %s |" % (number, title, "; ".join("`%s" % w.replace(": ", "`: ", 1) for w in where) or "**none**"))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(text(), end="")
