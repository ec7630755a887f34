// SPDX-License-Identifier: MIT
// runtime.h, graph.h and scratch.h in a build without CUDA.
#include "graph.h"
#include "runtime.h"
#include "scratch.h"

#include <mpad/core/error.h>

namespace mpad::cuda {
namespace {

[[noreturn]] void fail() { throw Error("device: expected cpu (" + unavailable() + "), got cuda"); }

}  // namespace

std::string unavailable() { return "this build has no CUDA"; }
DeviceInfo device_info() { fail(); }
void* allocate(std::size_t) { fail(); }
void release(void*) noexcept {}
std::size_t free_memory() { fail(); }
void copy(void*, const void*, std::size_t) { fail(); }
void synchronize(const char*) { fail(); }

void* scratch_bytes(Cuda, Scratch, std::size_t) { fail(); }
void release_scratch() {}
void hold_scratch(Cuda) {}
void drop_scratch(Cuda) noexcept {}
std::string describe_memory(const KeptMemory&) { fail(); }
void set_reclaim(KeptMemory (*)()) {}

Stream::Stream() { fail(); }
Stream::~Stream() = default;
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
void Stream::wait_for(Cuda) const { fail(); }

Event::Event() { fail(); }
Event::~Event() = default;
Event::Event(Event&&) noexcept = default;
Event& Event::operator=(Event&&) noexcept = default;
void Event::record(Cuda) const { fail(); }
void Event::wait() const { fail(); }
double Event::milliseconds_since(const Event&) const { fail(); }

Graph::Graph(Cuda, const std::function<void()>&) { fail(); }
Graph::~Graph() = default;
void Graph::launch() const { fail(); }
NoRecording::NoRecording() = default;
bool is_recording() { return false; }

}  // namespace mpad::cuda
