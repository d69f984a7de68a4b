//===- depth_test.cpp - Parts of lns diagnose -----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/diagnose/branches.h"
#include "tools/lns/diagnose/diagnosis.h"
#include "tools/lns/diagnose/model_graph.h"
#include "tools/lns/diagnose/paired_interval.h"
#include "tools/lns/diagnose/stream_stats.h"
#include "tools/lns/diagnose/svg.h"
#include "tools/lns/diagnose/usefulness.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace lns::tool;
using testing::ElementsAre;
using testing::HasSubstr;

//===----------------------------------------------------------------------===//
// The graph of an identity
//===----------------------------------------------------------------------===//

static std::string identityOf(const std::string &block) {
  return "lnsc model 1\nnorm: pre\ngraph:\n"
         "%0 = embedding(\"e\", tokens)\n"
         "%1 = layers(%0) blocks=0..1 {\n" +
         block +
         "}\n"
         "%2 = norm(%1, \"n\\22m\", -) depth_scale=none eps=1e-05 kind=rms "
         "scale=1\n"
         "%3 = linear(%2, \"head\", -, -) alpha=0.5\n"
         "output %3\n";
}

/// x + B(N(x)), with a bias behind.
static const char *const kPlain =
    "  %0 = norm(h0, \"g.{layer}\", -) depth_scale=none eps=1e-05 kind=rms "
    "scale=1\n"
    "  %1 = linear(%0, \"w.{layer}\", -, \"b.{layer}\") alpha=1\n"
    "  %2 = residual(h0, %1) branch_scale=1 skip_scale=1\n"
    "  yield %2\n";

TEST(ModelGraph, ReadsWhatLnscWrites) {
  Expected<ModelGraph> graph = readGraph(identityOf(kPlain), "p.plan");
  ASSERT_TRUE(graph) << graph.status().message();
  ASSERT_EQ(graph->runs.size(), 1u);
  EXPECT_EQ(graph->runs[0].first, 0u);
  EXPECT_EQ(graph->runs[0].last, 1u);
  EXPECT_EQ(graph->runs[0].input, "%0");
  EXPECT_EQ(graph->runs[0].output, "%2");
  EXPECT_EQ(graph->runs[0].ops.size(), 3u);
  EXPECT_EQ(graph->output, "%3");
  const GraphOp *norm = graph->find("%2");
  ASSERT_NE(norm, nullptr);
  EXPECT_EQ(norm->operands[1].name, "n\"m");
  EXPECT_EQ(norm->operands[2].kind, GraphOperand::Kind::None);
  EXPECT_EQ(norm->number("eps", 0), 1e-5);
  EXPECT_EQ(norm->number("kind", 7), 7);
  EXPECT_EQ(graph->find("%3")->number("alpha", 1), 0.5);
  EXPECT_EQ(fillLayer("a.{layer}.b.{layer}", 12), "a.12.b.12");
}

TEST(ModelGraph, RefusesOtherText) {
  EXPECT_THAT(readGraph("", "p.plan").status().message(),
              HasSubstr("p.plan: does not say what it computes"));
  const char *const lines[] = {
      "%0 = embedding(\"e\", tokens",         // no bracket
      "%0 = embedding(\"e\\2, tokens)",       // half of a byte
      "%0 = embedding(\"e, tokens)",          // no quote
      "%0 embedding(\"e\", tokens)",          // no "="
      "%0 = layers(%1) blocks=1..2 {",        // begins with another block
      "%0 = layers(%1) blocks=0.2 {",         // no range
      "%0 = layers(%1) blocks=0..99999999 {", // more than there can be
      "%0 = layers() blocks=0..1 {",          // of nothing
      "%0 = linear(%1, \"w\")x",              // something behind
  };
  for (const char *line : lines) {
    Expected<ModelGraph> graph =
        readGraph(std::string("\ngraph:\n") + line + "\n", "p.plan");
    ASSERT_FALSE(graph) << line;
    EXPECT_THAT(graph.status().message(),
                HasSubstr("which is no graph that this lns knows"));
  }
}

//===----------------------------------------------------------------------===//
// Ends of branches
//===----------------------------------------------------------------------===//

static std::vector<TensorDescription>
tensorsOf(const std::vector<std::string> &names) {
  std::vector<TensorDescription> tensors;
  for (const std::string &name : names)
    tensors.push_back({name, {2, 2}, 4});
  return tensors;
}

static const std::vector<std::string> kNames = {
    "e",   "g.0", "w.0", "b.0", "g.1", "w.1", "b.1", "n\"m", "head",
    "o.0", "o.1", "i.0", "i.1", "s.0", "s.1", "a.0", "a.1"};

static Expected<std::vector<BlockTensors>> findIn(const std::string &block) {
  Expected<ModelGraph> graph = readGraph(identityOf(block), "p.plan");
  if (!graph)
    return graph.status();
  return findBlockTensors(*graph, tensorsOf(kNames), "p.plan");
}

TEST(Branches, EndInALinearAndItsBias) {
  auto blocks = findIn(kPlain);
  ASSERT_TRUE(blocks) << blocks.status().message();
  ASSERT_EQ(blocks->size(), 2u);
  EXPECT_THAT((*blocks)[0].all, ElementsAre(1, 2, 3));
  EXPECT_THAT((*blocks)[0].ends, ElementsAre(2, 3));
  EXPECT_THAT((*blocks)[1].ends, ElementsAre(5, 6));
  EXPECT_EQ((*blocks)[0].refusal, "");
}

// Behind a sandwich's norm its bias, too; scales keep a zero.
TEST(Branches, EndBehindNorms) {
  auto blocks =
      findIn("  %0 = linear(h0, \"w.{layer}\", -, -) alpha=1\n"
             "  %1 = norm(%0, \"g.{layer}\", \"b.{layer}\") kind=layer\n"
             "  %2 = scale_by(%1, \"o.{layer}\")\n"
             "  %3 = residual(h0, %2) skip_scale=1\n"
             "  yield %3\n");
  ASSERT_TRUE(blocks) << blocks.status().message();
  EXPECT_THAT((*blocks)[0].ends, ElementsAre(2, 3));
}

TEST(Branches, AreRefusedWhereABlockIsNoIdentityWithoutThem) {
  const std::pair<const char *, const char *> cases[] = {
      {"  %0 = linear(h0, \"w.{layer}\", -, -) alpha=1\n"
       "  %1 = residual(h0, %0) skip_scale=1\n"
       "  %2 = norm(%1, \"g.{layer}\", -) kind=rms\n"
       "  yield %2\n",
       "(post-norm)"},
      {"  %0 = linear(h0, \"w.{layer}\", -, -) alpha=1\n"
       "  %1 = residual(h0, %0) skip_scale=2\n"
       "  yield %1\n",
       "a block multiplies the stream by 2"},
      {"  %0 = linear(h0, \"w.{layer}\", -, -) alpha=1\n"
       "  %1 = residual(h0, %0) skip_scale=1\n"
       "  %2 = scale_by(%1, \"o.{layer}\")\n"
       "  yield %2\n",
       "'scale_by' changes the stream"},
      {"  %0 = linear(h0, \"w.{layer}\", -, -) alpha=1\n"
       "  yield %0\n",
       "'linear' changes the stream"},
      {"  %0 = activation(h0) function=sigmoid\n"
       "  %1 = residual(h0, %0) skip_scale=1\n"
       "  yield %1\n",
       "a branch ends in 'activation'"},
      {"  %0 = residual(h0, \"w.{layer}\") skip_scale=1\n"
       "  yield %0\n",
       "a branch ends in no linear"},
      {"  %0 = offset(\"w.{layer}\") by=1\n"
       "  %1 = linear(h0, %0, -, -) alpha=1\n"
       "  %2 = residual(h0, %1) skip_scale=1\n"
       "  yield %2\n",
       "'linear' at the end of a branch has a computed operand"},
      {"  yield %0\n", "does not give back what it takes plus"},
  };
  for (auto [block, words] : cases) {
    auto blocks = findIn(block);
    ASSERT_TRUE(blocks) << blocks.status().message();
    EXPECT_THAT((*blocks)[0].refusal, HasSubstr(words));
    EXPECT_TRUE((*blocks)[0].ends.empty());
  }
}

TEST(Branches, NeedTheTensors) {
  auto blocks = findIn("  %0 = linear(h0, \"x.{layer}\", -, -) alpha=1\n"
                       "  yield %0\n");
  ASSERT_FALSE(blocks);
  EXPECT_EQ(blocks.status().message(),
            "p.plan: its identity names the parameter 'x.0', which the plan "
            "does not have; compile the model again");
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

TEST(StreamStats, Variances) {
  VarianceSum sum;
  const float rows[] = {1, 2, 3, 4, 4, 4};
  sum.add(rows, 2, 3);
  EXPECT_DOUBLE_EQ(sum.perToken(), 0.5); // 1 and 0
  EXPECT_DOUBLE_EQ(sum.pooled(), 62.0 / 6 - 9);
  // Numbers that are large and near one another.
  VarianceSum large;
  const float far[] = {16777216, 16777218, 16777216, 16777218};
  large.add(far, 2, 2);
  EXPECT_DOUBLE_EQ(large.perToken(), 2);
  EXPECT_DOUBLE_EQ(large.pooled(), 1);
}

TEST(StreamStats, Quantiles) {
  EXPECT_DOUBLE_EQ(quantile({3, 1, 2}, 0.5), 2);
  EXPECT_DOUBLE_EQ(quantile({0, 10}, 0.01), 0.1);
  EXPECT_DOUBLE_EQ(quantile({5}, 0.99), 5);
}

TEST(AffineFit, FindsAMap) {
  AffineFit fit(2);
  std::vector<float> x, y;
  for (int i = 0; i < 12; ++i) {
    float a = float(i % 5), b = float(i * i % 7);
    x.insert(x.end(), {a, b});
    y.insert(y.end(), {2 * a - b + 1, 3 * b - 4});
  }
  fit.add(x.data(), y.data(), 12);
  ASSERT_TRUE(fit.solve());
  const float probe[] = {10, -3};
  float got[2];
  fit.apply(probe, got);
  EXPECT_NEAR(got[0], 24, 1e-5);
  EXPECT_NEAR(got[1], -13, 1e-5);
}

// Rows on one line determine no map.
TEST(AffineFit, SaysWhereThereIsNone) {
  AffineFit fit(2);
  std::vector<float> x;
  for (int i = 0; i < 30; ++i)
    x.insert(x.end(), {float(i), float(2 * i)});
  fit.add(x.data(), x.data(), 30);
  EXPECT_FALSE(fit.solve());
}

TEST(PairedInterval, IsStudents) {
  EXPECT_NEAR(studentQuantile(2), 4.302653, 1e-6);
  // 21 degrees, from the expansion, and the limit.
  EXPECT_NEAR(studentQuantile(21), 2.079614, 1e-4);
  EXPECT_NEAR(studentQuantile(1000000), 1.959966, 1e-5);
  PairedInterval interval = findInterval({0.1, 0.2, 0.3});
  EXPECT_DOUBLE_EQ(interval.mean, 0.2);
  // With three seeds, 2.5 deviations.
  EXPECT_NEAR(interval.halfWidth, 2.484 * 0.1, 1e-4);
  EXPECT_FALSE(interval.isDistinguishable());
  EXPECT_TRUE(findInterval({0.19, 0.2, 0.21}).isDistinguishable());
  EXPECT_TRUE(findInterval({-0.19, -0.2, -0.21}).isDistinguishable());
  EXPECT_FALSE(findInterval({5}).isDistinguishable());
}

TEST(Measures, AreChosenByName) {
  Expected<DiagnosisOptions> some = parseMeasures("drop,lens");
  ASSERT_TRUE(some);
  EXPECT_THAT(some->measures, ElementsAre("drop", "lens"));
  EXPECT_FALSE(some->byDefault);
  Expected<DiagnosisOptions> all = parseMeasures("all");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->measures.size(), measureNames().size());
  EXPECT_TRUE(all->byDefault);
}

//===----------------------------------------------------------------------===//
// Pictures
//===----------------------------------------------------------------------===//

TEST(Svg, LeavesOutWhatHasNoPlace) {
  LineChart chart{"a<b", "l", "V", AxisKind::Log, {}};
  chart.lines.push_back(
      {"x & y", {{1, 1, 1, 1}, {2, NAN, NAN, NAN}, {3, 100, 50, 200}}});
  std::string svg = drawLines(chart);
  EXPECT_THAT(svg, HasSubstr("a&lt;b"));
  EXPECT_THAT(svg, HasSubstr("x &amp; y"));
  EXPECT_THAT(svg, testing::Not(HasSubstr("nan")));
  EXPECT_THAT(svg, testing::Not(HasSubstr("inf")));
  EXPECT_EQ(svg, drawLines(chart));
  // Nothing at all to draw.
  EXPECT_THAT(drawLines({"t", "x", "y", AxisKind::SymLog, {}}),
              testing::Not(HasSubstr("nan")));
}

TEST(Svg, ShortensNamesBetweenCharacters) {
  LineChart chart{"t", "x", "y", AxisKind::Linear, {}};
  chart.lines.push_back(
      {"twenty-two characters\u00e9\u00e9\u00e9\u00e9", {{1, 1, 1, 1}}});
  EXPECT_THAT(drawLines(chart),
              HasSubstr(">twenty-two characters\u00e9\u2026<"));
}

TEST(Svg, HeatMapsHaveOneScale) {
  HeatMap map{"m", "l", "n", {{0, 0.5}, {1, NAN}}, 1, 1};
  std::string svg = drawHeatMaps({map}, AxisKind::Linear, 0, 1, "scale");
  EXPECT_THAT(svg, HasSubstr("#440154")); // the least
  EXPECT_THAT(svg, HasSubstr("#21918c")); // the middle
  EXPECT_THAT(svg, HasSubstr("#fde725")); // the most
  EXPECT_THAT(svg, testing::Not(HasSubstr("nan")));
  // A zero has the colour of the least where it has no logarithm.
  EXPECT_THAT(drawHeatMaps({map}, AxisKind::Log, 1e-4, 1, "scale"),
              testing::Not(HasSubstr("nan")));
}
