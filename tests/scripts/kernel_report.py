# SPDX-License-Identifier: MIT
"""kernel_report.py ROOT: the occupancy that kernel-report computes, and what it says of kernels that a build recorded."""
import importlib.machinery
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

script = pathlib.Path(sys.argv[1], "scripts/kernel-report")


def load_report():
    sys.path.insert(0, str(script.parent))
    loader = importlib.machinery.SourceFileLoader("kernel_report", str(script))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    sys.modules[loader.name] = module  # where dataclasses look for it
    loader.exec_module(module)
    return module


class Occupancy(unittest.TestCase):
    """Expected is what cudaOccMaxActiveBlocksPerMultiprocessor of CUDA's cuda_occupancy.h gives."""

    def occupancy(self, name="map", architecture="sm_90", **properties):
        return report.Kernel("", "", True, name=name, **properties).occupancy(architecture)

    def test_registers_and_blocks(self):
        self.assertEqual(self.occupancy(registers=32, threads=256), 100)
        self.assertEqual(self.occupancy(registers=33, threads=256), 75)  # 40 registers a thread, 6 blocks
        self.assertEqual(self.occupancy(registers=16, threads=32), 50)  # 32 blocks of a warp
        self.assertEqual(self.occupancy(registers=178, threads=96), 9)  # two warps in each of four parts, so 2 blocks of 3
        self.assertEqual(self.occupancy(registers=168, threads=512), 0)  # 12 warps fit, and a block has 16

    def test_static_shared_memory(self):
        # 48 KiB and 1 KiB for the system: 4 blocks in 228 KiB; in 64 KiB, where the system takes none, one.
        self.assertEqual(self.occupancy(registers=64, threads=128, shared=48 << 10), 25)
        self.assertEqual(self.occupancy(registers=64, threads=128, shared=48 << 10, architecture="sm_75"), 12)
        # 85 units of 128 bytes are 43 of 256.
        self.assertEqual(self.occupancy(registers=32, threads=128, shared=10880, architecture="sm_75"), 62)
        self.assertEqual(self.occupancy(registers=32, threads=128, shared=227 << 10), 6)
        self.assertEqual(self.occupancy(registers=32, threads=128, shared=(227 << 10) + 1), 0)

    def test_dynamic_shared_memory(self):
        tiles = "multiply_tiles<__half, GroupShape<128>, Runs<8, 8>, Operand<Patches<__half>, 0>, {}>"
        self.assertEqual(self.occupancy(tiles.format(65536), registers=128, threads=128), 18)  # three blocks
        self.assertEqual(self.occupancy(tiles.format(65536), registers=178, threads=128), 12)  # two, for their registers
        self.assertEqual(self.occupancy(tiles.format(131072), registers=178, threads=128), 6)
        copied = "multiply_copied_tiles<GroupShape<128>, CopiedOperand, CopiedOperand, Destination<__half>, 65536>"
        self.assertEqual(self.occupancy(copied, registers=154, threads=128, shared=1024), 18)
        self.assertEqual(self.occupancy(tiles.format(0), registers=64, threads=128), 50)
        self.assertEqual(self.occupancy(tiles.format(65536), registers=64, threads=128, shared=16384), 12)  # both count


_log = """ptxas info    : Compiling entry function '{0}' for 'sm_90a'
ptxas info    : Function properties for {0}
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used {1} registers, used 1 barriers
"""
_ptx = """.extern .shared .align 1024 .b8 _ZN4mpad6sharedE[];
.visible .entry {0}(
)
.maxntid 128
.minnctapersm 2
{{
  griddepcontrol.wait;
  mov.u32 %r1, {1};
  cp.async.cg.shared.global [%r1], [%rd1], 16, %r2;
  {{
.reg .pred p;
}}
  wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {{%f1}}, %rd1, %rd2;
}}
"""
_product = "_ZN4mpad7kernels14multiply_tilesI6__halfNS0_10GroupShapeILi128EEENS0_4RunsILi8ELi8EEE{}EEvv"
_array = "_ZN4mpad6sharedE"


class Report(unittest.TestCase):
    def report(self, symbol, operand, registers=126, architecture="sm_90a", ptx=_ptx):
        """Exit code, the kernel's line without its columns of instructions, and what is wrong."""
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "products.json").write_text(
                json.dumps([_log.format(symbol, registers), ptx.format(symbol, operand), ""]))
            command = [sys.executable, "-B", script, "--arch", architecture, "--recorded", folder, "products.cu"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        line = done.stdout.partition("products.cu\n")[2].partition("\n")[0].split(maxsplit=9)
        return done.returncode, line[:6], done.stderr.removeprefix("kernel-report: products.cu: ")

    def run_script(self, *arguments):
        done = subprocess.run([sys.executable, "-B", script, *arguments], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def test_a_launcher_without_a_command(self):
        self.assertEqual(self.run_script("--record", "kept"),
                         (1, "", "kernel-report: expected --record DIR COMMAND..., got --record kept\n"))

    def test_what_compiles_no_kernel_runs_as_it_is(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(self.run_script("--record", folder, "echo", "-c", "x.cpp"), (0, "-c x.cpp\n", ""))
            self.assertEqual(list(pathlib.Path(folder).iterdir()), [])

    def test_dynamic_shared_memory(self):
        self.assertEqual(self.report(_product.format("Li65536E"), _array),
                         (0, ["126", "0/0", "0", "65536", "128", "18"], ""))
        self.assertEqual(self.report(_product.format("Li65536E"), _array, architecture="sm_80")[1][5], "12")

    def test_a_name_that_does_not_tell(self):
        name = "multiply_tiles<__half, GroupShape<128>, Runs<8, 8>"
        wrong = "expected a name that tells how much dynamic shared memory it takes"
        self.assertEqual(self.report(_product.format(""), _array),
                         (1, ["126", "0/0", "0", "0+", "128", "<=25"],
                          f"{name} >: {wrong}, got 0 bytes of a kernel that uses some\n"))
        self.assertEqual(self.report(_product.format("Li65536E"), "0"),
                         (1, ["126", "0/0", "0", "65536", "128", "18"],
                          f"{name}, 65536>: {wrong}, got 65536 bytes of a kernel that uses none\n"))

    def test_sized_by_the_layer(self):
        self.assertEqual(self.report("_ZN4mpad7kernels12stem_forwardIfLi3EEEvv", _array, registers=79),
                         (0, ["79", "0/0", "0", "0+", "128", "<=37"], ""))
        self.assertEqual(self.report("_ZN4mpad7kernels13stem_productsILi3EEEvv", _array),
                         (0, ["126", "0/0", "0", "0+", "128", "<=25"], ""))

    def test_memory_before_the_wait(self):
        late = _ptx.replace("griddepcontrol.wait;", "")
        status, _, wrong = self.report(_product.format("Li65536E"), _array, ptx=late)
        self.assertEqual((status, wrong.partition(": ")[2]),
                         (1, "expected a wait for the kernels before it to come first, got 1 accesses to memory before\n"))
        self.assertEqual(self.report(_product.format("Li65536E"), _array, architecture="sm_80", ptx=late)[0], 0)

    def test_a_block_that_does_not_fit(self):
        self.assertEqual(self.report(_product.format("Li262144E"), _array),
                         (1, ["126", "0/0", "0", "262144", "128", "0"],
                          "multiply_tiles<__half, GroupShape<128>, Runs<8, 8>, 262144>: expected a block that fits a "
                          "multiprocessor, got 128 threads of 126 registers and 262144 bytes of shared memory\n"))


if __name__ == "__main__":
    report = load_report()
    unittest.main(argv=sys.argv[:1])
