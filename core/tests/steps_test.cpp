// Lanes: every step of every row is read once, in order, along the ticks in both directions, and in little more of them than the
// longest row has.
#include "steps.h"

#include <algorithm>
#include <cstdio>
#include <random>
#include <vector>

namespace recorrente {
namespace {

int failures = 0;

void expect(bool holds, const char* what, std::size_t trial) {
  if (!holds) ++failures, std::printf("trial %zu: %s\n", trial, what);
}

std::vector<std::int64_t> random_lengths(std::size_t trial, std::mt19937& random) {
  std::vector<std::int64_t> lengths(random() % 40);
  const std::int64_t longest = trial % 7 == 0 ? 1 : 60;
  for (std::int64_t& length : lengths) length = random() % 3 == 0 ? 0 : static_cast<std::int64_t>(random() % (longest + 1));
  if (trial % 5 == 0 && !lengths.empty()) lengths[random() % lengths.size()] = 500;  // one beside many short ones
  return lengths;
}

void check_lane(Lanes& lanes, std::int64_t j, const Problem& p, std::vector<std::int64_t>& read, std::size_t trial) {
  RowStep before{-1, -1, -1};
  for (std::int64_t tick = 0; tick < lanes.ticks() && lanes.active(tick) > j; ++tick) {
    const RowStep row = lanes.at(j, tick);
    expect(row.step == (row.batch == before.batch ? before.step + 1 : 0), "a step is left out", trial);
    expect(before.batch < 0 || row.batch == before.batch || before.step == p.lengths[before.batch] - 1, "a row is left early", trial);
    ++read[static_cast<std::size_t>(row.batch)];
    before = row;
  }
  if (before.batch >= 0) expect(before.step == p.lengths[before.batch] - 1, "the last row is left early", trial);
}

void check_batch(std::size_t trial, std::mt19937& random) {
  const std::vector<std::int64_t> lengths = random_lengths(trial, random);
  Problem p;
  p.B = static_cast<std::int64_t>(lengths.size()), p.T = 500, p.lengths = lengths.data();
  p.threads = 1 + static_cast<int>(random() % 4);
  Arena measure;
  Steps(p, measure);
  std::vector<char> memory(measure.bytes());
  Arena arena(memory.data());
  const Steps steps(p, arena);
  expect(arena.bytes() == measure.bytes(), "the arena was measured otherwise", trial);

  std::vector<std::int64_t> read(lengths.size(), 0), cursors(lengths.size() + 1);
  std::int64_t longest_lane = 0;
  for (int thread = 0; thread < p.threads; ++thread) {
    Lanes lanes(steps, share_of(steps.lanes(), false, thread, p.threads), cursors.data());
    longest_lane = std::max(longest_lane, lanes.ticks());
    for (std::int64_t j = 0; j < lanes.count(); ++j) check_lane(lanes, j, p, read, trial);
    for (std::int64_t tick = lanes.ticks() - 1; tick >= 0; --tick)  // back, two ticks at a time in turn, as a backward sweep asks
      for (std::int64_t j = 0; j < lanes.active(tick); ++j) {
        std::int64_t fresh = 0;
        if (j < lanes.active(tick + 1)) lanes.at(j, tick + 1);
        const RowStep found = lanes.at(j, tick), again = steps.at(lanes.number(j), tick, fresh);
        expect(found.batch == again.batch && found.step == again.step, "a cursor is lost on the way back", trial);
      }
  }
  for (std::size_t b = 0; b < lengths.size(); ++b) expect(read[b] == lengths[b], "a row is not read as often as it has steps", trial);
  expect(3 * longest_lane <= 4 * std::max<std::int64_t>(steps.count(), 1) + 3, "more ticks than four thirds of the longest row", trial);
}

}  // namespace
}  // namespace recorrente

int main() {
  std::mt19937 random(0);
  for (std::size_t trial = 0; trial < 2000; ++trial) recorrente::check_batch(trial, random);
  std::printf("%d failures\n", recorrente::failures);
  return recorrente::failures > 0;
}
