//===- Collectives.cpp - What a warp computes together ------------ C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/emulation/Collectives.h"

#include <bit>
#include <cstdint>
#include <cstring>

using namespace lns::emulation;

namespace {

float bf16ToFloat(unsigned bits) { return std::bit_cast<float>(bits << 16); }
float lowerHalf(unsigned pair) { return bf16ToFloat(pair & 0xffff); }
float upperHalf(unsigned pair) { return bf16ToFloat(pair >> 16); }

void shuffle(const WarpOperands &lanes) {
  unsigned char values[kWarpSize][8];
  for (unsigned i = 0; i < kWarpSize; ++i)
    std::memcpy(values[i], lanes[i]->value, lanes[i]->bytes);
  for (unsigned i = 0; i < kWarpSize; ++i) {
    // A source outside of the warp leaves the lane its own value.
    int source = lanes[i]->source;
    bool inWarp = source >= 0 && source < static_cast<int>(kWarpSize);
    std::memcpy(lanes[i]->value, values[inWarp ? source : i], lanes[i]->bytes);
  }
}

void ballot(const WarpOperands &lanes) {
  unsigned bits = 0;
  for (unsigned i = 0; i < kWarpSize; ++i)
    bits |= static_cast<unsigned>(lanes[i]->predicate) << i;
  for (Operands *lane : lanes)
    lane->ballot = bits;
}

void loadMatrix(const WarpOperands &lanes, bool isTransposed) {
  uint16_t rows[kWarpSize][8];
  for (unsigned i = 0; i < kWarpSize; ++i)
    std::memcpy(rows[i], lanes[i]->row, sizeof(rows[i]));
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    unsigned outer = lane / 4, inner = lane % 4 * 2;
    for (unsigned matrix = 0; matrix < 4; ++matrix) {
      const auto *from = rows + matrix * 8;
      unsigned low = isTransposed ? from[inner][outer] : from[outer][inner];
      unsigned high =
          isTransposed ? from[inner + 1][outer] : from[outer][inner + 1];
      lanes[lane]->r[matrix] = low | high << 16;
    }
  }
}

/// The product of two bf16 is exact in float; the sixteen of an element are
/// added to it in the order of k, each sum rounded to nearest. Tensor cores
/// keep another number of bits within an instruction, and NVIDIA does not say
/// which: results differ in the last bits of a float.
void multiplyMatrices(const WarpOperands &lanes) {
  float a[16][16], b[16][8], d[16][8];
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    const Operands &from = *lanes[lane];
    unsigned group = lane / 4, pair = lane % 4 * 2;
    for (unsigned i = 0; i < 4; ++i) {
      unsigned row = group + i % 2 * 8, column = pair + i / 2 * 8;
      a[row][column] = lowerHalf(from.a[i]);
      a[row][column + 1] = upperHalf(from.a[i]);
    }
    for (unsigned i = 0; i < 2; ++i) {
      b[pair + i * 8][group] = lowerHalf(from.b[i]);
      b[pair + i * 8 + 1][group] = upperHalf(from.b[i]);
    }
    for (unsigned i = 0; i < 4; ++i)
      d[group + i / 2 * 8][pair + i % 2] = from.d[i];
  }
  for (unsigned i = 0; i < 16; ++i)
    for (unsigned k = 0; k < 16; ++k)
      for (unsigned j = 0; j < 8; ++j)
        d[i][j] += a[i][k] * b[k][j];
  for (unsigned lane = 0; lane < kWarpSize; ++lane)
    for (unsigned i = 0; i < 4; ++i)
      lanes[lane]->d[i] = d[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
}

} // namespace

void lns::emulation::performMeeting(LnsEmuMeeting kind,
                                    const WarpOperands &lanes) {
  switch (kind) {
  case LnsEmuSyncWarp:
    return;
  case LnsEmuBallot:
    return ballot(lanes);
  case LnsEmuShuffleXor:
  case LnsEmuShuffleFrom:
  case LnsEmuShuffleDown:
    return shuffle(lanes);
  case LnsEmuLoadMatrix:
    return loadMatrix(lanes, /*isTransposed=*/false);
  case LnsEmuLoadMatrixTrans:
    return loadMatrix(lanes, /*isTransposed=*/true);
  case LnsEmuMma:
    return multiplyMatrices(lanes);
  }
}

const char *lns::emulation::nameOf(LnsEmuMeeting kind) {
  switch (kind) {
  case LnsEmuSyncWarp:
    return "syncWarp";
  case LnsEmuBallot:
    return "ballot";
  case LnsEmuShuffleXor:
    return "shuffleXor";
  case LnsEmuShuffleFrom:
    return "shuffleFrom";
  case LnsEmuShuffleDown:
    return "shuffleDown";
  case LnsEmuLoadMatrix:
    return "loadMatrix4";
  case LnsEmuLoadMatrixTrans:
    return "loadMatrix4Trans";
  case LnsEmuMma:
    return "mmaBf16";
  }
  return "?";
}
