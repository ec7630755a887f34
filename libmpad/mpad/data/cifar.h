// SPDX-License-Identifier: MIT
// The binary version of CIFAR-10 and CIFAR-100 (Krizhevsky, "Learning multiple layers of features from tiny images",
// 2009): records of one label byte, or two, then 32x32 bytes of red, of green and of blue. Files may hold any number of
// records. Training images are augmented as usual, by random crops with padding 4 and mirror images, unless their
// `augment` is changed. Each function throws Error, naming the file, if one is missing, empty or of a size that is no
// multiple of a record's, or if a label is out of range.
#pragma once
#include <mpad/data/dataset.h>

#include <string>
#include <vector>

namespace mpad {

/// Which of CIFAR-100's two labels to learn: one of 100 classes, or one of the 20 groups they form.
enum class CifarLabels : unsigned char { fine, coarse };

/// The records of some files as one data set: 32x32x3, with the means and deviations of the training images (CIFAR-10:
/// those of the study).
Dataset read_cifar10(const std::vector<std::string>& paths);
Dataset read_cifar100(const std::vector<std::string>& paths, CifarLabels labels = CifarLabels::fine);

/// To train, those of data_batch_1.bin to data_batch_5.bin that exist, one or more; to test, test_batch.bin: from
/// `directory` or its subdirectory cifar10 or cifar-10-batches-bin.
Split load_cifar10(const std::string& directory);
/// Whether there is a file to train on.
bool has_cifar10(const std::string& directory);

/// train.bin and test.bin from `directory` or its subdirectory cifar100 or cifar-100-binary.
Split load_cifar100(const std::string& directory, CifarLabels labels = CifarLabels::fine);

}  // namespace mpad
