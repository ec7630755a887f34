# SPDX-License-Identifier: MIT
"""Faults that a script plants in device code: imported by scripts/mutants."""
import dataclasses
import re

from common import without_comments


@dataclasses.dataclass(frozen=True)
class Mutation:
    """text[start:end] becomes `replacement`."""
    file: str
    line: int
    kind: str
    start: int
    end: int
    replacement: str
    before: str  # the line that holds it
    after: str

    def apply(self, text):
        return text[:self.start] + self.replacement + text[self.end:]


def closing(text, start):
    """The position of the bracket that closes the one at `start`."""
    pairs, depth = {"(": ")", "[": "]", "{": "}"}, 0
    opening, ending = text[start], pairs[text[start]]
    for at in range(start, len(text)):
        depth += (text[at] == opening) - (text[at] == ending)
        if depth == 0:
            return at
    return len(text)


def device_bodies(code):
    """Where the bodies of __global__ and __device__ functions lie, an inner one within its outer one once."""
    end = 0
    for match in re.finditer(r"__global__|__device__", code):
        at = match.end()
        if at < end:
            continue
        while at < len(code) and code[at] not in "{;":
            at = closing(code, at) + 1 if code[at] == "(" else at + 1
        if at < len(code) and code[at] == "{":
            end = closing(code, at)
            yield at, end


def removed_waits(code):
    for match in re.finditer(r"(?:__syncthreads|__syncwarp|(?:\w+::)*cp_async_wait<[^<>;]*>)\([^()]*\);", code):
        yield match.start(), match.end(), ";"


def is_declared(code, bracket):
    """Whether the bracket belongs to the declaration of an array, not to an access."""
    head = code[code.rfind("\n", 0, bracket) + 1:bracket]
    head = re.sub(r"(?:\[[^\[\]]*\])+$", "", head)
    first = re.search(r"(\w|[\w>*]>)[*&]?\s+\w+$", head) and not re.search(r"\b(return|else|case)\s+\w+$", head)
    further = re.search(r"^\s*[\w:<>]+ \w+\[[^=()]*, \w+$", head)
    return bool("MPAD_SHARED" in head or first or further)


def shifted_indices(code):
    for match in re.finditer(r"(?<=[\w)\]])\[", code):
        end = closing(code, match.start())
        inside = code[match.end():end]
        if inside.strip() and not is_declared(code, match.start()):
            yield match.end(), end, f"({inside}) + 1"


def weakened_bounds(code):
    for match in re.finditer(r" (?:<|>=) ", code):
        yield match.start(), match.end(), {" < ": " <= ", " >= ": " > "}[match[0]]
    for match in re.finditer(r" && (?:[^&|(){};?:,]|\((?:[^()]|\([^()]*\))*\))*", code):
        if re.search(r" [<>]=? ", match[0]):
            yield match.start(), match.end(), ""


def swapped_signs(code):
    for match in re.finditer(r"(?<=[\w)\]]) ([+-]) (?=[\w(*])", code):
        yield match.start(1), match.end(1), "-" if match[1] == "+" else "+"


kinds = {"wait removed": removed_waits, "index shifted": shifted_indices, "bound weakened": weakened_bounds,
         "sign swapped": swapped_signs}
constant = re.compile(r"^\s*#|\b(static_assert|constexpr|requires|template|throw)\b")


def mutations(file, text):
    """Every mutation of the device code of a file."""
    code = without_comments(text)
    bodies = list(device_bodies(code))
    for kind, operator in kinds.items():
        for start, end, replacement in operator(code):
            first, last = code.rfind("\n", 0, start) + 1, code.find("\n", end)
            inside = any(begin < start and end <= stop for begin, stop in bodies)
            if inside and not constant.search(code[first:last]):
                before, after = text[first:last], text[first:start] + replacement + text[end:last]
                yield Mutation(file, code.count("\n", 0, start) + 1, kind, start, end, replacement,
                               " ".join(before.split()), " ".join(after.split()))
