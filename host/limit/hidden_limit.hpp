// A limit that nobody declares: learned from refusals (429) that no known limit explains.
#pragma once

#include "host/limit/sliding_window.hpp"

#include <optional>

namespace tomada::limit {

/// How it learns:
/// - Nothing is limited before the first refusal. After one, a single request at a time asks whether it is over (a probe),
///   a third later each time. What succeeded, and how long it took from the first request to the end of the pause, is the
///   first guess of an amount and a length.
/// - Before a refusal of a paced load is known, the guess grows by a twentieth of itself in each length that used it up.
///   From then on: back by 4 % (more when refusals come close together), soon up to 95 % of where that began, a long rest,
///   and 1.5 % more in each length.
/// - A pause that takes a tenth of the length or more says that the limit itself has moved: what got through in the last
///   length is the new amount, which is then as much of a guess as the first one was. One that is longer than the length says that the length was guessed too short; a refusal far
///   below the amount, too long.
/// One thread at a time.
class HiddenLimit {
 public:
  [[nodiscard]] bool is_known() const { return window_.has_value(); }
  [[nodiscard]] bool is_paused() const { return paused_; }
  [[nodiscard]] double amount() const { return window_ ? amount_ : 0; }
  [[nodiscard]] Span length() const { return window_ ? window_->length() : Span(0); }
  [[nodiscard]] double used(Time now) { return window_ ? window_->used(now) : 0; }

  /// When a request may be tried. Never later than a day.
  Time room_at(Time now, double cost, bool paced, double reserve);
  /// `at` as in SlidingWindow::add().
  void sent(Time now, Time at, double cost);
  [[nodiscard]] Span lookahead() const { return window_ ? window_->lookahead() : Span(0); }

  void succeeded(Time now, Time sent_at, Time from, Time to, double cost);
  /// A refusal that is explained by nothing else. `wait`: what the provider asked for.
  void refused(Time now, Time sent_at, Time counted_at, double cost, std::optional<Span> wait);
  /// A probe that came back with neither answer: the next one may go.
  void failed(Time sent_at) { if (paused_ && sent_at >= pause_began_) probing_ = false; }

  /// What is worth keeping over a restart; nothing while it is not known.
  struct Learned {
    double amount{};
    Span length{};
    bool is_settled{};  // a paced load was refused once: the amount is a ceiling
  };
  [[nodiscard]] std::optional<Learned> learned() const;
  void restore(const Learned& learned, Time now);
  void restore_use(Time now, Time at, double cost) { if (window_) window_->add(now, at, cost); }

 private:
  void grow(Time now);
  void settle(Time now);
  [[nodiscard]] Span turn() const;  // between two requests of an even load
  void move_amount(double amount);
  void learn_first(Time now);
  void shrink_length(Time now);

  std::optional<SlidingWindow> window_;
  double amount_{0};   // with fractions; the window has it rounded up
  double ceiling_{0};  // where a paced load was refused last; 0: never yet
  Time next_paced_{};
  bool was_short_{false};  // somebody waited for room since the last step
  Time step_at_{};
  std::uint64_t step_successes_{0};
  std::uint64_t successes_{0};  // since the last refusal
  int refusals_in_a_row_{0};    // with few successes between them

  double got_through_{0};  // cost, since the end of the last pause
  Time settled_at_{};
  Span pause_known_{0};  // the pause had to be at least that long

  Time cycle_began_{};   // first request of a load without gaps
  Time last_sent_{};
  double cycle_sent_{0};
  bool paused_{false};
  bool probing_{false};
  Time pause_began_{};
  Time probe_at_{};
  Span pause_step_{0};
};

}  // namespace tomada::limit
