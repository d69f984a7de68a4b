//===- arg_parser_test.cpp - Command lines --------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/arg_parser.h"

#include "test_files.h"

using namespace lns::tool;

namespace {
class Parser : public ::testing::Test {
protected:
  Status parse(std::vector<std::string> arguments) {
    parser = ArgParser("lns test", "Tests.");
    parser.positional("PLAN", &plan, "the plan");
    parser.option("--out", "DIR", &out, "a folder");
    parser.required();
    parser.option("--steps", "N", &steps, "steps", 1000);
    parser.option("--lr", "RATE", &lr, "rate", 0.0, 1.0);
    parser.choice("--schedule", &schedule, {"cosine", "linear"}, "shape");
    parser.list("--text", "FILE", &texts, "files");
    parser.flag("--json", &json, "print JSON");
    return parser.parse(arguments);
  }
  ArgParser parser{"", ""};
  std::string plan, out, schedule = "cosine";
  uint64_t steps = 5;
  double lr = 0.5;
  std::vector<std::string> texts;
  bool json = false;
};
} // namespace

TEST_F(Parser, ReadsEverything) {
  Status status = parse({"--steps", "7", "p.plan", "--lr=1e-3", "--text", "a",
                         "b", "--json", "--out", "-", "--schedule", "linear"});
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(plan, "p.plan");
  EXPECT_EQ(steps, 7u);
  EXPECT_EQ(lr, 1e-3);
  EXPECT_EQ(texts, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(json);
  EXPECT_EQ(out, "-");
  EXPECT_EQ(schedule, "linear");
  EXPECT_TRUE(parser.given("--steps"));
}

TEST_F(Parser, KeepsDefaults) {
  ASSERT_TRUE(parse({"p", "--out", "o"}).ok());
  EXPECT_EQ(steps, 5u);
  EXPECT_FALSE(parser.given("--steps"));
}

TEST_F(Parser, Mistakes) {
  EXPECT_TRUE(failsWith(parse({"p", "--out", "o", "--step", "3"}),
                        "unknown option '--step'; did you mean '--steps'?"));
  EXPECT_TRUE(failsWith(parse({"p", "--out", "o", "--qqqqqqq"}),
                        "unknown option '--qqqqqqq'; see 'lns test --help'"));
  EXPECT_TRUE(failsWith(parse({"p", "--out"}), "--out: needs a value (DIR)"));
  EXPECT_TRUE(failsWith(parse({"p"}), "--out is missing"));
  EXPECT_TRUE(failsWith(parse({"--out", "o"}), "PLAN is missing"));
  EXPECT_TRUE(
      failsWith(parse({"p", "q", "--out", "o"}), "unexpected argument 'q'"));
  EXPECT_TRUE(failsWith(parse({"p", "--out", "a", "--out", "b"}),
                        "--out: given twice"));
  EXPECT_TRUE(failsWith(parse({"p", "--out", "o", "--json=1"}),
                        "--json: takes no value"));
  EXPECT_EQ(parse({"p"}).getKind(), Status::Kind::Usage);
}

TEST_F(Parser, BadValues) {
  for (const char *bad :
       {"", "-1", "1001", "7x", "1.5", "0x10", "99999999999999999999"})
    EXPECT_TRUE(failsWith(parse({"p", "--out", "o", "--steps", bad}),
                          "is not a whole number from 0 to 1000"))
        << bad;
  for (const char *bad : {"", "nan", "inf", "1.1", "-0.1", "1e-3x"})
    EXPECT_TRUE(failsWith(parse({"p", "--out", "o", "--lr", bad}),
                          "is not a number from 0 to 1"))
        << bad;
  EXPECT_TRUE(failsWith(parse({"p", "--out", "o", "--schedule", "cosin"}),
                        "'cosin' is not one of cosine, linear"));
}

TEST_F(Parser, HelpNamesOptionsAndDefaults) {
  ASSERT_TRUE(parse({"--nonsense", "--help"}).ok());
  ASSERT_TRUE(parser.helpRequested());
  std::string help = parser.help();
  EXPECT_NE(help.find("usage: lns test PLAN --out DIR [options]"),
            std::string::npos);
  EXPECT_NE(help.find("steps (default: 5)"), std::string::npos);
  EXPECT_NE(help.find("--text FILE..."), std::string::npos);
}

TEST(NearestName, FindsTyposOnly) {
  std::vector<std::string> names = {"train", "eval", "sample"};
  EXPECT_EQ(nearestName("tarin", names), "train");
  EXPECT_EQ(nearestName("sampel", names), "sample");
  EXPECT_EQ(nearestName("xyzzyx", names), "");
}
