//===- stored_tensor_test.cpp - Padded parameters in memory ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/plan/init.h"
#include "runtime/plan/stored_tensor.h"

#include <gtest/gtest.h>
#include <numeric>
#include <vector>

using namespace lns;

namespace {

/// A parameter and its storage, which starts as rubbish.
struct Stored {
  flatbuffers::FlatBufferBuilder builder;
  const plan::Parameter *parameter;
  std::vector<float> memory;
  StoredTensor tensor;

  Stored(std::vector<int64_t> shape, std::vector<int64_t> storage,
         plan::InitKind init = plan::InitKind::zeros) {
    plan::ParameterT table;
    table.name = "w";
    table.shape = shape;
    table.storage_shape = storage;
    table.init = init;
    table.init_value = 0.5;
    builder.Finish(plan::CreateParameter(builder, &table));
    parameter =
        flatbuffers::GetRoot<plan::Parameter>(builder.GetBufferPointer());
    size_t size = 1;
    for (int64_t extent : storage.empty() ? shape : storage)
      size *= size_t(extent);
    memory.assign(size, -7.0f);
    tensor = StoredTensor(*parameter, memory.data());
  }
};

} // namespace

static std::vector<float> count(size_t size) {
  std::vector<float> numbers(size);
  std::iota(numbers.begin(), numbers.end(), 1.0f);
  return numbers;
}

static std::vector<float> readAll(const StoredTensor &tensor) {
  std::vector<float> elements(tensor.size());
  tensor.read(0, elements.size(), elements.data());
  return elements;
}

TEST(StoredTensor, ColumnsArePadded) {
  Stored stored({2, 3}, {2, 4});
  ASSERT_EQ(stored.tensor.size(), 6u);
  stored.tensor.write(count(6).data());
  EXPECT_EQ(stored.memory, (std::vector<float>{1, 2, 3, 0, 4, 5, 6, 0}));
  EXPECT_EQ(readAll(stored.tensor), count(6));
}

TEST(StoredTensor, RowsArePadded) {
  Stored stored({2, 3}, {3, 3});
  stored.tensor.write(count(6).data());
  EXPECT_EQ(stored.memory, (std::vector<float>{1, 2, 3, 4, 5, 6, 0, 0, 0}));
  EXPECT_EQ(readAll(stored.tensor), count(6));
}

TEST(StoredTensor, EveryDimensionIsPadded) {
  Stored stored({2, 1, 2}, {3, 2, 3});
  stored.tensor.write(count(4).data());
  EXPECT_EQ(stored.memory, (std::vector<float>{1, 2, 0, 0, 0, 0, 3, 4, 0, 0, 0,
                                               0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(readAll(stored.tensor), count(4));
}

TEST(StoredTensor, NothingIsPadded) {
  for (std::vector<int64_t> storage :
       {std::vector<int64_t>(), std::vector<int64_t>{2, 3}}) {
    Stored stored({2, 3}, storage);
    stored.tensor.write(count(6).data());
    EXPECT_EQ(stored.memory, count(6));
    EXPECT_EQ(readAll(stored.tensor), count(6));
  }
}

TEST(StoredTensor, APartMayStartAnywhere) {
  Stored stored({3, 2, 2}, {3, 4, 3});
  std::vector<float> all = count(12);
  stored.tensor.write(all.data());
  for (size_t first = 0; first <= all.size(); ++first)
    for (size_t size = 0; first + size <= all.size(); ++size) {
      std::vector<float> part(size);
      stored.tensor.read(first, size, part.data());
      EXPECT_EQ(part, std::vector<float>(all.begin() + first,
                                         all.begin() + first + size));
    }
}

TEST(StoredTensor, InitialValuesAreThoseWithoutPadding) {
  ThreadPool pool;
  ASSERT_FALSE(pool.start(2));
  for (plan::InitKind init :
       {plan::InitKind::zeros, plan::InitKind::ones, plan::InitKind::normal,
        plan::InitKind::constant}) {
    Stored plain({5, 3}, {}, init), padded({5, 3}, {8, 4}, init);
    initializeParameter(*plain.parameter, 1, plain.tensor, pool);
    initializeParameter(*padded.parameter, 1, padded.tensor, pool);
    EXPECT_EQ(readAll(padded.tensor), readAll(plain.tensor));
    EXPECT_EQ(plain.memory[0] != 0, init != plan::InitKind::zeros);
    for (size_t i = 0; i < padded.memory.size(); ++i)
      if (i % 4 == 3 || i / 4 >= 5)
        EXPECT_EQ(padded.memory[i], 0.0f) << i;
  }
}
