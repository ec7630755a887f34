// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/data/mat_stream.h>

#include <zlib.h>

#include <algorithm>

namespace mpad {

void MatStream::End::operator()(z_stream_s* stream) const {
  inflateEnd(stream);
  delete stream;
}

MatStream::MatStream(std::istream& file, const std::string& path, std::uint64_t size, bool compressed)
    : file_(file), path_(path), left_(size), most_(compressed ? 1032 * size : size) {
  if (!compressed) return;
  packed_.resize(1 << 16);
  auto stream = std::make_unique<z_stream_s>();
  require(inflateInit(stream.get()) == Z_OK, "mat: {}: expected memory to unpack an element, got none", path_);
  unpacker_.reset(stream.release());
}

void MatStream::read(void* to, std::size_t count) {
  std::size_t got = 0;
  if (unpacker_) {
    got = unpack(static_cast<std::uint8_t*>(to), count);
  } else {
    file_.read(static_cast<char*>(to), static_cast<std::streamsize>(std::min<std::uint64_t>(count, left_)));
    got = static_cast<std::size_t>(file_.gcount());
    left_ -= got;
  }
  require(got == count, "mat: {}: expected {} more bytes in an element, got {}", path_, count, got);
}

void MatStream::finish() {
  std::uint8_t extra;
  const bool more = unpacker_ ? unpack(&extra, 1) > 0 : left_ > 0;
  require(!more && (!unpacker_ || ended_), "mat: {}: expected the end of an element, got more", path_);
}

void MatStream::refill() {
  const std::uint64_t size = std::min<std::uint64_t>(packed_.size(), left_);
  file_.read(reinterpret_cast<char*>(packed_.data()), static_cast<std::streamsize>(size));
  left_ -= size;
  unpacker_->next_in = packed_.data();
  unpacker_->avail_in = static_cast<uInt>(file_.gcount());
}

std::size_t MatStream::unpack(std::uint8_t* to, std::size_t count) {
  std::size_t done = 0;
  while (done < count && !ended_) {
    constexpr std::size_t most = 1 << 30;  // what fits zlib's counters
    if (unpacker_->avail_in == 0 && left_ > 0) refill();
    const auto part = static_cast<uInt>(std::min(most, count - done));
    unpacker_->next_out = to + done;
    unpacker_->avail_out = part;
    const int code = inflate(unpacker_.get(), Z_NO_FLUSH);
    require(code != Z_BUF_ERROR, "mat: {}: expected an intact compressed element, got a part of one", path_);
    require(code == Z_OK || code == Z_STREAM_END, "mat: {}: expected an intact compressed element, got: {}", path_,
            unpacker_->msg != nullptr ? unpacker_->msg : zError(code));
    done += part - unpacker_->avail_out;
    ended_ = code == Z_STREAM_END;
  }
  return done;
}

}  // namespace mpad
