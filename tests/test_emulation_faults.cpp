// SPDX-License-Identifier: MIT
// Kernels that are wrong on purpose are reported, with the line.
#include <cuda/sm90.h>
#include <emulation/address_sanitizer.h>
#include <emulation/settings.h>
#include <mpad/core/error.h>

#include <child_process.h>
#include <device_array.h>
#include <exercises.h>
#include <faults.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <string>

#include "catch.h"

using namespace mpad::test;
using mpad::emulation::settings;
using mpad::emulation::SettingsScope;

namespace {

// "faults.cu:42" for the line that ends in this comment.
std::string line_of(const std::string& comment) {
  std::ifstream source(MPAD_FAULTS_SOURCE);
  std::string line;
  for (int number = 1; std::getline(source, line); ++number)
    if (line.ends_with("  // " + comment)) return "faults.cu:" + std::to_string(number);
  FAIL("no line of faults.cu ends in " << comment);
  return {};
}

std::string diagnosis_of(const std::function<void()>& launch) {
  try {
    launch();
  } catch (const mpad::Error& error) {
    return error.what();
  }
  return "no diagnosis";
}

void check_holds(const std::string& text, const std::string& part) {
  INFO(text << " should hold " << part);
  CHECK(text.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("a fault is diagnosed with its line, and the next kernel runs") {
  struct Fault {
    void (*launch)(float*);
    const char* what;
    std::vector<const char*> lines;
  };
  const Fault faults[] = {
      {divergent_barrier, "divergent barrier", {"one barrier", "the other barrier"}},
      {deadlock, "deadlock", {"barrier of one lane", "shuffle of the others"}},
      {shuffle_after_return, "lane 3 of mask 0xffffffff has returned", {"shuffle with a lane that returned"}},
      {shuffle_in_partial_warp, "names lanes that the block does not have", {"shuffle with absent lanes"}},
      {shuffle_with_two_masks, "divergent warp operations", {"shuffle with two masks"}},
      {ballot_without_oneself, "is not in its own mask", {"ballot without oneself"}},
      {shuffle_from_outside_mask, "takes from lane 20, which is not in the mask", {"shuffle from outside the mask"}},
      {leave_cluster_too_early,
       "expected block 0 of the cluster to run, got one that has ended",
       {"read of the cluster"}},
      {read_beyond_cluster, "expected one of 2 blocks, got 2", {"beyond the cluster"}},
      {read_static_of_cluster, "expected a place in dynamic shared memory", {"static memory of the cluster"}},
      {wait_for_cluster_and_block, "deadlock", {"some for the cluster", "others for the block"}},
      {too_much_static_shared, "expected at most 49152 bytes of static arrays, got 49156", {"one array too many"}},
      {static_beside_dynamic_shared, "expected at most 0 bytes of static arrays, got 8", {"beside dynamic memory"}},
      {misaligned_copy, "misaligned shared address", {"misaligned copy"}},
      {misaligned_ldmatrix, "expected rows aligned to 16 bytes", {"misaligned rows"}},
      {ldmatrix_of_global_memory, "expected rows in shared memory", {"rows of global memory"}},
      {misaligned_tensor_copy, "misaligned shared address", {"misaligned box"}},
      {tensor_copy_to_global_memory, "expected a destination in shared memory", {"box outside"}},
      {tensor_copy_without_barrier, "expected a barrier that was initialised", {"box without a barrier"}},
      {leave_tensor_copy, "expected a wait for every copy of a tensor's elements", {}},
      {wait_for_no_tensor_copy, "deadlock", {"wait for nothing"}},
  };
  const SettingsScope scope;
  settings().order = mpad::emulation::Order::forward;
  for (const Fault& fault : faults) {
    const DeviceArray<float> y(std::vector<float>(1024, 0.0F));
    const std::string diagnosis = diagnosis_of([&] { fault.launch(y.data()); });
    check_holds(diagnosis, "fault: expected success from CUDA, got cudaErrorLaunchFailure (");
    check_holds(diagnosis, fault.what);
    check_holds(diagnosis, "(block 0,0,");
    for (const char* line : fault.lines) check_holds(diagnosis, line_of(line));
    CHECK(cudaGetLastError() == cudaErrorLaunchFailure);
    race_without_barrier(y.data());  // in forward order it does what it should
    CHECK(y.values()[127] == 126);
  }
}

TEST_CASE("faults are diagnosed in every order of threads") {
  const SettingsScope scope;
  settings().order = static_cast<mpad::emulation::Order>(GENERATE(0, 1, 2));
  const DeviceArray<float> y(1024);
  check_holds(diagnosis_of([&] { divergent_barrier(y.data()); }), "divergent barrier");
  check_holds(diagnosis_of([&] { deadlock(y.data()); }), "deadlock");
  check_holds(diagnosis_of([&] { shuffle_with_two_masks(y.data()); }), "divergent warp operation");
}

TEST_CASE("a wait for the cluster that is missing behind a write leaves NaN") {
  const SettingsScope scope;
  settings().order = static_cast<mpad::emulation::Order>(GENERATE(0, 1, 2));
  const DeviceArray<float> y(2);
  read_cluster_too_early(y.data());
  const std::vector<float> got = y.values();
  CHECK((std::isnan(got[0]) || std::isnan(got[1])));
}

TEST_CASE("a kernel that overlaps those before it has to wait for them") {
  const bool before = mpad::cuda::ask_for(mpad::cuda::Sm90::overlap, true);
  const DeviceArray<float> x(std::vector<float>(64, 1.0F)), y(64);
  check_holds(diagnosis_of([&] { follow_by_halves(y.data()); }),
              "expected every thread to call follow_kernels_before, got 32 of 64 (block 0,0,0)");
  CHECK_NOTHROW(sum_over_cluster(x.data(), y.data(), 1, 1));
  mpad::cuda::ask_for(mpad::cuda::Sm90::overlap, false);
  CHECK_NOTHROW(follow_by_halves(y.data()));
  mpad::cuda::ask_for(mpad::cuda::Sm90::overlap, before);
}

TEST_CASE("a launch that no device takes is refused") {
  check_holds(diagnosis_of([] { launch_with(1025, 1, 0); }),
              "expected blocks of 1 to 1024 threads, at most 64 along z");
  check_holds(diagnosis_of([] { launch_with(0, 1, 0); }), "expected blocks of 1 to 1024 threads");
  check_holds(diagnosis_of([] { launch_with(1, 65536, 0); }), "got 1x1x65536");
  check_holds(diagnosis_of([] { launch_with(1, 1, 49153); }), "expected at most 49152 bytes of dynamic shared memory");
  CHECK_NOTHROW(launch_with(1024, 65535, 49152));
  CHECK_NOTHROW(launch_with(1, 0, 0));
  check_holds(diagnosis_of([] { launch_with(1, 12, 0, 8); }),
              "expected clusters of 1 to 8 blocks that divide the grid's 12 along z, got 8");
  check_holds(diagnosis_of([] { launch_with(1, 16, 0, 16); }), "got 16");
  CHECK_NOTHROW(launch_with(1, 16, 0, 8));
}

TEST_CASE("AddressSanitizer sees what is out of bounds") {
#ifdef MPAD_ADDRESS_SANITIZER
  const DeviceArray<float> y(1024), small(10);
  const auto check_report = [&](const char* kind, const std::function<void()>& deed) {
    const ChildResult child = run_in_child(deed);
    CHECK_FALSE(child.survived);
    check_holds(child.report, std::string("AddressSanitizer: ") + kind);
    check_holds(child.report, "faults.cu:");
  };
  check_report("use-after-poison", [&] { overflow_static_shared(y.data()); });
  check_report("use-after-poison", [&] { underflow_static_shared(y.data()); });
  check_report("use-after-poison", [&] { overflow_dynamic_shared(y.data()); });
  check_report("use-after-poison", [&] { write_global(small.data(), 10); });
  // Which sanitizer comes first depends on what the optimiser knows of the array.
  const ChildResult local = run_in_child([&] { overflow_local(y.data(), 8); });
  CHECK_FALSE(local.survived);
  check_holds(local.report, "faults.cu:");
  CHECK(run_in_child([&] { write_global(small.data(), 9); }).survived);
#else
  WARN("skipped: this build has no AddressSanitizer");
#endif
}

TEST_CASE("an access before an allocation, or behind one of whole pages, ends the process") {
  const DeviceArray<float> y(1024);
  CHECK_FALSE(run_in_child([&] { write_global(y.data(), -1); }).survived);
  CHECK_FALSE(run_in_child([&] { write_global(y.data(), 1024); }).survived);
  CHECK(run_in_child([&] { write_global(y.data(), 1023); }).survived);
}

TEST_CASE("a copy is not there before the wait for it") {
  const DeviceArray<float> x(std::vector<float>{5, 6, 7, 8}), y(2);
  read_before_copy(x.data(), y.data());
  CHECK(std::isnan(y.values()[0]));
  CHECK(y.values()[1] == 5);
}

TEST_CASE("a warp that runs ahead overwrites what others still have to read, in reversed order") {
  const SettingsScope scope;
  const DeviceArray<float> y(1024);
  for (const auto order : {mpad::emulation::Order::forward, mpad::emulation::Order::reversed}) {
    settings().order = order;
    overtake_readers(y.data());
    CHECK((y.values()[0] == 256e3f) == (order == mpad::emulation::Order::forward));
    CHECK(y.values()[1] == 512e3f);
  }
}
