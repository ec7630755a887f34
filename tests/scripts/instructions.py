# SPDX-License-Identifier: MIT
"""instructions.py ROOT: what kernel-report finds in PTX and machine code, and misses."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(sys.argv[1], "scripts")))
import instructions  # noqa: E402

memory = "ld.global.nc.v4.u32 {%r1, %r2, %r3, %r4}, [%rd1];\n st.global.v2.f64 [%rd2], {%fd1, %fd2};"
array = "Array<float const, true, false>, Array<float, false, true>"


class Instructions(unittest.TestCase):
    def test_reading(self):
        code = """ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1];
                  ld.global.L1::no_allocate.v2.u64 {%rd3, %rd4}, [%rd1];
                  ld.global.v2.f32 {%f1, %f2}, [%rd1];
                  ld.shared.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1];
                  st.global.v4.u16 [%rd2], {%rs1, %rs2, %rs3, %rs4};
                  st.global.v4.b32 [%rd2], {%r1, %r2, %r3, %r4};
                  cp.async.cg.shared.global.L2::128B [%r1], [%rd1], 16, %r2;
                  cp.async.ca.shared.global [%r1], [%rd1], 4, %r2;
                  mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f1}, {%r1}, {%r2}, {%f1};
                  cp.async.bulk.tensor.4d.shared::cluster.global.tile [%r1], [%rd1, {%r2, %r3, %r4, %r5}], [%r6];"""
        self.assertEqual(instructions.read(code), (2, 1, 2, 1, 1, 0, 1))

    def test_reading_machine_code(self):
        code = """/*0000*/ LDG.E.128.CONSTANT R4, desc[UR4][R2.64] ;
                  /*0010*/ @P0 LDG.E.64 R4, desc[UR4][R2.64] ;
                  /*0020*/ STG.E.EF.128 desc[UR4][R2.64], R4 ;
                  /*0030*/ STG.E desc[UR4][R2.64], R4 ;
                  /*0040*/ LDGSTS.E.BYPASS.LTC128B.128.ZFILL [R1], desc[UR4][R2.64] ;
                  /*0050*/ LDGSTS.E.64 [R1], desc[UR4][R2.64] ;
                  /*0060*/ LDS.128 R4, [R1] ;
                  /*0070*/ HMMA.16816.F32 R4, R8, R12, R4 ;
                  /*0080*/ DMMA.884 R4, R8, R12, R4 ;
                  /*0090*/ HGMMA.64x128x16.F32 R24, gdesc[UR4], R24 ;
                  /*00a0*/ UTMALDG.4D.IM2COL [UR8], [UR4], UR6 ;"""
        self.assertEqual(instructions.read_machine(code), (1, 1, 2, 1, 3, 1, 1))

    def test_early_accesses(self):
        wait = "griddepcontrol.wait;\n"
        code = """ld.param.u64 %rd1, [kernel_param_0];
                  ld.shared.f32 %f1, [%r1];
                  st.shared.v4.f32 [%r1], {%f1, %f2, %f3, %f4};
                  cvta.to.global.u64 %rd2, %rd1;"""
        self.assertEqual(instructions.early(code + wait + "ld.global.f32 %f1, [%rd2];"), 0)
        for access in ("ld.global.f32 %f1, [%rd2];", "st.global.f32 [%rd2], %f1;", "ld.f32 %f1, [%rd2];",
                       "atom.global.add.u32 %r1, [%rd2], 1;", "red.global.add.u32 [%rd2], 1;",
                       "cp.async.cg.shared.global [%r1], [%rd1], 16;",
                       "cp.async.bulk.tensor.4d.shared::cluster.global.tile [%r1], [%rd1, {%r2}], [%r6];"):
            self.assertEqual(instructions.early(code + access + wait), 1)
            self.assertEqual(instructions.early(code + access), 1)
        code = """/*0000*/ LDC R1, c[0x0][0x28] ;
                  /*0010*/ LDS R4, [R1] ;"""
        self.assertEqual(instructions.early_machine(code + "ACQBULK ;\n LDG.E R4, desc[UR4][R2.64] ;"), 0)
        for access in ("LDG.E R4, desc[UR4][R2.64] ;", "STG.E desc[UR4][R2.64], R4 ;", "LD.E R4, [R2.64] ;",
                       "LDGSTS.E.64 [R1], desc[UR4][R2.64] ;", "UTMALDG.4D [UR8], [UR4] ;", "ATOMG.E.ADD R4, [R2.64], R5 ;"):
            self.assertEqual(instructions.early_machine(code + access + "ACQBULK ;"), 1)

    def missing(self, name, code=""):
        return instructions.missing(name, instructions.read(code))

    def test_memory(self):
        for name in ("map_tiles_kernel<8, Forward<__half, true> >", "pool_squares<2, 4, float, unsigned char, Maximum>",
                     "pool_windows<2, double, unsigned long, Maximum>",
                     "pool_gather_blocks<3, 2, double, unsigned short, Sum>",
                     "sum_chunks_kernel<__half, 8, GatedValues<__half> >", f"map_kernel<4, Relu, {array}>"):
            self.assertEqual(self.missing(name), "loads of 16 bytes")
            self.assertEqual(self.missing(name, memory.partition("\n")[0]), "stores of 16 bytes")
            self.assertEqual(self.missing(name, memory), "")
        self.assertEqual(self.missing("sum_chunks_kernel<float, 4, Values<float> >"), "loads of 16 bytes")
        self.assertEqual(self.missing("sum_chunks_kernel<float, 4, Values<float> >", memory.partition("\n")[0]), "")
        self.assertEqual(self.missing("map_kernel<4, Constant<float>, Array<float, false, true> >"), "stores of 16 bytes")
        for name in ("pool_windows<1, float, unsigned char, Maximum>", f"map_kernel<1, Relu, {array}>",
                     "map_kernel<2, Cast, Array<__half const, true, false>, Array<float, false, true> >"):
            self.assertEqual(self.missing(name), "")

    def test_products(self):
        half = "multiply_tiles<__half, BlockShape<2, 2, 32, 32>, Runs<{}>, Operand>"
        product, copy = "mma.sync.aligned.m16n8k16 {%f1};\n", "cp.async.cg.shared.global [%r1], [%rd1], {};\n"
        self.assertEqual(self.missing(half.format("8, 8")), "products on tensor cores")
        self.assertEqual(self.missing(half.format("8, 8"), product), "copies of 16 bytes alone")
        self.assertEqual(self.missing(half.format("8, 8"), product + copy.format(16) + copy.format(4)),
                         "copies of 16 bytes alone")
        self.assertEqual(self.missing(half.format("8, 8"), product + copy.format(16)), "")
        self.assertEqual(self.missing(half.format("8, 2"), product), "")
        group = "multiply_tiles<__half, GroupShape<64>, Runs<8, 8>, Operand>"
        self.assertEqual(self.missing(group, product + copy.format(16)), "products by warpgroups")
        self.assertEqual(self.missing(group, "wgmma.mma_async.sync {%f1};\n" + copy.format(16)), "")
        copied = "multiply_copied_tiles<GroupShape<64>, CopiedOperand, CopiedOperand, Destination<__half>, 49152>"
        by_tensor = "cp.async.bulk.tensor.4d.shared::cluster.global.tile [%r1], [%rd1, {%r2}], [%r6];\n"
        alone = "copies by the tensor memory accelerator alone"
        self.assertEqual(self.missing(copied, by_tensor), "products by warpgroups")
        self.assertEqual(self.missing(copied, "wgmma.mma_async.sync {%f1};\n"), alone)
        self.assertEqual(self.missing(copied, "wgmma.mma_async.sync {%f1};\n" + by_tensor + copy.format(16)), alone)
        self.assertEqual(self.missing(copied, "wgmma.mma_async.sync {%f1};\n" + by_tensor), "")
        self.assertEqual(self.missing("multiply_tiles<float, BlockShape<2>, Runs<4, 4>, Operand>", copy.format(16)), "")

    def test_stems(self):
        product, copy = "mma.sync.aligned.m16n8k16 {%f1};\n", "cp.async.cg.shared.global [%r1], [%rd1], {};\n"
        forward = "stem_products<3, BlockShape<4, 1, 32, 64>, Patches<__half>, WholeDestination<__half> >"
        self.assertEqual(self.missing(forward), "products on tensor cores")
        self.assertEqual(self.missing(forward, product), "")
        self.assertEqual(self.missing("stem_weight_products<3, 8>", copy.format(16)), "products on tensor cores")
        self.assertEqual(self.missing("stem_weight_products<3, 8>", product), "copies of 16 bytes alone")
        self.assertEqual(self.missing("stem_weight_products<3, 8>", product + copy.format(4)), "copies of 16 bytes alone")
        self.assertEqual(self.missing("stem_weight_products<3, 8>", product + copy.format(16)), "")
        self.assertEqual(self.missing("stem_weight_products<1, 1>", product), "")
        self.assertEqual(self.missing("stem_forward<float, 3, StemPixels<float> >"), "")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
