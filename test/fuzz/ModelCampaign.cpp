//===- ModelCampaign.cpp - Random models through the oracle ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/Campaigns.h"
#include "test/fuzz/Random.h"
#include "test/fuzz/Shrink.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <deque>
#include <map>

using namespace lns::fuzz;

namespace {

/// A folder that lives as long as this.
class TemporaryFolder {
public:
  TemporaryFolder() {
    if (llvm::sys::fs::createUniqueDirectory("lns-fuzz", path))
      llvm::errs() << "lns-fuzz: error: cannot make a temporary folder\n";
  }
  ~TemporaryFolder() { llvm::sys::fs::remove_directories(path); }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  std::string str() const { return std::string(path); }

private:
  llvm::SmallString<128> path;
};

Verdict judgeAlone(const Case &test, const Campaign &campaign) {
  TemporaryFolder folder;
  Setup setup = campaign.setup;
  setup.folder = folder.str();
  return judge(test, setup);
}

/// Prints a failure in as few lines as it can be shrunk to.
void report(const Case &test, const Verdict &verdict, const std::string &name,
            const Campaign &campaign) {
  llvm::outs() << "FAIL " << name << ": " << verdict.kind << "\n";
  llvm::outs().flush();
  auto fails = [&](const Case &candidate) {
    return judgeAlone(candidate, campaign).kind == verdict.kind;
  };
  Case smallest = test;
  if (campaign.trials > 0)
    smallest = shrink(test, fails, unsigned(campaign.trials));
  Verdict last = judgeAlone(smallest, campaign);
  llvm::outs() << llvm::StringRef(last.detail).trim().take_front(1000) << "\n"
               << "save what follows as case.mlir and run 'lns-fuzz run "
                  "case.mlir'\n"
               << printCase(smallest) << "\n";
  llvm::outs().flush();
}

Case makeCase(const Campaign &campaign, uint64_t seed) {
  Case test = generateCase(seed);
  test.cuda = Random(~seed).percent(int64_t(campaign.cudaPercent));
  return test;
}

/// One of the cases at work.
struct Job {
  uint64_t seed;
  Case test;
  TemporaryFolder folder;
  Setup setup;
  std::unique_ptr<Child> child;
};

} // namespace

int lns::fuzz::fuzzModels(const Campaign &campaign) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = Clock::now();
  auto elapsed = [&] {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  std::map<std::string, std::vector<uint64_t>> failures;
  Verdict total;
  uint64_t models = 0, cudaModels = 0, refused = 0, next = 0;
  std::deque<std::unique_ptr<Job>> jobs;
  while (true) {
    bool mayStart = next < campaign.count &&
                    (!campaign.seconds || elapsed() < double(campaign.seconds));
    if (mayStart && jobs.size() < campaign.jobs) {
      auto job = std::make_unique<Job>();
      job->seed = campaign.seed + next++;
      job->test = makeCase(campaign, job->seed);
      job->setup = campaign.setup;
      job->setup.folder = job->folder.str();
      job->child = beginToJudge(job->test, job->setup);
      jobs.push_back(std::move(job));
      continue;
    }
    if (jobs.empty())
      break;
    std::unique_ptr<Job> job = std::move(jobs.front());
    jobs.pop_front();
    if (!job->child->poll(jobs.empty() ? 1000 : 5)) {
      jobs.push_back(std::move(job));
      continue;
    }
    Verdict verdict = readVerdict(job->child->outcome);
    ++models;
    cudaModels += job->test.cuda;
    total.compared += verdict.compared;
    for (unsigned isBf16 : {0, 1})
      total.vague[isBf16] += verdict.vague[isBf16];
    total.once += verdict.once;
    total.plans += verdict.plans;
    refused += verdict.refused;
    if (verdict.kind.empty())
      continue;
    std::vector<uint64_t> &seeds = failures[verdict.kind];
    seeds.push_back(job->seed);
    // The others of its kind are named at the end.
    if (seeds.size() == 1)
      report(job->test, verdict, "seed " + std::to_string(job->seed), campaign);
  }
  llvm::outs() << models << " models, seeds " << campaign.seed << " to "
               << campaign.seed + next - 1 << ", " << cudaModels
               << " of them for CUDA, too; " << total.plans << " plans, "
               << refused
               << " models with a budget that cannot be met or that "
                  "CUDA has no kernels for; "
               << total.compared << " tensors compared, " << total.vague[0]
               << " of them vague in f32 and " << total.vague[1] << " in bf16; "
               << total.once << " differences that did not come again\n";
  for (const auto &[kind, seeds] : failures) {
    llvm::outs() << seeds.size() << " FAILED: " << kind << ": seeds";
    for (uint64_t seed : seeds)
      llvm::outs() << ' ' << seed;
    llvm::outs() << '\n';
  }
  if (failures.empty())
    llvm::outs() << "0 failures\n";
  return !failures.empty();
}

int lns::fuzz::printModels(const Campaign &campaign) {
  for (uint64_t i = 0; i < campaign.count; ++i)
    llvm::outs() << printCase(makeCase(campaign, campaign.seed + i));
  return 0;
}

int lns::fuzz::runCase(const Campaign &campaign, const std::string &file) {
  auto buffer = llvm::MemoryBuffer::getFile(file);
  if (!buffer) {
    llvm::errs() << "lns-fuzz: error: " << file << ": "
                 << buffer.getError().message() << "\n";
    return 2;
  }
  Case test;
  std::string error;
  if (!parseCase((*buffer)->getBuffer(), test, error)) {
    llvm::errs() << "lns-fuzz: error: " << file << ": " << error << "\n";
    return 2;
  }
  Verdict verdict = judgeAlone(test, campaign);
  if (!verdict.kind.empty()) {
    report(test, verdict, file, campaign);
    return 1;
  }
  llvm::outs() << "ok: " << verdict.plans << " plans, " << verdict.compared
               << " tensors compared, " << verdict.vague[0]
               << " of them vague in f32 and " << verdict.vague[1]
               << " in bf16, " << verdict.once
               << " differences that did not come again\n"
               << verdict.detail;
  return 0;
}
