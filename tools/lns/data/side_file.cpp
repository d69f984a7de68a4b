//===- side_file.cpp - Masks and documents beside a shard -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/side_file.h"

#include "tools/lns/base/checksum.h"

#include <algorithm>
#include <array>
#include <bit>
#include <filesystem>
#include <fmt/format.h>

namespace lns::tool {

static_assert(std::endian::native == std::endian::little,
              "side files are little-endian and read as they are");

using Header = std::array<int32_t, 256>;
static constexpr size_t tokenSumWord = 6, fileSumWord = 8;

static std::string pathBeside(const std::string &shardPath,
                              const char *extension) {
  return std::filesystem::path(shardPath).replace_extension(extension).string();
}

std::string maskPath(const std::string &shardPath) {
  return pathBeside(shardPath, ".mask");
}
std::string documentsPath(const std::string &shardPath) {
  return pathBeside(shardPath, ".docs");
}

static uint64_t sumAt(const Header &header, size_t word) {
  return std::bit_cast<uint64_t>(std::array{header[word], header[word + 1]});
}

static void putSum(Header &header, size_t word, uint64_t sum) {
  auto words = std::bit_cast<std::array<int32_t, 2>>(sum);
  std::copy(words.begin(), words.end(), header.begin() + word);
}

/// Of header and body, with the sum's own words as zeros.
static uint64_t sumFile(Header header, std::span<const std::byte> body) {
  putSum(header, fileSumWord, 0);
  Checksum sum;
  sum.add(header.data(), sizeof header);
  sum.add(body.data(), body.size());
  return sum.value();
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
struct SideFile {
  Header header = {};
  std::vector<std::byte> body;
};
} // namespace

/// Reads a file and compares all that header and shard tell. `bodyBytes` gives
/// the size of the body by the header, which is not larger than the file when
/// memory is taken for it.
template <typename BodyBytes>
static Expected<SideFile>
readSideFile(const std::string &path, int32_t magic, int32_t version,
             const Shard &shard, uint64_t tokenSum, BodyBytes &&bodyBytes) {
  Expected<InputFile> file = InputFile::open(path);
  if (!file)
    return file.status();
  SideFile side;
  if (file->size() < sizeof side.header)
    return Status::failure(fmt::format(
        "{}: {} bytes are too few for its header of {}; the file is "
        "truncated: prepare the data again",
        path, file->size(), sizeof side.header));
  LNS_RETURN_IF_ERROR(
      file->read(0, std::as_writable_bytes(std::span(side.header))));
  if (side.header[0] != magic || side.header[1] != version)
    return Status::failure(fmt::format(
        "{}: starts with {}, {}, expected {}, {}; prepare the data again, or "
        "take the file away",
        path, side.header[0], side.header[1], magic, version));
  if (side.header[2] < 0 ||
      static_cast<uint64_t>(side.header[2]) != shard.size())
    return Status::failure(
        fmt::format("{}: is of a shard of {} tokens, {} has {}; prepare the "
                    "data again, or take the file away",
                    path, side.header[2], shard.path(), shard.size()));
  uint64_t expected = bodyBytes(side.header);
  uint64_t actual = file->size() - sizeof side.header;
  if (actual != expected)
    return Status::failure(fmt::format(
        "{}: holds {} bytes behind its header, which promises {}; the file is "
        "truncated or damaged: prepare the data again",
        path, actual, expected));
  side.body.resize(expected);
  LNS_RETURN_IF_ERROR(file->read(sizeof side.header, side.body));
  if (uint64_t sum = sumFile(side.header, side.body),
      stored = sumAt(side.header, fileSumWord);
      sum != stored)
    return Status::failure(fmt::format(
        "{}: the checksum is {}, the header says {}; the file is damaged: "
        "prepare the data again",
        path, checksumText(sum), checksumText(stored)));
  if (uint64_t stored = sumAt(side.header, tokenSumWord); stored != tokenSum)
    return Status::failure(fmt::format(
        "{}: is of tokens with the checksum {}, those of {} have {}; prepare "
        "the data again, or take the file away",
        path, checksumText(stored), shard.path(), checksumText(tokenSum)));
  return side;
}

Expected<MaskFile> MaskFile::open(const std::string &path, const Shard &shard,
                                  uint64_t tokenSum) {
  Expected<SideFile> side =
      readSideFile(path, magic, version, shard, tokenSum,
                   [&](const Header &) { return (shard.size() + 7) / 8; });
  if (!side)
    return side.status();
  if (unsigned used = shard.size() % 8;
      used != 0 && std::to_integer<unsigned>(side->body.back()) >> used != 0)
    return Status::failure(fmt::format(
        "{}: has bits behind that of its last token, {}; prepare the data "
        "again",
        path, shard.size() - 1));
  MaskFile mask;
  mask.bits = std::move(side->body);
  return mask;
}

Expected<DocumentFile> DocumentFile::open(const std::string &path,
                                          const Shard &shard,
                                          uint64_t tokenSum) {
  Expected<SideFile> side = readSideFile(
      path, magic, version, shard, tokenSum, [](const Header &header) {
        // A negative count becomes more than any file holds.
        return static_cast<uint64_t>(static_cast<uint32_t>(header[3])) *
               sizeof(uint64_t);
      });
  if (!side)
    return side.status();
  DocumentFile file;
  file.tokens = shard.size();
  file.starts.resize(side->body.size() / sizeof(uint64_t));
  std::span<std::byte> bytes = std::as_writable_bytes(std::span(file.starts));
  std::copy(side->body.begin(), side->body.end(), bytes.begin());
  uint64_t next = 0; // The first one begins with the first token.
  for (size_t i = 0; i < file.starts.size(); ++i) {
    uint64_t start = file.starts[i];
    if (i == 0 ? start != 0 : start < next)
      return Status::failure(fmt::format(
          "{}: document {} begins at token {}, expected {}; prepare the data "
          "again",
          path, i, start,
          i == 0 ? std::string("0") : fmt::format("{} or later", next)));
    if (start >= shard.size())
      return Status::failure(fmt::format(
          "{}: document {} begins at token {}, {} has {}; prepare the data "
          "again",
          path, i, start, shard.path(), shard.size()));
    next = start + 1;
  }
  if (file.starts.empty() && shard.size() > 0)
    return Status::failure(
        fmt::format("{}: has no documents, {} has {} tokens; prepare the data "
                    "again, or take the file away",
                    path, shard.path(), shard.size()));
  return file;
}

Expected<uint64_t> sumTokens(const Shard &shard) {
  Checksum sum;
  std::vector<uint32_t> part(1 << 15);
  std::vector<uint16_t> narrow(part.size());
  for (uint64_t at = 0; at < shard.size();) {
    std::span<uint32_t> some = std::span(part).first(
        std::min<uint64_t>(part.size(), shard.size() - at));
    LNS_RETURN_IF_ERROR(shard.read(at, some));
    if (shard.tokenType() == TokenType::U16) {
      std::transform(
          some.begin(), some.end(), narrow.begin(),
          [](uint32_t token) { return static_cast<uint16_t>(token); });
      sum.add(narrow.data(), some.size() * sizeof(uint16_t));
    } else {
      sum.add(some.data(), some.size_bytes());
    }
    at += some.size();
  }
  return sum.value();
}

Expected<SideFiles> openSideFiles(const Shard &shard) {
  SideFiles files;
  std::string mask = maskPath(shard.path());
  std::string documents = documentsPath(shard.path());
  bool hasMask = pathExists(mask), hasDocuments = pathExists(documents);
  if (!hasMask && !hasDocuments)
    return files;
  if (!hasDocuments)
    return Status::failure(fmt::format(
        "{}: has no {} beside it, without which nobody knows where documents "
        "begin; prepare the data again, or take the mask away",
        mask, std::filesystem::path(documents).filename().string()));
  Expected<uint64_t> sum = sumTokens(shard);
  if (!sum)
    return sum.status();
  Expected<DocumentFile> opened = DocumentFile::open(documents, shard, *sum);
  if (!opened)
    return opened.status();
  files.documents = std::move(*opened);
  if (!hasMask)
    return files;
  Expected<MaskFile> bits = MaskFile::open(mask, shard, *sum);
  if (!bits)
    return bits.status();
  files.mask = std::move(*bits);
  return files;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static Status writeSideFile(AtomicFile &file, Header header, uint64_t tokenSum,
                            std::span<const std::byte> body) {
  putSum(header, tokenSumWord, tokenSum);
  putSum(header, fileSumWord, sumFile(header, body));
  LNS_RETURN_IF_ERROR(file.write(header.data(), sizeof header));
  return file.write(body.data(), body.size());
}

Status writeMask(AtomicFile &file, uint64_t tokenSum,
                 const std::vector<bool> &targets) {
  std::vector<std::byte> bits((targets.size() + 7) / 8);
  for (size_t i = 0; i < targets.size(); ++i)
    if (targets[i])
      bits[i / 8] |= std::byte{1} << i % 8;
  return writeSideFile(file,
                       {MaskFile::magic, MaskFile::version,
                        static_cast<int32_t>(targets.size())},
                       tokenSum, bits);
}

Status writeDocuments(AtomicFile &file, uint64_t tokenSum, uint64_t tokens,
                      std::span<const uint64_t> starts) {
  return writeSideFile(file,
                       {DocumentFile::magic, DocumentFile::version,
                        static_cast<int32_t>(tokens),
                        static_cast<int32_t>(starts.size())},
                       tokenSum, std::as_bytes(starts));
}

} // namespace lns::tool
