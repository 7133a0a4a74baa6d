// Parts and lanes: every row is in one part; every step of every row is read once, in order, along the ticks in both directions,
// and in little more of them than the longest row has; what is kept of it has a place of its own.
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
  RowStep before{-1, -1};
  for (std::int64_t tick = 0; tick < lanes.ticks() && lanes.active(tick) > j; ++tick) {
    const RowStep row = lanes.at(j, tick);
    expect(row.step == (row.batch == before.batch ? before.step + 1 : 0), "a step is left out", trial);
    expect(before.batch < 0 || row.batch == before.batch || before.step == p.lengths[before.batch] - 1, "a row is left early", trial);
    ++read[static_cast<std::size_t>(row.batch)];
    before = row;
  }
  if (before.batch >= 0) expect(before.step == p.lengths[before.batch] - 1, "the last row is left early", trial);
}

// Every valid step has a place below N that no other has, and is met once in the order of the sums.
void check_places(const Steps& steps, const Problem& p, std::size_t trial) {
  const std::int64_t N = Steps::total(p);
  std::vector<int> taken(static_cast<std::size_t>(N), 0);
  expect(steps.first(steps.count()) == N, "steps are not counted", trial);
  for (std::int64_t s = 0; s < steps.count(); ++s)
    for (std::int64_t i = steps.first(s); i < steps.first(s + 1); ++i) {
      const std::int64_t b = steps.batch(i - steps.first(s)), place = steps.place({b, s});
      expect(!p.lengths || s < p.lengths[b], "a step that is not valid", trial);
      if (place < 0 || place >= N) expect(false, "a place outside", trial);
      else ++taken[static_cast<std::size_t>(place)];
    }
  expect(std::count(taken.begin(), taken.end(), 1) == N, "a place is not taken once", trial);
}

// Each row once, in order within its part; and no part has much more to read than it should, but for a single row.
void check_parts(const Steps& steps, const Problem& p, std::size_t trial) {
  std::vector<int> seen(static_cast<std::size_t>(p.B), 0);
  for (std::int64_t part = 0; part < steps.parts(); ++part) {
    const Share own = steps.rows_of(part);
    std::int64_t reads = 0;
    for (std::int64_t j = 0; j < own.count; ++j) {
      const std::int64_t b = steps.row(own.position(j));
      expect(j == 0 || steps.row(own.position(j - 1)) < b, "rows of a part are out of order", trial);
      ++seen[static_cast<std::size_t>(b)], reads += p.lengths[b];
    }
    expect(reads * steps.parts() <= Steps::total(p) + steps.parts() * steps.count(), "a part has too much to read", trial);
  }
  expect(std::count(seen.begin(), seen.end(), 1) == p.B, "a row is not in one part", trial);
}

void check_batch(std::size_t trial, std::mt19937& random) {
  const std::vector<std::int64_t> lengths = random_lengths(trial, random);
  Problem p;
  p.B = static_cast<std::int64_t>(lengths.size()), p.T = 500, p.lengths = lengths.data();
  const std::int64_t parts = 1 + static_cast<std::int64_t>(random() % 4);
  Arena measure;
  Steps(p, parts, measure);
  std::vector<char> memory(measure.bytes());
  Arena arena(memory.data());
  const Steps steps(p, parts, arena);
  expect(arena.bytes() == measure.bytes(), "the arena was measured otherwise", trial);

  std::vector<std::int64_t> read(lengths.size(), 0), cursors(lengths.size() + 1);
  std::int64_t longest_lane = 0, rows = 0, lanes_before = 0;
  for (std::int64_t part = 0; part < parts; ++part) {
    const Share own = steps.rows_of(part), share = steps.lanes_of(part);
    expect(own.first == rows && share.first == lanes_before, "parts leave something between them", trial);
    rows += own.count, lanes_before += share.count;
    Lanes lanes(steps, share, cursors.data());
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
  expect(rows == p.B && lanes_before <= steps.most_lanes(), "parts are not all there is", trial);
  for (std::size_t b = 0; b < lengths.size(); ++b) expect(read[b] == lengths[b], "a row is not read as often as it has steps", trial);
  expect(16 * longest_lane <= 17 * steps.count(), "more ticks than a sixteenth above the longest row", trial);
  check_places(steps, p, trial);
  check_parts(steps, p, trial);
}

// Rows that all have T steps.
void check_equal(std::size_t rows) {
  Problem p;
  p.B = static_cast<std::int64_t>(rows), p.T = 7;
  Arena measure;
  check_places(Steps(p, 2, measure), p, rows);
}

}  // namespace
}  // namespace recorrente

int main() {
  std::mt19937 random(0);
  for (std::size_t trial = 0; trial < 2000; ++trial) recorrente::check_batch(trial, random);
  for (std::size_t rows = 0; rows < 40; ++rows) recorrente::check_equal(rows);
  std::printf("%d failures\n", recorrente::failures);
  return recorrente::failures > 0;
}
