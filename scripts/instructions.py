# SPDX-License-Identifier: MIT
"""What a kernel's code shows of how it reaches memory and multiplies, and what kernels are meant to show."""
import re
from typing import NamedTuple


class Instructions(NamedTuple):
    """How many of each are in the code of a kernel."""
    loads16: int  # of 16 bytes from device memory
    stores16: int  # of 16 bytes to it
    copies: int  # from device to shared memory, without waiting
    copies16: int  # of those, 16 bytes each
    products: int  # on tensor cores
    group_products: int  # of those, by warpgroups
    tensor_copies: int  # by the tensor memory accelerator

    def __str__(self):
        return ", ".join(f"{count} {name}" for name, count in self._asdict().items())


_wide = r"\.global(?:\.[\w:]+)*\.(?:v4\.[a-z]32|v2\.[a-z]64)\b"


def read(body):
    """The instructions of a kernel's PTX."""
    copies = re.findall(r"cp\.async\.c[ag]\.shared\.global\S* \[[^\]]*\], \[[^\]]*\], (\d+)", body)
    groups = len(re.findall(r"\bwgmma\.mma_async\b", body))
    return Instructions(len(re.findall(rf"\bld{_wide}", body)), len(re.findall(rf"\bst{_wide}", body)), len(copies),
                        copies.count("16"), len(re.findall(r"\bmma\.sync\b", body)) + groups, groups,
                        len(re.findall(r"\bcp\.async\.bulk\.tensor\b", body)))


def read_machine(body):
    """The instructions of a kernel's machine code, as nvdisasm writes it."""
    found = re.findall(r"\b(LDG|STG|LDGSTS|HMMA|DMMA|HGMMA|UTMALDG)\b((?:\.\w+)*)", body)

    def count(names, width=""):
        return sum(name in names and width in modifiers for name, modifiers in found)

    return Instructions(count({"LDG"}, ".128"), count({"STG"}, ".128"), count({"LDGSTS"}), count({"LDGSTS"}, ".128"),
                        count({"HMMA", "DMMA", "HGMMA"}), count({"HGMMA"}), count({"UTMALDG"}))


def early(body):
    """How often a kernel's PTX reaches device memory before it waits for the kernels before it."""
    before = body.partition("griddepcontrol.wait")[0]
    accesses = re.findall(r"\b(?:ld|st|atom|red|cp)\.[\w.:]+", before)
    return sum(".global" in access or not re.search(r"\.(?:param|shared|const|local)\b", access) for access in accesses)


def early_machine(body):
    """The same of machine code."""
    return len(re.findall(r"\b(?:LDG|STG|LDGSTS|LD|ST|ATOMG?|REDG?|UTMALDG)\b", body.partition("ACQBULK")[0]))


nothing = read("")

# Kernels whose threads take several channels at once, by name: what the number of them is behind, in the name.
_packs = (r"map_tiles_kernel<(\d+),", r"window_pool_kernel<(\d+),", r"pool_windows<(\d+),", r"pool_squares<\d+, (\d+),",
          r"pool_gather<(\d+),", r"pool_gather_blocks<\d+, (\d+),", r"sum_chunks_kernel<\w+, (\d+), (?:GatedValues|ExpandedWindows)")
_sums = (r"sum_tiles_kernel<(\d+),", r"sum_chunks_kernel<\w+, (\d+),", r"sum_parts<\w+, (\d+)>")
_array = re.compile(r"Array<([\w ]+?)(?: const)?, (true|false), (true|false)>")  # of what, whether read, whether written
_bytes = {"unsigned char": 1, "__half": 2, "unsigned short": 2, "float": 4, "int": 4, "unsigned int": 4, "double": 8,
          "unsigned long": 8}


def _pack(patterns, name):
    return next((int(found[1]) for pattern in patterns if (found := re.match(pattern, name))), 1)


def _wide_arrays(name):
    """Whether an elementwise kernel reads an array by 16 bytes or more, and whether it writes one."""
    arrays = [(_pack((r"map_kernel<(\d+),",), name) * _bytes[element] >= 16, reads == "true", writes == "true")
              for element, reads, writes in _array.findall(name)]
    return any(wide and reads for wide, reads, _ in arrays), any(wide and writes for wide, _, writes in arrays)


def missing(name, found):
    """What a kernel of this name is meant to have and has not, in words; empty if nothing."""
    packed, (reads, writes) = _pack(_packs, name) > 1, _wide_arrays(name)
    if (packed or reads or _pack(_sums, name) > 1) and not found.loads16:
        return "loads of 16 bytes"
    if (packed or writes) and not found.stores16:
        return "stores of 16 bytes"
    if stem := re.match(r"stem_(?:weight_)?products<\d+(?:, (\d+)>)?", name):
        if not found.products:
            return "products on tensor cores"
        if stem[1] == "8" and not found.copies == found.copies16 > 0:
            return "copies of 16 bytes alone"
    if name.startswith("multiply_copied_tiles<"):
        if not found.group_products:
            return "products by warpgroups"
        if not found.tensor_copies or found.copies:
            return "copies by the tensor memory accelerator alone"
    if product := re.match(r"multiply_tiles<(\w+), \w+<[^>]*>, Runs<(\d+), (\d+)>", name):
        element, *runs = product.groups()
        full = str(16 // _bytes[element])
        if "GroupShape" in product[0] and not found.group_products:
            return "products by warpgroups"
        if element != "float" and not found.products:
            return "products on tensor cores"
        if runs == [full, full] and not found.copies == found.copies16 > 0:
            return "copies of 16 bytes alone"
    return ""
