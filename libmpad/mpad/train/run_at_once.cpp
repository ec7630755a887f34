// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/memory.h>
#include <mpad/train/run_at_once.h>

#include <cuda/runtime.h>

#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace mpad {
namespace {

struct Stopped {};

// A stream for this thread's CUDA work. Nothing is queued on it any more when it goes, and its memory goes with it.
class OwnStream {
 public:
  explicit OwnStream(Cuda behind) : scope_(stream_.where()) { stream_.wait_for(behind); }
  ~OwnStream() {
    try {
      cuda::synchronize("stream");
    } catch (const Error&) {
      // Of work whose result nobody has waited for: another error is on its way.
    }
    release_memory_of(stream_.where());
  }
  OwnStream(const OwnStream&) = delete;
  OwnStream& operator=(const OwnStream&) = delete;

 private:
  cuda::Stream stream_{};
  CudaScope scope_;
};

// The first exception of several threads.
class FirstError {
 public:
  void keep(std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::mutex mutex_{};
  std::exception_ptr error_{};
};

}  // namespace

void Stop::check() const {
  if (requested_) throw Stopped();
}

void run_at_once(std::int64_t threads, Device device, const std::function<void(const Stop&)>& work) {
  Stop stop;
  if (threads <= 1) return work(stop);
  FirstError error;
  const auto end_all = [&](std::exception_ptr cause) {
    error.keep(std::move(cause));
    stop.request();
  };
  const Cuda callers = current_cuda();
  const auto run = [&] {
    try {
      std::optional<OwnStream> stream;
      if (device == Device::cuda) stream.emplace(callers);
      work(stop);
    } catch (const Stopped&) {
    } catch (...) {
      end_all(std::current_exception());
    }
  };
  std::vector<std::thread> at_work;
  try {
    for (std::int64_t i = 0; i < threads; ++i) at_work.emplace_back(run);
  } catch (const std::exception& none_left) {
    end_all(std::make_exception_ptr(
        Error(fmt::format("cannot start {} runs at once (--parallel): {}", threads, none_left.what()))));
  }
  for (std::thread& thread : at_work) thread.join();
  try {
    error.rethrow();
  } catch (const OutOfMemory& none_left) {
    throw OutOfMemory(fmt::format("{} (with {} runs at work at once: --parallel)", none_left.what(), threads));
  }
}

}  // namespace mpad
