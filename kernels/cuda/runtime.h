// SPDX-License-Identifier: MIT
// What host code asks of CUDA. It needs no CUDA header and exists in every build: where there is no CUDA, unavailable()
// says so and everything else throws Error (absent.cpp).
#pragma once
#include <mpad/core/device.h>

#include <cstddef>
#include <string>

namespace mpad::cuda {

/// Why no CUDA device can be used here, in a few words; empty if one can.
std::string unavailable();

/// The device in use.
struct DeviceInfo {
  std::string name{};
  int major = 0, minor = 0;  ///< compute capability
  int multiprocessors = 0;
  std::size_t memory = 0;    ///< bytes
  std::size_t l2_cache = 0;  ///< bytes
  int driver = 0;            ///< highest CUDA version that the driver serves: 1000 * major + 10 * minor
};
DeviceInfo device_info();

/// At least `bytes` bytes of device memory, aligned to 256; null if there are none left. Waits for nothing.
void* allocate(std::size_t bytes);
/// Gives memory back after all work on the device that was queued before.
void release(void* data) noexcept;
/// Bytes that the device has left: 0 where they are too few to ask it.
std::size_t free_memory();

/// Copies bytes between host and device or within one, in order of this thread's current stream. Host memory has to
/// stay as it is until that stream has been waited for.
void copy(void* to, const void* from, std::size_t bytes);

/// Waits for all work of this thread's current stream. Throws Error, naming `op`, if any of it failed.
void synchronize(const char* op);

/// A stream of its own, which waits for no other.
class Stream {
 public:
  Stream();
  ~Stream();
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&& other) noexcept;
  Cuda where() const { return {handle_}; }
  /// Work queued on this stream from now on waits for what is queued on `other` by now.
  void wait_for(Cuda other) const;

 private:
  void* handle_ = nullptr;
};

/// A point in time of a stream.
class Event {
 public:
  Event();
  ~Event();
  Event(Event&& other) noexcept;
  Event& operator=(Event&& other) noexcept;
  /// Marks the moment when all work queued on the stream by now is done.
  void record(Cuda where) const;
  /// Waits until the moment has come.
  void wait() const;
  /// Milliseconds from `start`'s moment to this one's; both have to have come.
  double milliseconds_since(const Event& start) const;
  void* handle() const { return handle_; }  ///< a cudaEvent_t

 private:
  void* handle_ = nullptr;
};

}  // namespace mpad::cuda
