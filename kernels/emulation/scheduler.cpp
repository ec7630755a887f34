// SPDX-License-Identifier: MIT
#include "scheduler.h"

#include "language.h"
#include "order.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace mpad::emulation {
namespace {

// Unwinds a thread of a kernel that failed, so that its objects are destroyed and its fiber can be used again.
struct Cancelled {};

thread_local Scheduler* active = nullptr;

}  // namespace

std::string Scheduler::go_on(const std::function<void()>& body) {
  active = this;
  body_ = &body;
  fiber_ = &host_;
  for (const unsigned thread : sequence_)
    if (threads_[thread].state == ThreadState::at_cluster_barrier) wake({&thread, 1});
  switch_to_next();
  return std::exchange(diagnosis_, {});
}

void Scheduler::abandon() {
  if (done_ == size_) return;
  active = this;
  fiber_ = &host_;
  cancel({});
  switch_to_next();
}

void Scheduler::prepare(dim3 shape) {
  started_ = done_ = 0;
  failed_ = false;
  const Order order = settings().order;
  const bool same = order == order_ && shape.x == shape_.x && shape.y == shape_.y && shape.z == shape_.z;
  if (!same) arrange(shape, order);
  for (unsigned i = 0; i < size_; ++i) threads_[i].state = ThreadState::unstarted;
}

void Scheduler::arrange(dim3 shape, Order order) {
  shape_ = shape;
  order_ = order;
  size_ = shape.x * shape.y * shape.z;
  threads_.resize(size_);
  sequence_.resize(size_);
  const Permutation permutation(order, size_);
  for (unsigned i = 0; i < size_; ++i) {
    threads_[i].index = {i % shape.x, i / shape.x % shape.y, i / (shape.x * shape.y)};
    sequence_[i] = static_cast<unsigned>(permutation(i));
  }
}

void Scheduler::fiber_main() {
  for (;;) {
    active->run_threads();
    active->park();
  }
}

void Scheduler::run_threads() {
  while (started_ < size_) run_thread(sequence_[started_++]);
}

void Scheduler::run_thread(unsigned thread) {
  current_ = thread;
  Thread& self = threads_[thread];
  self.state = ThreadState::running;
  threadIdx = self.index;
  try {
    (*body_)();
  } catch (const Cancelled&) {
  } catch (const std::exception& error) {
    cancel(std::string("the kernel threw: ") + error.what());
  }
  self.state = ThreadState::done;
  ++done_;
  if (!failed_) on_thread_done();
}

void Scheduler::park() {
  free_fibers_.push_back(fiber_);
  switch_to_next();
}

void Scheduler::wait(ThreadState state, const char* operation, Location where) {
  const unsigned self = current_;
  Thread& thread = threads_[self];
  thread.state = state;
  thread.operation = operation;
  thread.where = where;
  thread.fiber = fiber_;
  switch_to_next();
  current_ = self;
  thread.state = ThreadState::running;
  threadIdx = thread.index;
  if (failed_) throw Cancelled();
}

void Scheduler::wake(std::span<const unsigned> threads) {
  if (order_ == Order::reversed)
    ready_.insert(ready_.end(), threads.rbegin(), threads.rend());
  else
    ready_.insert(ready_.end(), threads.begin(), threads.end());
}

unsigned Scheduler::take_ready() {
  if (order_ == Order::reversed) {
    const unsigned last = ready_.back();
    ready_.pop_back();
    return last;
  }
  const unsigned next = ready_[ready_front_++];
  if (ready_front_ == ready_.size()) {
    ready_.clear();
    ready_front_ = 0;
  }
  return next;
}

void Scheduler::switch_to_next() {
  const bool stuck = ready_front_ == ready_.size() && started_ == size_ && done_ < size_;
  if (stuck && !all_wait_for_cluster()) cancel(describe_deadlock());
  if (ready_front_ < ready_.size()) {
    switch_to(*threads_[take_ready()].fiber);
  } else if (started_ < size_) {
    switch_to(take_fiber());
  } else {
    switch_to(host_);
  }
}

bool Scheduler::all_wait_for_cluster() const {
  return std::all_of(threads_.begin(), threads_.begin() + size_, [](const Thread& thread) {
    return thread.state == ThreadState::at_cluster_barrier || thread.state == ThreadState::done;
  });
}

void Scheduler::switch_to(Fiber& fiber) {
  Fiber* from = std::exchange(fiber_, &fiber);
  if (from != &fiber) Fiber::switch_to(*from, fiber);
}

Fiber& Scheduler::take_fiber() {
  if (free_fibers_.empty()) {
    fibers_.push_back(std::make_unique<Fiber>(&Scheduler::fiber_main));
    return *fibers_.back();
  }
  Fiber* fiber = free_fibers_.back();
  free_fibers_.pop_back();
  return *fiber;
}

void Scheduler::cancel(std::string diagnosis) {
  if (failed_) return;
  failed_ = true;
  diagnosis_ = std::move(diagnosis);
  done_ += size_ - started_;
  started_ = size_;
  ready_.clear();
  ready_front_ = 0;
  for (unsigned i = 0; i < size_; ++i) {
    const ThreadState state = threads_[i].state;
    if (state != ThreadState::unstarted && state != ThreadState::running && state != ThreadState::done) wake({&i, 1});
  }
}

void Scheduler::fail(std::string diagnosis) {
  cancel(std::move(diagnosis));
  throw Cancelled();
}

std::string Scheduler::describe_deadlock() const {
  std::string text = "deadlock:";
  const Thread* last = nullptr;
  int shown = 0;
  for (unsigned i = 0; i < size_ && shown < 4; ++i) {
    const Thread& thread = threads_[i];
    if (thread.state == ThreadState::done || (last && last->where == thread.where)) continue;
    text += " thread " + std::to_string(i) + " waits at " + thread.operation + " in " + to_string(thread.where) + ";";
    last = &thread;
    ++shown;
  }
  return text + " " + std::to_string(done_) + " of " + std::to_string(size_) + " threads returned";
}

}  // namespace mpad::emulation
